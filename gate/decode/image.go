package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
)

var pngMagic = []byte("\x89PNG\r\n\x1a\n")

// png gives the chunks of a PNG (W3C PNG, 5): its texts as texts, its picture as the
// samples that are shown, however compressed and filtered, and other chunks as bytes.
func (c *container) png(data []byte) error {
	b, ok := bytes.CutPrefix(data, pngMagic)
	if !ok {
		return broken(PNG)
	}
	var picture []byte
	var head pngHeader
	seen := map[string]int{}
	for ended := false; !ended; {
		if len(b) < 12 {
			return broken(PNG)
		}
		size := int64(binary.BigEndian.Uint32(b))
		if size > int64(len(b)-12) {
			return broken(PNG)
		}
		kind, body := string(b[4:8]), b[8:8+size]
		if crc32.ChecksumIEEE(b[4:8+size]) != binary.BigEndian.Uint32(b[8+size:]) {
			return broken(PNG)
		}
		b = b[12+size:]
		name := validName(kind)
		if n := seen[kind]; n > 0 && kind != "IDAT" {
			name = fmt.Sprintf("%s[%d]", name, n)
		}
		seen[kind]++
		var err error
		switch kind {
		case "IHDR":
			if len(body) != 13 {
				return broken(PNG)
			}
			head = pngHeader{int64(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint32(body[4:])), body[8], body[9], body[12]}
			err = c.value("size", fmt.Sprintf("%dx%d depth %d colour %d interlace %d", head.width, head.height, head.depth, head.colour, head.interlace))
		case "IDAT":
			picture = append(picture, body...)
		case "IEND":
			ended = true
		case "tEXt", "zTXt", "iTXt":
			err = c.pngText(kind, body)
		case "tIME":
			err = c.pngTime(name, body)
		case "eXIf":
			err = c.exif(name, body)
		default:
			err = c.add(Leaf{Name: name, Class: Bytes, Data: body})
		}
		if err != nil {
			return err
		}
	}
	if err := c.pngPicture(&head, picture); err != nil {
		return err
	}
	return c.rest("trailer", b)
}

type pngHeader struct {
	width, height            int64
	depth, colour, interlace byte
}

// samples is how many a pixel has, by colour type.
func (h *pngHeader) samples() int64 {
	switch h.colour {
	case 2:
		return 3
	case 4:
		return 2
	case 6:
		return 4
	}
	return 1
}

// pngPicture gives the samples of the picture. Those of an interlaced one keep their
// filters.
func (c *container) pngPicture(h *pngHeader, packed []byte) error {
	if len(packed) == 0 {
		return nil
	}
	pixels, rest, err := Inflate(Zlib, packed, c.budget)
	if err != nil {
		return err
	}
	bits := h.samples() * int64(h.depth)
	if h.interlace == 0 && h.width < 1<<24 && bits <= 64 {
		if line := (h.width*bits + 7) / 8; line > 0 {
			pixels = unfilter(pixels, int(line), int(max(1, bits/8)))
		}
	}
	if err := c.add(Leaf{Name: "picture", Class: Bytes, Data: pixels}); err != nil {
		return err
	}
	return c.rest("picture/trailer", rest)
}

// unfilter undoes the filters of lines (W3C PNG, 9.2) in place, where all are known and
// what is left is whole lines, and drops their bytes.
func unfilter(b []byte, line, pixel int) []byte {
	if len(b)%(line+1) != 0 {
		return b
	}
	for at := 0; at < len(b); at += line + 1 {
		if b[at] > 4 {
			return b
		}
	}
	out := b[:0]
	above := make([]byte, line)
	now := make([]byte, line)
	for at := 0; at < len(b); at += line + 1 {
		filter := b[at]
		copy(now, b[at+1:at+1+line])
		for i := range now {
			var left, corner byte
			if i >= pixel {
				left, corner = now[i-pixel], above[i-pixel]
			}
			switch filter {
			case 1:
				now[i] += left
			case 2:
				now[i] += above[i]
			case 3:
				now[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				now[i] += paeth(left, above[i], corner)
			}
		}
		out = append(out, now...)
		above, now = now, above
	}
	return out
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	x, y, z := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case x <= y && x <= z:
		return a
	case y <= z:
		return b
	}
	return c
}

func abs(n int) int { return max(n, -n) }

// pngText gives the keyword and the text of a chunk (W3C PNG, 11.3.3).
func (c *container) pngText(kind string, body []byte) error {
	key, text, ok := bytes.Cut(body, []byte{0})
	if !ok {
		return broken(PNG)
	}
	in := "text/" + validName(string(key))
	compressed := false
	switch kind {
	case "zTXt":
		if len(text) < 1 || text[0] != 0 {
			return broken(PNG)
		}
		text, compressed = text[1:], true
	case "iTXt":
		if len(text) < 2 {
			return broken(PNG)
		}
		compressed = text[0] == 1
		parts := bytes.SplitN(text[2:], []byte{0}, 3)
		if len(parts) != 3 {
			return broken(PNG)
		}
		for i, name := range []string{"language", "keyword"} {
			if len(parts[i]) > 0 {
				if err := c.value(under(in, name), validText(parts[i])); err != nil {
					return err
				}
			}
		}
		text = parts[2]
	}
	if compressed {
		out, rest, err := Inflate(Zlib, text, c.budget)
		if err != nil {
			return err
		}
		if err := c.rest(under(in, "trailer"), rest); err != nil {
			return err
		}
		text = out
	}
	if string(key) == "XML:com.adobe.xmp" {
		return c.xmp("xmp", text)
	}
	return c.value(in, validText(text))
}

// pngTime gives the time of the last change (W3C PNG, 11.3.4.1), which is a value where it
// is no time.
func (c *container) pngTime(name string, body []byte) error {
	if len(body) != 7 {
		return c.add(Leaf{Name: name, Class: Bytes, Data: body})
	}
	year := binary.BigEndian.Uint16(body)
	text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, body[2], body[3], body[4], body[5], body[6])
	l := Leaf{Name: name, Class: Value, Data: []byte(text)}
	if isoTime.MatchString(text) {
		l.Class, l.Rule = Fresh, "picture-time"
	}
	return c.add(l)
}

// isoTime is a time of ISO 8601 in its long form, of the centuries in which files were written.
var isoTime = regexp.MustCompile(`^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$`)

// jpeg gives the segments of a JPEG (ITU-T T.81, B) that say something: its comments,
// EXIF and XMP as texts, everything else as bytes, with the scans.
func (c *container) jpeg(data []byte) error {
	if len(data) < 4 || data[0] != 0xff || data[1] != 0xd8 {
		return broken(JPEG)
	}
	var picture []byte
	b := data[2:]
	seen := map[string]int{}
	named := func(name string) string {
		seen[name]++
		if n := seen[name]; n > 1 {
			return fmt.Sprintf("%s[%d]", name, n-1)
		}
		return name
	}
	for {
		if len(b) < 2 || b[0] != 0xff {
			return broken(JPEG)
		}
		marker := b[1]
		if marker == 0xff { // fill
			b = b[1:]
			continue
		}
		if marker == 0xd9 {
			b = b[2:]
			break
		}
		if marker == 1 || marker >= 0xd0 && marker <= 0xd7 {
			picture, b = append(picture, b[:2]...), b[2:]
			continue
		}
		if len(b) < 4 {
			return broken(JPEG)
		}
		size := int(binary.BigEndian.Uint16(b[2:]))
		if size < 2 || size > len(b)-2 {
			return broken(JPEG)
		}
		body, whole := b[4:2+size], b[:2+size]
		b = b[2+size:]
		var err error
		switch {
		case marker == 0xfe:
			err = c.add(Leaf{Name: named("comment"), Class: Value, Data: []byte(validText(body))})
		case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
			err = c.exif(named("exif"), body[6:])
		case marker == 0xe1 && bytes.HasPrefix(body, xmpMark):
			err = c.xmp(named("xmp"), body[len(xmpMark):])
		case marker >= 0xe0 && marker <= 0xef:
			err = c.add(Leaf{Name: named(fmt.Sprintf("app%d", marker-0xe0)), Class: Bytes, Data: body})
		default:
			picture = append(picture, whole...)
		}
		if err != nil {
			return err
		}
		if marker == 0xda {
			n := scan(b)
			picture, b = append(picture, b[:n]...), b[n:]
		}
	}
	if err := c.add(Leaf{Name: "picture", Class: Bytes, Data: picture}); err != nil {
		return err
	}
	return c.rest("trailer", b)
}

var xmpMark = []byte("http://ns.adobe.com/xap/1.0/\x00")

// scan is the length of the coded data that b begins with: up to a marker that is no
// restart and no stuffed byte.
func scan(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] == 0xff && b[i+1] != 0 && (b[i+1] < 0xd0 || b[i+1] > 0xd7) {
			return i
		}
	}
	return len(b)
}

// exif gives the texts of EXIF data (TIFF 6.0; Exif 2.32, 4.6), by directory and tag, its
// times apart, and all of it that is not text as bytes.
func (c *container) exif(in string, b []byte) error {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(b) < 8:
		return c.rest(in, b)
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte("II*\x00")):
		return c.rest(in, b)
	}
	other := bytes.Clone(b) // without its texts
	var err error
	visited := map[uint32]bool{}
	var directory func(at uint32, name string)
	directory = func(at uint32, name string) {
		if err != nil || visited[at] || len(visited) > maxDepth || int64(at)+2 > int64(len(b)) {
			return
		}
		visited[at] = true
		n := int64(order.Uint16(b[at:]))
		if int64(at)+2+12*n > int64(len(b)) {
			return
		}
		for i := range n {
			entry := b[int64(at)+2+12*i:]
			tag, typ, count := order.Uint16(entry), order.Uint16(entry[2:]), order.Uint32(entry[4:])
			switch {
			case tag == 0x8769 || tag == 0x8825:
				directory(order.Uint32(entry[8:]), fmt.Sprintf("%s/%04x", name, tag))
			case typ == 2 || tag == 0x9286 || tag >= 0x9c9b && tag <= 0x9c9f:
				from := int64(at) + 2 + 12*i + 8
				if count > 4 {
					from = int64(order.Uint32(entry[8:]))
				}
				if from+int64(count) > int64(len(b)) {
					continue
				}
				raw := b[from : from+int64(count)]
				clear(other[from : from+int64(count)])
				text := strings.Trim(strings.ReplaceAll(validText(raw), "\x00", ""), " ")
				if text == "" || err != nil {
					continue
				}
				l := Leaf{Name: under(in, fmt.Sprintf("%s/%04x", name, tag)), Class: Value, Data: []byte(text)}
				if exifTime.MatchString(text) {
					l.Class, l.Rule = Fresh, "picture-time"
				}
				err = c.add(l)
			}
		}
	}
	directory(order.Uint32(b[4:]), "0")
	if err != nil {
		return err
	}
	return c.add(Leaf{Name: under(in, "other"), Class: Bytes, Data: other})
}

var exifTime = regexp.MustCompile(`^(19|20)\d\d:(0[1-9]|1[0-2]):(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$`)

// xmpFresh are the elements of XMP (ISO 16684-1, 8.4) that hold when and by which run a file was
// written, and the shapes that these have.
var xmpFresh = regexp.MustCompile(`(<(xmp:(?:CreateDate|ModifyDate|MetadataDate)|xmpMM:(?:DocumentID|InstanceID))>|\b(xmp:(?:CreateDate|ModifyDate|MetadataDate)|xmpMM:(?:DocumentID|InstanceID))=")([^<"]*)`)

var xmpID = regexp.MustCompile(`^(uuid:|xmp\.[di]id:|urn:uuid:)?[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}$`)

// xmp gives a packet of XMP: what in it is fresh by its shape apart from the rest.
func (c *container) xmp(in string, packet []byte) error {
	text := string(packet)
	var out strings.Builder
	last := 0
	for _, m := range xmpFresh.FindAllStringSubmatchIndex(text, -1) {
		value := text[m[8]:m[9]]
		rule := ""
		switch {
		case isoTime.MatchString(value):
			rule = "document-date"
		case xmpID.MatchString(value):
			rule = "document-id"
		default:
			continue
		}
		name := ""
		if m[4] >= 0 {
			name = text[m[4]:m[5]]
		} else {
			name = text[m[6]:m[7]]
		}
		if err := c.add(Leaf{Name: under(in, name), Class: Fresh, Rule: rule, Data: []byte(value)}); err != nil {
			return err
		}
		out.WriteString(text[last:m[8]])
		out.WriteString("{" + rule + "}")
		last = m[9]
	}
	out.WriteString(text[last:])
	packet = []byte(strings.TrimRight(out.String(), " \r\n\t\x00"))
	return c.add(Leaf{Name: in, Class: Document, Kind: Recognise(packet), Data: packet})
}

// gif gives the comments of a GIF (GIF89a, 24) and its plain texts, all else as bytes.
func (c *container) gif(data []byte) error {
	if len(data) < 13 {
		return broken(GIF)
	}
	table := func(flags byte) int {
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	at := 13 + table(data[10])
	if at > len(data) {
		return broken(GIF)
	}
	picture := bytes.Clone(data[:at])
	comments := 0
	for {
		if at >= len(data) {
			return broken(GIF)
		}
		start := at
		switch data[at] {
		case 0x3b:
			if err := c.add(Leaf{Name: "picture", Class: Bytes, Data: picture}); err != nil {
				return err
			}
			return c.rest("trailer", data[at+1:])
		case 0x21:
			if at+2 > len(data) {
				return broken(GIF)
			}
			label := data[at+1]
			body, n := subBlocks(data[at+2:])
			if n < 0 {
				return broken(GIF)
			}
			at += 2 + n
			if label == 0xfe {
				name := "comment"
				if comments > 0 {
					name = fmt.Sprintf("comment[%d]", comments)
				}
				comments++
				if err := c.value(name, validText(body)); err != nil {
					return err
				}
				continue
			}
		case 0x2c:
			if at+10 > len(data) {
				return broken(GIF)
			}
			at += 10 + table(data[at+9]) + 1
			if at > len(data) {
				return broken(GIF)
			}
			_, n := subBlocks(data[at:])
			if n < 0 {
				return broken(GIF)
			}
			at += n
		default:
			return broken(GIF)
		}
		picture = append(picture, data[start:at]...)
	}
}

// subBlocks is what the sub-blocks hold that b begins with, and their length; -1 where
// they have no end.
func subBlocks(b []byte) (body []byte, n int) {
	for {
		if n >= len(b) {
			return nil, -1
		}
		size := int(b[n])
		n++
		if size == 0 {
			return body, n
		}
		if n+size > len(b) {
			return nil, -1
		}
		body = append(body, b[n:n+size]...)
		n += size
	}
}

// validName is a name that a file chose as it may stand in the name of a part.
func validName(name string) string {
	name = validText([]byte(name))
	if len(name) > 64 {
		name = name[:64]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '/' || c == '\ufffd' {
			return '_'
		}
		return c
	}, name)
}
