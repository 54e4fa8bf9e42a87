package decode

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Recognise says what bytes are by their form, Unknown where they are none of the
// kinds that have one. Protobuf is told where there is text enough in it; raw deflate, whose
// form chance gives easily, is not.
func Recognise(b []byte) Kind {
	if k := magic(b); k != Unknown {
		return k
	}
	if IsMail(b) {
		return Mail
	}
	if Printable(b) {
		return textKind(string(b))
	}
	if bits, ok := protobufBits(b, 0); ok && bits >= sureBits {
		return Protobuf
	}
	return Unknown
}

// magic is the kind whose first bytes b begins with.
func magic(b []byte) Kind {
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		return Gzip
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return ZIP
	case bytes.HasPrefix(b, []byte("%PDF-")):
		return PDF
	case bytes.HasPrefix(b, pngMagic):
		return PNG
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return GIF
	}
	return Unknown
}

// textKind is what printable text is.
func textKind(s string) Kind {
	t := strings.TrimSpace(strings.TrimPrefix(s, "\ufeff"))
	switch {
	case t == "":
		return Text
	case IsJSON(t):
		return JSON
	case isXML(t):
		return XML
	case isForm(t):
		return Form
	case strings.HasPrefix(t, "BEGIN:VCALENDAR"):
		return Calendar
	case strings.HasPrefix(t, "BEGIN:VCARD"):
		return Card
	}
	return Text
}

// IsJSON reports whether s is an object or an array of JSON (RFC 8259), and not empty.
func IsJSON(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) < 3 || !(s[0] == '{' && s[len(s)-1] == '}' || s[0] == '[' && s[len(s)-1] == ']') {
		return false
	}
	return jsontext.Value(s).IsValid()
}

// IsXML reports whether s is printable and begins as an XML document does which is no page or
// piece of HTML.
func IsXML(s string) bool { return isXML(strings.TrimSpace(s)) && Printable([]byte(s)) }

// IsForm reports whether s is printable and two pairs or more with plain keys.
func IsForm(s string) bool { return isForm(strings.TrimSpace(s)) && Printable([]byte(s)) }

// isXML reports whether s begins as an XML document does which is no page or piece of HTML.
func isXML(s string) bool {
	if len(s) < 8 || s[0] != '<' || s[len(s)-1] != '>' {
		return false
	}
	tag, _, _ := strings.Cut(s, ">")
	if strings.HasPrefix(s, "<?xml") {
		return !strings.Contains(s[:min(len(s), 512)], "<html")
	}
	return strings.Contains(tag, "xmlns") && !strings.HasPrefix(tag, "<html")
}

// isForm reports whether s is two pairs or more with plain keys.
func isForm(s string) bool {
	pairs := 0
	for pair := range strings.SplitSeq(s, "&") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || len(key) > 64 || strings.ContainsAny(value, " \t\r\n\"<>{}=") {
			return false
		}
		for i := 0; i < len(key); i++ {
			if !isAlnum(key[i]) && strings.IndexByte("_-.[]%$", key[i]) < 0 {
				return false
			}
		}
		pairs++
	}
	return pairs >= 2
}

// Printable reports whether b is UTF-8 without control characters other than white space.
func Printable(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if c := b[i]; c >= utf8.RuneSelf || c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return c >= utf8.RuneSelf && utf8.Valid(b[i:]) && printableRunes(b[i:])
		}
	}
	return true
}

func printableRunes(b []byte) bool {
	for _, c := range string(b) {
		if !unicode.IsPrint(c) && !unicode.IsSpace(c) && c != '\ufeff' && c != '\u200b' && c != '\u200d' && c != '\u00ad' {
			return false
		}
	}
	return true
}

// sureBits is how much a token's inside must weigh to be no chance: random bytes give
// such text in one token of 2^34.
const sureBits = 34

// textBits is how many bits speak against chance for random bytes to be the text s: for
// each byte, how rarely a random one is of the narrowest class that s is made of. A byte
// of a longer character weighs one.
func textBits(s string) float64 {
	const (
		digit = 1 << iota
		hexLetter
		lower
		mark
		upper
		other
	)
	seen, plain, long := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			long++
			continue
		case '0' <= c && c <= '9':
			seen |= digit
		case 'a' <= c && c <= 'f':
			seen |= hexLetter
		case 'g' <= c && c <= 'z':
			seen |= lower
		case 'A' <= c && c <= 'Z':
			seen |= upper
		case strings.IndexByte(" .,@_-:/=&+\n", c) >= 0:
			seen |= mark
		default:
			seen |= other
		}
		plain++
	}
	each := 1.38 // of 98 printable ones
	switch {
	case seen == digit:
		each = 4.67
	case seen&^(digit|hexLetter) == 0:
		each = 4
	case seen&^(digit|hexLetter|lower|mark) == 0:
		each = 2.41
	case seen&^(digit|hexLetter|lower|mark|upper) == 0:
		each = 1.79
	}
	return each*float64(plain) + float64(long)
}

func isAlnum(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func isHex(c byte) bool { return unhex(c) >= 0 }

// unhex is the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
