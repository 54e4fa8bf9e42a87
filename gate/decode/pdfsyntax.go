package decode

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Objects of PDF (ISO 32000-1, 7.3). A number and an operator are their text.
type (
	pdfName   string
	pdfString []byte
	pdfAtom   string // a number, a boolean, null, or an operator
	pdfRef    int    // to the object of a number; generations are passed over
	pdfArray  []any
	pdfDict   map[pdfName]any
	pdfStream struct {
		dict pdfDict
		raw  []byte
	}
)

// A pdfReader reads objects from bytes.
type pdfReader struct {
	b  []byte
	at int
}

func isPDFSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isPDFDelimiter(c byte) bool { return strings.IndexByte("()<>[]{}/%", c) >= 0 }

// skip passes over white space and comments.
func (r *pdfReader) skip() {
	for r.at < len(r.b) {
		switch c := r.b[r.at]; {
		case isPDFSpace(c):
			r.at++
		case c == '%':
			for r.at < len(r.b) && r.b[r.at] != '\n' && r.b[r.at] != '\r' {
				r.at++
			}
		default:
			return
		}
	}
}

// next reads an object, nil at the end or where there is none.
func (r *pdfReader) next(depth int) any {
	r.skip()
	if r.at >= len(r.b) || depth > maxDepth {
		return nil
	}
	switch c := r.b[r.at]; c {
	case '/':
		r.at++
		return pdfName(r.name())
	case '(':
		return r.literal()
	case '<':
		if r.at+1 < len(r.b) && r.b[r.at+1] == '<' {
			r.at += 2
			return r.dict(depth)
		}
		return r.hex()
	case '[':
		r.at++
		return r.array(depth)
	case ']', '{', '}', ')':
		r.at++
		return pdfAtom(c)
	case '>':
		r.at++
		if r.at < len(r.b) && r.b[r.at] == '>' {
			r.at++
			return pdfAtom(">>")
		}
		return pdfAtom(">")
	}
	start := r.at
	for r.at < len(r.b) && !isPDFSpace(r.b[r.at]) && !isPDFDelimiter(r.b[r.at]) {
		r.at++
	}
	return pdfAtom(r.b[start:r.at])
}

// name reads a name behind its slash (7.3.5).
func (r *pdfReader) name() string {
	var out []byte
	for r.at < len(r.b) && !isPDFSpace(r.b[r.at]) && !isPDFDelimiter(r.b[r.at]) {
		c := r.b[r.at]
		r.at++
		if c == '#' && r.at+1 < len(r.b) && isHex(r.b[r.at]) && isHex(r.b[r.at+1]) {
			c = byte(unhex(r.b[r.at])<<4 | unhex(r.b[r.at+1]))
			r.at += 2
		}
		out = append(out, c)
	}
	return string(out)
}

// literal reads a string in parentheses (7.3.4.2).
func (r *pdfReader) literal() pdfString {
	r.at++
	out := pdfString{}
	for open := 1; r.at < len(r.b); r.at++ {
		c := r.b[r.at]
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				r.at++
				return out
			}
		case '\\':
			r.at++
			if r.at >= len(r.b) {
				return out
			}
			switch e := r.b[r.at]; {
			case e == 'n':
				c = '\n'
			case e == 'r':
				c = '\r'
			case e == 't':
				c = '\t'
			case e == 'b':
				c = '\b'
			case e == 'f':
				c = '\f'
			case e == '\r':
				if r.at+1 < len(r.b) && r.b[r.at+1] == '\n' {
					r.at++
				}
				continue
			case e == '\n':
				continue
			case '0' <= e && e <= '7':
				v := 0
				n := 0
				for n < 3 && r.at < len(r.b) && '0' <= r.b[r.at] && r.b[r.at] <= '7' {
					v = v<<3 | int(r.b[r.at]-'0')
					r.at++
					n++
				}
				r.at--
				c = byte(v)
			default:
				c = e
			}
		}
		out = append(out, c)
	}
	return out
}

// hex reads a string in angle brackets (7.3.4.3).
func (r *pdfReader) hex() pdfString {
	r.at++
	out := pdfString{}
	half := -1
	for r.at < len(r.b) {
		c := r.b[r.at]
		r.at++
		if c == '>' {
			break
		}
		v := unhex(c)
		switch {
		case v < 0:
		case half < 0:
			half = v
		default:
			out = append(out, byte(half<<4|v))
			half = -1
		}
	}
	if half >= 0 {
		out = append(out, byte(half<<4))
	}
	return out
}

func (r *pdfReader) array(depth int) pdfArray {
	out := pdfArray{}
	for {
		v := r.next(depth + 1)
		if v == nil || v == pdfAtom("]") {
			return out
		}
		if v == pdfAtom("R") {
			out = out.refer()
			continue
		}
		out = append(out, v)
	}
}

// refer makes the two numbers at the end a reference.
func (a pdfArray) refer() pdfArray {
	if len(a) < 2 {
		return a
	}
	n, ok := pdfInt(a[len(a)-2])
	if _, second := pdfInt(a[len(a)-1]); !ok || !second {
		return a
	}
	return append(a[:len(a)-2], pdfRef(n))
}

func (r *pdfReader) dict(depth int) pdfDict {
	var items pdfArray
	for {
		v := r.next(depth + 1)
		if v == nil || v == pdfAtom(">>") {
			break
		}
		if v == pdfAtom("R") {
			items = items.refer()
			continue
		}
		items = append(items, v)
	}
	out := pdfDict{}
	for len(items) > 0 {
		key, ok := items[0].(pdfName)
		if !ok || len(items) < 2 {
			items = items[1:]
			continue
		}
		out[key] = items[1]
		items = items[2:]
	}
	return out
}

func pdfInt(v any) (int, bool) {
	a, ok := v.(pdfAtom)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(string(a))
	return n, err == nil
}

// pdfText is a text string (7.9.2): UTF-16 or UTF-8 by its mark, else ISO 8859-1, with
// which PDFDocEncoding agrees where it matters.
func pdfText(s pdfString) string {
	if b, ok := bytes.CutPrefix(s, []byte("\xfe\xff")); ok {
		units := make([]uint16, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, uint16(b[0])<<8|uint16(b[1]))
		}
		return string(utf16.Decode(units))
	}
	s = bytes.TrimPrefix(s, []byte("\xef\xbb\xbf"))
	return validText(s)
}

// A pdfFile is the objects of a file, by their numbers.
type pdfFile struct {
	objects  map[int]any
	order    []int // numbers, as they stand in the file
	trailers []pdfDict
	tables   map[pdfName]map[string]string // of fonts; nil is not read yet
}

// readPDF reads every object of a file by scanning it: tables of where objects stand are
// passed over, and what was replaced by an update counts as its last version.
func readPDF(b []byte, budget *Budget) (*pdfFile, error) {
	f := &pdfFile{objects: map[int]any{}}
	trailer := indexFrom(b, 0, "trailer")
	for at := 0; ; {
		start := indexFrom(b, at, "obj")
		if trailer < at {
			trailer = indexFrom(b, at, "trailer")
		}
		if trailer < start {
			r := pdfReader{b: b, at: trailer + len("trailer")}
			if d, ok := r.next(0).(pdfDict); ok {
				f.trailers = append(f.trailers, d)
			}
			at = r.at
			continue
		}
		if start == len(b) {
			break
		}
		at = start + len("obj")
		number, ok := numberBefore(b[:start])
		if !ok {
			continue
		}
		r := pdfReader{b: b, at: at}
		v := r.next(0)
		if d, isDict := v.(pdfDict); isDict {
			if raw, end, isStream := f.stream(b, r.at, d); isStream {
				v = pdfStream{d, raw}
				r.at = end
			}
		}
		at = r.at
		f.put(number, v)
	}
	// Lengths that stand elsewhere were not known yet: streams end at their mark.
	for _, n := range append([]int(nil), f.order...) {
		s, ok := f.objects[n].(pdfStream)
		if !ok {
			continue
		}
		switch s.dict["Type"] {
		case pdfName("XRef"):
			f.trailers = append(f.trailers, s.dict)
			delete(f.objects, n)
		case pdfName("ObjStm"):
			if err := f.unpack(s, budget); err != nil {
				return nil, err
			}
			delete(f.objects, n)
		}
	}
	return f, nil
}

// indexFrom is where word stands first in b[from:], the length of b where it does not.
func indexFrom(b []byte, from int, word string) int {
	if i := bytes.Index(b[min(from, len(b)):], []byte(word)); i >= 0 {
		return from + i
	}
	return len(b)
}

func (f *pdfFile) put(number int, v any) {
	if _, again := f.objects[number]; !again {
		f.order = append(f.order, number)
	}
	f.objects[number] = v
}

// numberBefore is the number of the object whose "obj" stands behind b.
func numberBefore(b []byte) (int, bool) {
	b = bytes.TrimRight(b, " \t\r\n")
	i := len(b)
	for i > 0 && '0' <= b[i-1] && b[i-1] <= '9' {
		i--
	}
	if i == len(b) || i == 0 || !isPDFSpace(b[i-1]) {
		return 0, false
	}
	b = bytes.TrimRight(b[:i], " \t\r\n")
	i = len(b)
	for i > 0 && '0' <= b[i-1] && b[i-1] <= '9' {
		i--
	}
	n, err := strconv.Atoi(string(b[i:]))
	return n, err == nil
}

// stream reads the bytes of a stream whose dictionary ends at b[at:] (7.3.8).
func (f *pdfFile) stream(b []byte, at int, d pdfDict) (raw []byte, end int, ok bool) {
	r := pdfReader{b: b, at: at}
	r.skip()
	rest, ok := bytes.CutPrefix(b[r.at:], []byte("stream"))
	if !ok {
		return nil, 0, false
	}
	from := r.at + len("stream")
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		from += 2
	case len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r'):
		from++
	}
	mark := []byte("endstream")
	length, known := pdfInt(d["Length"])
	if ref, isRef := d["Length"].(pdfRef); isRef {
		length, known = pdfInt(f.objects[int(ref)])
	}
	if known && length >= 0 && from+length <= len(b) && bytes.HasPrefix(bytes.TrimLeft(b[from+length:min(len(b), from+length+16)], " \t\r\n"), mark) {
		return b[from : from+length], from + length, true
	}
	i := bytes.Index(b[from:], mark)
	if i < 0 {
		return b[from:], len(b), true
	}
	raw = bytes.TrimSuffix(b[from:from+i], []byte("\n"))
	return bytes.TrimSuffix(raw, []byte("\r")), from + i, true
}

// unpack reads the objects of an object stream (7.5.7).
func (f *pdfFile) unpack(s pdfStream, budget *Budget) error {
	data, left, err := f.decode(s, budget)
	if err != nil {
		return err
	}
	n, ok := pdfInt(s.dict["N"])
	first, ok2 := pdfInt(s.dict["First"])
	if !ok || !ok2 || left != "" || first < 0 || first > len(data) {
		return nil
	}
	heads := pdfReader{b: data[:first]}
	for range min(n, maxLeaves) {
		number, ok := pdfInt(heads.next(0))
		offset, ok2 := pdfInt(heads.next(0))
		if !ok || !ok2 || offset < 0 || first+offset > len(data) {
			return nil
		}
		r := pdfReader{b: data, at: first + offset}
		f.put(number, r.next(0))
	}
	return nil
}

// decode undoes the filters of a stream (7.4). left is the first one that is not undone:
// of pictures, or unknown.
func (f *pdfFile) decode(s pdfStream, budget *Budget) (data []byte, left pdfName, err error) {
	data = s.raw
	filters, params := pdfList(f.get(s.dict["Filter"])), pdfList(f.get(s.dict["DecodeParms"]))
	for i, v := range filters {
		name, _ := f.get(v).(pdfName)
		var p pdfDict
		if i < len(params) {
			p, _ = f.get(params[i]).(pdfDict)
		}
		switch name {
		case "FlateDecode", "Fl":
			out, _, err := Inflate(Zlib, data, budget)
			if err != nil {
				return nil, "", err
			}
			data = f.unpredict(out, p)
		case "ASCIIHexDecode", "AHx":
			r := pdfReader{b: append([]byte("<"), data...)}
			data = r.hex()
		case "ASCII85Decode", "A85":
			data = ascii85(data)
		case "RunLengthDecode", "RL":
			if data, err = runLengths(data, budget); err != nil {
				return nil, "", err
			}
		default:
			return data, name, nil
		}
	}
	return data, "", nil
}

func pdfList(v any) pdfArray {
	switch v := v.(type) {
	case nil:
		return nil
	case pdfArray:
		return v
	}
	return pdfArray{v}
}

// get is what v refers to.
func (f *pdfFile) get(v any) any {
	for range 8 {
		ref, ok := v.(pdfRef)
		if !ok {
			return v
		}
		v = f.objects[int(ref)]
	}
	return nil
}

// unpredict undoes the predictors of PNG (7.4.4.4).
func (f *pdfFile) unpredict(data []byte, p pdfDict) []byte {
	number := func(key pdfName, otherwise int) int {
		if n, ok := pdfInt(f.get(p[key])); ok && n > 0 && n < 1<<20 {
			return n
		}
		return otherwise
	}
	if number("Predictor", 1) < 10 {
		return data
	}
	bits := number("Colors", 1) * number("BitsPerComponent", 8)
	return unfilter(data, (number("Columns", 1)*bits+7)/8, max(1, bits/8))
}

// ascii85 undoes ASCII base 85 (7.4.3).
func ascii85(b []byte) []byte {
	var out []byte
	var group uint32
	n := 0
	for _, c := range b {
		switch {
		case isPDFSpace(c):
			continue
		case c == 'z' && n == 0:
			out = append(out, 0, 0, 0, 0)
			continue
		case c < '!' || c > 'u':
			if c == '~' {
				return lastGroup(out, group, n)
			}
			continue
		}
		group = group*85 + uint32(c-'!')
		if n++; n == 5 {
			out = append(out, byte(group>>24), byte(group>>16), byte(group>>8), byte(group))
			group, n = 0, 0
		}
	}
	return lastGroup(out, group, n)
}

func lastGroup(out []byte, group uint32, n int) []byte {
	if n < 2 {
		return out
	}
	for i := n; i < 5; i++ {
		group = group*85 + 84
	}
	return append(out, []byte{byte(group >> 24), byte(group >> 16), byte(group >> 8)}[:n-1]...)
}

// runLengths undoes run-length encoding (7.4.5).
func runLengths(b []byte, budget *Budget) ([]byte, error) {
	var out []byte
	for len(b) > 0 && b[0] != 128 {
		n := int(b[0])
		switch {
		case n < 128 && n+2 <= len(b):
			out = append(out, b[1:n+2]...)
			b = b[n+2:]
		case n > 128 && len(b) >= 2:
			out = append(out, bytes.Repeat(b[1:2], 257-n)...)
			b = b[2:]
		default:
			b = nil
		}
	}
	return out, budget.spend(len(out))
}
