package decode

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// protobufBits reports whether b is one protobuf message wholly, of two fields or more
// with text in it, and how many bits speak against chance: those of its texts.
func protobufBits(b []byte, depth int) (bits float64, ok bool) {
	if depth > maxDepth {
		return 0, false
	}
	fields := 0
	ok = scanProtobuf(b, func(_ uint64, t wireType, _ uint64, v []byte) bool {
		fields++
		if t == bytesType && len(v) > 0 {
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

// A wireType says how the value of a field is written (Protocol Buffers, Encoding).
type wireType uint8

const (
	varintType  wireType = 0
	fixed64Type wireType = 1
	bytesType   wireType = 2
	fixed32Type wireType = 5
)

// scanProtobuf calls field for each field of a message and reports whether b is one
// wholly. Groups, which are long deprecated, are none here. The library that reads
// this opens its own executable when a program starts, which a gate short of files may not.
func scanProtobuf(b []byte, field func(uint64, wireType, uint64, []byte) bool) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		num, typ := tag>>3, wireType(tag&7)
		if n <= 0 || num == 0 || num > 1<<20 {
			return false
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch n = 0; typ {
		case varintType:
			v, n = binary.Uvarint(b)
		case fixed32Type:
			if len(b) >= 4 {
				v, n = uint64(binary.LittleEndian.Uint32(b)), 4
			}
		case fixed64Type:
			if len(b) >= 8 {
				v, n = binary.LittleEndian.Uint64(b), 8
			}
		case bytesType:
			size, m := binary.Uvarint(b)
			if m > 0 && size <= uint64(len(b)-m) {
				data, n = b[m:m+int(size)], m+int(size)
			}
		default:
			return false
		}
		if n <= 0 || !field(num, typ, v, data) {
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
	seen := map[uint64]int{}
	var err error
	whole := scanProtobuf(b, func(num uint64, typ wireType, v uint64, data []byte) bool {
		name := under(in, strconv.Itoa(int(num)))
		if n := seen[num]; n > 0 {
			name += "[" + strconv.Itoa(n) + "]"
		}
		seen[num]++
		switch typ {
		case bytesType:
			err = c.protobufBytes(name, data, depth)
		case fixed32Type:
			err = c.value(name, number(v, float64(math.Float32frombits(uint32(v)))))
		case fixed64Type:
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
	nested := isNested(data, depth)
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

// isNested reports whether a run of bytes is a message: one whose fields are in the order of their
// numbers, as the usual libraries write them, or that has text. One in a hundred runs of 16 bytes
// that are drawn at random parses as a message; one in two thousand is in such an order.
func isNested(data []byte, depth int) bool {
	last, ordered := uint64(0), true
	if len(data) < 2 || !scanProtobuf(data, func(num uint64, _ wireType, _ uint64, _ []byte) bool {
		ordered = ordered && num >= last && num-last <= widestStep
		last = num
		return true
	}) {
		return false
	}
	if ordered {
		return true
	}
	_, text := protobufBits(data, depth+1)
	return text
}

// widestStep is how many numbers a message leaves out between two fields at the most, where nothing
// but their order says that it is one.
const widestStep = 64

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
