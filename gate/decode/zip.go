package decode

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// zip gives the members of a ZIP file in the order of its directory: their names,
// comments, further fields and what they hold, their times apart; then what no member
// and no directory covers. A member that is encrypted cannot be read by anybody without a
// key; one that is packed in an unknown way is compared as it is packed.
func (c *container) zip(data []byte) error {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return broken(ZIP)
	}
	if r.Comment != "" {
		if err := c.value("comment", validText([]byte(r.Comment))); err != nil {
			return err
		}
	}
	for i, f := range r.File {
		in := "member[" + strconv.Itoa(i) + "]"
		if err := c.zipFields(in, f); err != nil {
			return err
		}
		if err := c.zipContent(in, f); err != nil {
			return err
		}
	}
	return c.zipUncovered(data, len(r.File))
}

// zipFields gives what the directory says of a member.
func (c *container) zipFields(in string, f *zip.File) error {
	if err := c.value(in+"/name", validText([]byte(f.Name))); err != nil {
		return err
	}
	if f.Comment != "" {
		if err := c.value(in+"/comment", validText([]byte(f.Comment))); err != nil {
			return err
		}
	}
	// Any four bytes are a time of MS-DOS, and so have the shape of one.
	if f.ModifiedDate != 0 || f.ModifiedTime != 0 { //nolint:staticcheck // as it stands
		text := f.Modified.UTC().Format("2006-01-02T15:04:05Z")
		if err := c.add(Leaf{Name: in + "/time", Class: Fresh, Rule: "archive-time", Data: []byte(text)}); err != nil {
			return err
		}
	}
	return c.zipExtra(in+"/extra", f.Extra)
}

// zipExtra gives the further fields of a member, but for those that hold its size and
// times, by their ids.
func (c *container) zipExtra(in string, extra []byte) error {
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra)-4 {
			break
		}
		body := extra[4 : 4+size]
		extra = extra[4+size:]
		l := Leaf{Name: fmt.Sprintf("%s/%04x", in, id), Class: Document, Kind: Recognise(body), Data: body}
		switch {
		case id == 1: // ZIP64
			continue
		case id == 0x5455 && (size == 5 || size == 9 || size == 13), id == 0x000a && size == 32, id == 0x5855 && (size == 8 || size == 12):
			l.Class, l.Rule, l.Data = Fresh, "archive-time", []byte(hex.EncodeToString(body))
		}
		if err := c.add(l); err != nil {
			return err
		}
	}
	return c.rest(in, extra)
}

func (c *container) zipContent(in string, f *zip.File) error {
	raw, err := f.OpenRaw()
	if err != nil {
		return broken(ZIP)
	}
	packed, err := io.ReadAll(io.LimitReader(raw, int64(f.CompressedSize64)))
	if err != nil {
		return broken(ZIP)
	}
	if f.Flags&1 != 0 {
		return c.add(Leaf{Name: in + "/opaque", Class: Opaque, Data: packed})
	}
	r, err := f.Open()
	if err != nil {
		return c.add(Leaf{Name: in, Class: Bytes, Data: packed})
	}
	defer r.Close()
	plain, _, err := c.budget.drain(r, bytes.NewReader(nil), ZIP, packed)
	if _, over := err.(*LimitError); over {
		return err
	}
	if err != nil {
		return c.add(Leaf{Name: in, Class: Bytes, Data: packed})
	}
	if len(plain) == 0 {
		return nil
	}
	if err := c.add(Leaf{Name: in, Class: Document, Kind: Recognise(plain), File: f.Name, Data: plain}); err != nil {
		return err
	}
	// What stands behind the stream is not of it: RFC 1951, 2.3.
	if f.Method == zip.Deflate {
		small := Budget{Bytes: int64(len(plain)) + 1, Ratio: int64(len(plain)) + 1}
		if _, rest, err := Inflate(Deflate, packed, &small); err == nil {
			return c.rest(in+"/trailer", rest)
		}
	}
	return nil
}

// zipUncovered gives the bytes that belong to no member, no directory and no end record.
func (c *container) zipUncovered(data []byte, members int) error {
	end := bytes.LastIndex(data, []byte("PK\x05\x06"))
	if end < 0 || len(data)-end < 22 {
		return broken(ZIP)
	}
	size := int64(binary.LittleEndian.Uint32(data[end+12:]))
	offset := int64(binary.LittleEndian.Uint32(data[end+16:]))
	directory := int64(end) - size
	if size == 0xffffffff || offset == 0xffffffff || directory < offset { // ZIP64, or a lie
		return c.add(Leaf{Name: "whole", Class: Bytes, Data: data})
	}
	base := directory - offset
	covered := [][2]int64{{directory, int64(end) + 22 + int64(binary.LittleEndian.Uint16(data[end+20:]))}}
	at := directory
	for range members {
		if at+46 > int64(end) {
			break
		}
		entry := data[at:]
		name, extra, comment := int64(binary.LittleEndian.Uint16(entry[28:])), int64(binary.LittleEndian.Uint16(entry[30:])), int64(binary.LittleEndian.Uint16(entry[32:]))
		span, err := c.zipLocal(data, base+int64(binary.LittleEndian.Uint32(entry[42:])), int64(binary.LittleEndian.Uint32(entry[20:])), entry[46:min(46+name, int64(len(entry)))])
		if err != nil {
			return err
		}
		covered = append(covered, span)
		at += 46 + name + extra + comment
	}
	slices.SortFunc(covered, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	from, n := int64(0), 0
	for _, span := range append(covered, [2]int64{int64(len(data)), int64(len(data))}) {
		if span[0] > from {
			if err := c.rest(fmt.Sprintf("between[%d]", n), data[from:span[0]]); err != nil {
				return err
			}
			n++
		}
		from = max(from, span[1])
	}
	return nil
}

// zipLocal gives what the header before a member says that the directory does not, and
// the span of both.
func (c *container) zipLocal(data []byte, at, size int64, name []byte) ([2]int64, error) {
	if at < 0 || at+30 > int64(len(data)) {
		return [2]int64{}, broken(ZIP)
	}
	head := data[at:]
	n, m := int64(binary.LittleEndian.Uint16(head[26:])), int64(binary.LittleEndian.Uint16(head[28:]))
	body := at + 30 + n + m
	end := body + size
	if end > int64(len(data)) {
		return [2]int64{}, broken(ZIP)
	}
	if local := head[30 : 30+n]; !bytes.Equal(local, name) {
		if err := c.value("local/name", validText(local)); err != nil {
			return [2]int64{}, err
		}
	}
	if err := c.zipExtra("local/extra", head[30+n:30+n+m]); err != nil {
		return [2]int64{}, err
	}
	if binary.LittleEndian.Uint16(head[6:])&8 != 0 { // sizes and checksum follow
		switch rest := data[end:]; {
		case bytes.HasPrefix(rest, []byte("PK\x07\x08")) && len(rest) >= 16:
			end += 16
		case len(rest) >= 12:
			end += 12
		}
	}
	return [2]int64{at, end}, nil
}
