package decode

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
)

// pdf gives what a PDF (ISO 32000-1) says, object by object from its trailer on, in the
// order in which one leads to the next: the texts that its streams show, its strings, the
// files and pictures in it, and the shape of all of that as bytes. Where objects stand,
// their numbers, and how streams are packed tell nothing and are left out. What has the
// exact shape of a date, of an id or of a subset's tag is fresh. An encrypted file is opaque.
func (c *container) pdf(data []byte) error {
	if !bytes.HasPrefix(data, []byte("%PDF-")) {
		return broken(PDF)
	}
	f, err := readPDF(data, c.budget)
	if err != nil {
		return err
	}
	if len(f.objects) == 0 {
		return broken(PDF)
	}
	w := pdfWalk{container: c, file: f, visited: map[int]int{}}
	for _, t := range f.trailers {
		if t["Encrypt"] != nil {
			return c.add(Leaf{Name: "opaque", Class: Opaque, Data: data})
		}
	}
	for _, t := range slices.Backward(f.trailers) { // the last one counts
		w.trailer(t)
	}
	for _, n := range f.order { // nothing leads to these
		if _, seen := w.visited[n]; !seen && f.objects[n] != nil {
			w.object(pdfRef(n), "object["+strconv.Itoa(len(w.visited))+"]", 0)
		}
	}
	if w.err != nil {
		return w.err
	}
	if err := c.add(Leaf{Name: "shape", Class: Bytes, Data: w.shape.Bytes()}); err != nil {
		return err
	}
	if end := bytes.LastIndex(data, []byte("%%EOF")); end >= 0 {
		return c.rest("trailer", bytes.Trim(data[end+len("%%EOF"):], " \t\r\n\x00"))
	}
	return nil
}

// A pdfWalk is on its way through the objects of a file.
type pdfWalk struct {
	*container
	file    *pdfFile
	visited map[int]int // objects, and which they were
	shape   bytes.Buffer
	err     error
}

func (w *pdfWalk) leaf(l Leaf) {
	if w.err == nil {
		w.err = w.add(l)
	}
}

// trailer walks one trailer: its document, then its information.
func (w *pdfWalk) trailer(t pdfDict) {
	for _, key := range []pdfName{"Root", "Info"} {
		v := t[key]
		if ref, ok := v.(pdfRef); ok {
			if _, seen := w.visited[int(ref)]; seen {
				continue // of an earlier version of the file
			}
		}
		if v != nil {
			w.shape.WriteString(string(key) + " ")
			w.object(v, strings.ToLower(string(key)), 0)
		}
	}
	for i, v := range pdfList(w.file.get(t["ID"])) {
		s, ok := v.(pdfString)
		if !ok {
			continue
		}
		l := Leaf{Name: fmt.Sprintf("id[%d]", i), Class: Value, Data: []byte(hex.EncodeToString(s))}
		if len(s) == 16 { // 14.4: an MD5 sum, as a rule
			l.Class, l.Rule = Fresh, "document-id"
		}
		w.leaf(l)
	}
}

// maxPath is how many names the path of an object has; what lies deeper is named by when
// it was met.
const maxPath = 8

// object walks v, whose path is name.
func (w *pdfWalk) object(v any, name string, depth int) {
	if w.err != nil {
		return
	}
	if depth > 200 {
		w.err = &LimitError{"its objects nest too deep"}
		return
	}
	if ref, ok := v.(pdfRef); ok {
		n := int(ref)
		if first, seen := w.visited[n]; seen {
			fmt.Fprintf(&w.shape, "@%d ", first)
			return
		}
		w.visited[n] = len(w.visited)
		if strings.Count(name, "/") >= maxPath {
			name = fmt.Sprintf("object[%d]", w.visited[n])
		}
		v = w.file.objects[n]
	}
	switch v := v.(type) {
	case pdfDict:
		if v["Linearized"] != nil {
			return // where things stand in the file
		}
		w.dict(v, name, depth)
	case pdfStream:
		w.stream(v, name, depth)
	case pdfArray:
		w.shape.WriteString("[ ")
		for i, e := range v {
			w.object(e, fmt.Sprintf("%s[%d]", name, i), depth+1)
		}
		w.shape.WriteString("] ")
	case pdfString:
		w.shape.WriteString("() ")
		w.text(v, name, "")
	case pdfName:
		w.shape.WriteString("/" + string(w.untagged(v, name)) + " ")
	case pdfAtom:
		w.shape.WriteString(string(v) + " ")
	default:
		w.shape.WriteString("null ")
	}
}

// untagged is a name without the tag of a font's subset (9.6.4).
func (w *pdfWalk) untagged(n pdfName, name string) pdfName {
	if len(n) > 7 && n[6] == '+' && strings.Trim(string(n[:6]), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		w.leaf(Leaf{Name: name, Class: Fresh, Rule: "font-subset", Data: []byte(n[:6])})
		return n[6:]
	}
	return n
}

// text gives a string. One that is no text is given in hexadecimal.
func (w *pdfWalk) text(s pdfString, name, key string) {
	if len(s) == 0 {
		return
	}
	text := pdfText(s)
	if !Printable([]byte(text)) {
		text = hex.EncodeToString(s)
	}
	l := Leaf{Name: name, Class: Value, Data: []byte(text)}
	switch key {
	case "CreationDate", "ModDate", "M":
		if pdfDate.MatchString(text) {
			l.Class, l.Rule = Fresh, "document-date"
		}
	}
	w.leaf(l)
}

// pdfDate is a date of PDF (7.9.4), of the centuries in which files were written.
var pdfDate = regexp.MustCompile(`^D:(19|20)\d\d((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?)?)?(Z(00'?(00'?)?)?|[+-][01]\d'?([0-5]\d'?)?)?$`)

// dict walks a dictionary in the order of its keys. What says how a stream is packed, and
// what leads back, is left out.
func (w *pdfWalk) dict(d pdfDict, name string, depth int) {
	keys := make([]string, 0, len(d))
	for k := range d {
		keys = append(keys, string(k))
	}
	sort.Strings(keys)
	w.shape.WriteString("<< ")
	for _, k := range keys {
		if d["CheckSum"] != nil && k == "CheckSum" {
			continue // of an embedded file that is compared itself
		}
		w.shape.WriteString("/" + k + " ")
		path := name + "/" + validName(k)
		if s, ok := w.file.get(d[pdfName(k)]).(pdfString); ok {
			if ref, isRef := d[pdfName(k)].(pdfRef); isRef {
				if _, seen := w.visited[int(ref)]; !seen {
					w.visited[int(ref)] = len(w.visited)
				}
			}
			w.shape.WriteString("() ")
			w.text(s, path, k)
			continue
		}
		if k == "Contents" {
			w.contents(d[pdfName(k)], path)
			continue
		}
		w.object(d[pdfName(k)], path, depth+1)
	}
	w.shape.WriteString(">> ")
}

// contents gives what the streams of a page show. They are one, wherever it was cut (7.8.2).
func (w *pdfWalk) contents(v any, name string) {
	list := pdfArray{v}
	if a, ok := w.file.get(v).(pdfArray); ok {
		if ref, isRef := v.(pdfRef); isRef {
			w.visited[int(ref)] = len(w.visited)
		}
		list = a
	}
	var all []byte
	for i, e := range list {
		s, ok := w.file.get(e).(pdfStream)
		if !ok {
			w.object(e, fmt.Sprintf("%s[%d]", name, i), 1)
			continue
		}
		if ref, isRef := e.(pdfRef); isRef {
			if _, seen := w.visited[int(ref)]; !seen {
				w.visited[int(ref)] = len(w.visited)
			}
		}
		data, left, err := w.file.decode(s, w.budget)
		if err != nil {
			w.err = err
			return
		}
		if left != "" {
			w.leaf(Leaf{Name: fmt.Sprintf("%s[%d]", name, i), Class: Bytes, Data: data})
			continue
		}
		all = append(append(all, data...), '\n')
	}
	w.shown(all, name)
}

// stream walks a stream: what it holds, by what it is.
func (w *pdfWalk) stream(s pdfStream, name string, depth int) {
	d := pdfDict{}
	for k, v := range s.dict {
		switch k {
		case "Length", "Filter", "DecodeParms", "DL":
			if ref, ok := v.(pdfRef); ok {
				if _, seen := w.visited[int(ref)]; !seen {
					w.visited[int(ref)] = len(w.visited)
				}
			}
		default:
			d[k] = v
		}
	}
	w.dict(d, name, depth+1)
	data, left, err := w.file.decode(s, w.budget)
	if err != nil {
		if _, over := err.(*LimitError); over {
			w.err = err
			return
		}
		w.leaf(Leaf{Name: name, Class: Bytes, Data: s.raw}) // broken: as it is
		return
	}
	switch {
	case left == "DCTDecode" || left == "DCT":
		w.leaf(Leaf{Name: name, Class: Document, Kind: JPEG, Type: "image/jpeg", Data: data})
	case left != "":
		w.leaf(Leaf{Name: name, Class: Bytes, Data: data})
	case s.dict["Type"] == pdfName("Metadata"):
		if w.err == nil {
			w.err = w.xmp(name, data)
		}
	case s.dict["Type"] == pdfName("EmbeddedFile"):
		w.leaf(Leaf{Name: name, Class: Document, Kind: Recognise(data), Data: data})
	case s.dict["Subtype"] == pdfName("Form") || s.dict["Type"] == nil && s.dict["Subtype"] == nil && bytes.Contains(data, []byte("BT")) && bytes.Contains(data, []byte("ET")) && !bytes.Contains(data, []byte("begincmap")):
		w.shown(data, name)
	default:
		w.leaf(Leaf{Name: name, Class: Bytes, Data: data})
	}
}

// shown gives the text that a content stream shows (9.4.3), each string besides that, and
// its other operands and operators as bytes.
func (w *pdfWalk) shown(data []byte, name string) {
	fonts := w.file.fonts()
	var text strings.Builder
	var drawing bytes.Buffer
	var font map[string]string
	var stack []any
	others := 0
	r := pdfReader{b: data}
	newLine, height := false, "" // whether one begins, and at which height the last did
	show := func(v any) {
		if s, ok := v.(pdfString); ok {
			if newLine && text.Len() > 0 && !strings.HasSuffix(text.String(), "\n") {
				text.WriteByte('\n')
			}
			newLine = false
			text.WriteString(fontText(font, s))
		}
	}
	other := func(v any) {
		if s, ok := v.(pdfString); ok && len(s) > 0 {
			w.text(s, fmt.Sprintf("%s/string[%d]", name, others), "")
			others++
		}
	}
	for v := r.next(0); v != nil; v = r.next(0) {
		op, isAtom := v.(pdfAtom)
		if !isAtom || isPDFNumber(string(op)) {
			if stack = append(stack, v); len(stack) > 1<<16 {
				w.err = &LimitError{"a stream of it has too many operands"}
				return
			}
			continue
		}
		switch op {
		case "Tf":
			if len(stack) >= 2 {
				if n, ok := stack[len(stack)-2].(pdfName); ok {
					font = fonts[n]
				}
			}
		case "Tj", "'", "\"":
			newLine = newLine || op != "Tj"
			if n := len(stack); n > 0 {
				show(stack[n-1])
				stack = stack[:n-1]
			}
		case "TJ":
			if n := len(stack); n > 0 {
				for _, e := range pdfList(stack[n-1]) {
					if a, ok := e.(pdfAtom); ok {
						if f, err := strconv.ParseFloat(string(a), 64); err == nil && f < -180 {
							text.WriteByte(' ')
						}
						continue
					}
					show(e)
				}
				stack = stack[:n-1]
			}
		case "BT", "T*":
			newLine = true
		case "Td", "TD", "Tm": // words of one line may be placed each by itself
			at := ""
			if n := len(stack); n > 0 {
				y, _ := stack[n-1].(pdfAtom)
				at = string(y)
			}
			if op == "Tm" {
				newLine = at != height
				height = at
			} else if f, err := strconv.ParseFloat(at, 64); err != nil || f != 0 {
				newLine, height = true, ""
			}
		}
		for _, v := range stack {
			writeShape(&drawing, v, other)
		}
		stack = stack[:0]
		drawing.WriteString(string(op) + "\n")
	}
	for _, v := range stack {
		writeShape(&drawing, v, other)
	}
	if t := strings.TrimSpace(text.String()); t != "" {
		w.leaf(Leaf{Name: name + "/text", Class: Words, Data: []byte(t)})
	}
	w.leaf(Leaf{Name: name + "/drawing", Class: Bytes, Data: drawing.Bytes()})
}

// writeShape writes an operand, its strings left to other.
func writeShape(out *bytes.Buffer, v any, other func(any)) {
	switch v := v.(type) {
	case pdfString:
		out.WriteString("() ")
		other(v)
	case pdfName:
		out.WriteString("/" + string(v) + " ")
	case pdfAtom:
		out.WriteString(string(v) + " ")
	case pdfArray:
		out.WriteString("[ ")
		for _, e := range v {
			writeShape(out, e, other)
		}
		out.WriteString("] ")
	case pdfDict:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, string(k))
		}
		sort.Strings(keys)
		out.WriteString("<< ")
		for _, k := range keys {
			out.WriteString("/" + k + " ")
			writeShape(out, v[pdfName(k)], other)
		}
		out.WriteString(">> ")
	}
}

func isPDFNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.") == ""
}

// fonts are the tables from codes to text (9.10.3) of the fonts of a file, by the names
// that resources give them. Where two fonts have one name, codes of both are known by the
// first.
func (f *pdfFile) fonts() map[pdfName]map[string]string {
	if f.tables != nil {
		return f.tables
	}
	f.tables = map[pdfName]map[string]string{}
	named := func(v any) {
		d, _ := f.get(v).(pdfDict)
		for name, font := range d {
			if _, known := f.tables[name]; known {
				continue
			}
			fd, _ := f.get(font).(pdfDict)
			s, ok := f.get(fd["ToUnicode"]).(pdfStream)
			if !ok {
				continue
			}
			if data, left, err := f.decode(s, &Budget{Bytes: 1 << 20, Ratio: 200}); err == nil && left == "" {
				f.tables[name] = codeTable(data)
			}
		}
	}
	for _, n := range f.order {
		d, ok := f.objects[n].(pdfDict)
		if s, isStream := f.objects[n].(pdfStream); isStream {
			d, ok = s.dict, true
		}
		if !ok {
			continue
		}
		named(d["Font"])
		if r, ok := f.get(d["Resources"]).(pdfDict); ok {
			named(r["Font"])
		}
	}
	return f.tables
}

// codeTable reads the pairs of a ToUnicode table.
func codeTable(data []byte) map[string]string {
	out := map[string]string{}
	r := pdfReader{b: data}
	var stack []any
	for v := r.next(0); v != nil && len(out) < 1<<16; v = r.next(0) {
		op, isAtom := v.(pdfAtom)
		if !isAtom || isPDFNumber(string(op)) {
			stack = append(stack, v)
			continue
		}
		switch op {
		case "endbfchar":
			for i := 0; i+1 < len(stack); i += 2 {
				code, ok := stack[i].(pdfString)
				text, ok2 := stack[i+1].(pdfString)
				if ok && ok2 {
					out[string(code)] = utf16Text(text)
				}
			}
		case "endbfrange":
			for i := 0; i+2 < len(stack); i += 3 {
				codeRange(out, stack[i], stack[i+1], stack[i+2])
			}
		}
		stack = stack[:0]
	}
	return out
}

func codeRange(out map[string]string, from, to, text any) {
	low, ok := from.(pdfString)
	high, ok2 := to.(pdfString)
	if !ok || !ok2 || len(low) != len(high) || len(low) == 0 || len(low) > 4 {
		return
	}
	value := func(s pdfString) (n int) {
		for _, c := range s {
			n = n<<8 | int(c)
		}
		return n
	}
	first, last := value(low), value(high)
	for n := first; n <= last && n-first < 1<<16; n++ {
		code := make([]byte, len(low))
		for i, v := len(code)-1, n; i >= 0; i, v = i-1, v>>8 {
			code[i] = byte(v)
		}
		switch t := text.(type) {
		case pdfArray:
			if n-first < len(t) {
				if s, ok := t[n-first].(pdfString); ok {
					out[string(code)] = utf16Text(s)
				}
			}
		case pdfString:
			if len(t) >= 2 {
				s := bytes.Clone(t)
				v := (int(s[len(s)-2])<<8 | int(s[len(s)-1])) + n - first
				s[len(s)-2], s[len(s)-1] = byte(v>>8), byte(v)
				out[string(code)] = utf16Text(s)
			}
		}
	}
}

func utf16Text(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(units))
}

// fontText is what a shown string says. A code that its font does not explain is a byte.
func fontText(table map[string]string, s pdfString) string {
	if table == nil {
		text := pdfText(s)
		if !Printable([]byte(text)) {
			return hex.EncodeToString(s)
		}
		return text
	}
	var out strings.Builder
	for len(s) > 0 {
		if len(s) >= 2 {
			if t, ok := table[string(s[:2])]; ok {
				out.WriteString(t)
				s = s[2:]
				continue
			}
		}
		if t, ok := table[string(s[:1])]; ok {
			out.WriteString(t)
		} else {
			out.WriteString(fmt.Sprintf("\\%02x", s[0]))
		}
		s = s[1:]
	}
	return out.String()
}
