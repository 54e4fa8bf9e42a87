package decode

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// protobufBits reports whether b is one protobuf message wholly, of two fields or more
// with text in it, and how many bits speak against chance: those of its texts.
func protobufBits(b []byte, depth int) (bits float64, ok bool) {
	if depth > maxDepth {
		return 0, false
	}
	fields := 0
	ok = scanProtobuf(b, func(_ protowire.Number, t protowire.Type, _ uint64, v []byte) bool {
		fields++
		if t == protowire.BytesType && len(v) > 0 {
			if len(v) >= minText && Printable(v) {
				bits += textBits(string(v))
			} else if inner, nested := protobufBits(v, depth+1); nested {
				bits += inner
			}
		}
		return true
	})
	return bits, ok && fields >= 2 && bits > 0
}

// scanProtobuf calls field for each field of a message and reports whether b is one
// wholly. Groups, which are long deprecated, are none here.
func scanProtobuf(b []byte, field func(protowire.Number, protowire.Type, uint64, []byte) bool) bool {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > 1<<20 {
			return false
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var w uint32
			w, n = protowire.ConsumeFixed32(b)
			v = uint64(w)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			return false
		}
		if n < 0 || !field(num, typ, v, data) {
			return false
		}
		b = b[n:]
	}
	return true
}

// protobuf gives the leaves of a message by their numbers: "1", "3/2", "4[1]" for the
// second of its number. A run of bytes is text where it is printable, else a message
// where it parses as one, else what it is.
func (c *container) protobuf(in string, b []byte, depth int) error {
	if depth > maxDepth {
		return &LimitError{fmt.Sprintf("its messages nest more than %d deep", maxDepth)}
	}
	seen := map[protowire.Number]int{}
	var err error
	whole := scanProtobuf(b, func(num protowire.Number, typ protowire.Type, v uint64, data []byte) bool {
		name := under(in, strconv.Itoa(int(num)))
		if n := seen[num]; n > 0 {
			name += "[" + strconv.Itoa(n) + "]"
		}
		seen[num]++
		switch typ {
		case protowire.BytesType:
			err = c.protobufBytes(name, data, depth)
		case protowire.Fixed32Type:
			err = c.value(name, number(v, float64(math.Float32frombits(uint32(v)))))
		case protowire.Fixed64Type:
			err = c.value(name, number(v, math.Float64frombits(v)))
		default:
			err = c.value(name, strconv.FormatUint(v, 10))
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	if !whole {
		return broken(Protobuf)
	}
	return nil
}

func (c *container) protobufBytes(name string, data []byte, depth int) error {
	nested := len(data) > 1 && scanProtobuf(data, func(protowire.Number, protowire.Type, uint64, []byte) bool { return true })
	switch {
	case Printable(data) && !(nested && data[0] < ' '):
		return c.value(name, string(data))
	case nested:
		return c.protobuf(name, data, depth+1)
	case magic(data) != Unknown:
		return c.rest(name, data)
	case len(data) <= 64:
		return c.value(name, hex.EncodeToString(data))
	}
	return c.add(Leaf{Name: name, Class: Bytes, Data: data})
}

// number is a value of fixed size: as a float where that is a number of usual size, else
// as an integer. Both are exact.
func number(v uint64, f float64) string {
	if a := math.Abs(f); v != 0 && (a < 1e-6 || a > 1e15 || math.IsNaN(f)) {
		return strconv.FormatUint(v, 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// grpc gives the messages of a body of length-prefixed messages (gRPC over HTTP/2).
func (c *container) grpc(b []byte) error {
	for n := 0; len(b) > 0; n++ {
		if len(b) < 5 || b[0] > 1 {
			return broken(GRPC)
		}
		size := int64(binary.BigEndian.Uint32(b[1:5]))
		if size > int64(len(b)-5) {
			return broken(GRPC)
		}
		frame := b[5 : 5+size]
		if b[0] == 1 {
			out, rest, err := Inflate(Gzip, frame, c.budget)
			if err != nil || len(rest) > 0 {
				return broken(GRPC)
			}
			frame = out
		}
		in := ""
		if n > 0 {
			in = fmt.Sprintf("message[%d]", n)
		}
		if err := c.protobuf(in, frame, 0); err != nil {
			return err
		}
		b = b[5+size:]
	}
	return nil
}
