package canon

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/waybill-dev/waybill/gate"
)

// json adds the leaves of one JSON text (RFC 8259): "name/$.user.id". Strings are
// in normal form C and numbers in one spelling of their value. A member that is
// null counts as absent: its name is hidden. In an array null has a place and stays. A
// string that reads like another leaf ("1", "true") is told from it by a part of its
// own, "name/$.user.id/type".
func (s *state) json(name string, data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	mark := len(s.out.Parts)
	w := jsonWalk{state: s, dec: jsontext.NewDecoder(bytes.NewReader(data)), path: []byte(s.join(name, "$")), name: name}
	if _, err := w.value(1); err != nil {
		return err
	}
	if _, err := w.dec.ReadToken(); err != io.EOF {
		return errMalformed
	}
	sortNaturally(s.out.Parts[mark:])
	return nil
}

// jsonLines adds JSON texts one after the other: "name[0]/$.id".
func (s *state) jsonLines(name string, data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for i := 0; s.over == ""; i++ {
		line := numbered(name, i)
		mark := len(s.out.Parts)
		w := jsonWalk{state: s, dec: dec, path: []byte(s.join(line, "$")), name: name}
		if _, err := w.value(1); err == io.EOF {
			return nil
		} else if err != nil {
			return errMalformed
		}
		sortNaturally(s.out.Parts[mark:])
	}
	return nil
}

// jsonWalk reads one JSON value. Its path is the name of the part it would be.
type jsonWalk struct {
	*state
	dec  *jsontext.Decoder
	path []byte
	name string // of the payload, for masks
}

// value reads the next value and reports whether it left a part.
func (w *jsonWalk) value(depth int) (left bool, err error) {
	if !w.deep(depth) {
		return false, nil
	}
	tok, err := w.dec.ReadToken()
	if err == io.EOF && depth == 1 {
		return false, io.EOF
	}
	if err != nil {
		return false, errMalformed
	}
	switch tok.Kind() {
	case '{':
		return true, w.object(depth)
	case '[':
		return true, w.array(depth)
	case '"':
		w.text(tok.String())
	case '0':
		w.emit(string(w.path), gate.Value, number(tok.String()))
	default:
		w.emit(string(w.path), gate.Value, tok.String())
	}
	return true, nil
}

func (w *jsonWalk) text(v string) {
	w.emit(string(w.path), gate.Value, normal(gate.Value, v))
	if gate.ReadsAsLeaf(v) {
		w.emit(string(w.path)+"/type", gate.Value, "string")
	}
}

func (w *jsonWalk) object(depth int) error {
	mark := len(w.path)
	some := false
	for w.over == "" && w.dec.PeekKind() != '}' {
		tok, err := w.dec.ReadToken()
		if err != nil {
			return errMalformed
		}
		key, ok := shortName(tok.String())
		w.path = appendMember(w.path, key)
		if !ok {
			w.emit(string(w.path)+"/name", gate.Text, normal(gate.Text, tok.String()))
		}
		if w.dec.PeekKind() == 'n' {
			if _, err := w.dec.ReadToken(); err != nil {
				return errMalformed
			}
			w.mask("json-null", w.name, 1)
			w.keep("json-null", string(w.path), key)
		} else {
			left, err := w.value(depth + 1)
			if err != nil {
				return errMalformed
			}
			some = some || left
		}
		w.path = w.path[:mark]
	}
	if w.over != "" {
		return nil
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return errMalformed
	}
	if !some {
		w.emit(string(w.path), gate.Value, "{}")
	}
	return nil
}

func (w *jsonWalk) array(depth int) error {
	mark := len(w.path)
	n := 0
	for ; w.over == "" && w.dec.PeekKind() != ']'; n++ {
		w.path = append(w.path, '[')
		w.path = strconv.AppendInt(w.path, int64(n), 10)
		w.path = append(w.path, ']')
		if _, err := w.value(depth + 1); err != nil {
			return errMalformed
		}
		w.path = w.path[:mark]
	}
	if w.over != "" {
		return nil
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return errMalformed
	}
	if n == 0 {
		w.emit(string(w.path), gate.Value, "[]")
	}
	return nil
}

// appendMember adds a member's name to a path: ".id", or ["a b"] where it is not
// plain.
func appendMember(path []byte, key string) []byte {
	plain := key != ""
	for i := 0; i < len(key) && plain; i++ {
		c := key[i]
		plain = isAlnum(c) || c == '_' || c == '-'
	}
	if plain {
		return append(append(path, '.'), key...)
	}
	path = append(path, '[')
	path = strconv.AppendQuote(path, key)
	return append(path, ']')
}

// sortNaturally sorts parts by name, numbers in them by value.
func sortNaturally(parts []gate.Part) {
	slices.SortStableFunc(parts, func(a, b gate.Part) int { return compareNaturally(a.Name, b.Name) })
}

func compareNaturally(a, b string) int {
	for i, j := 0, 0; ; {
		if i == len(a) || j == len(b) {
			if i == len(a) && j == len(b) {
				return strings.Compare(a, b)
			}
			return (len(a) - i) - (len(b) - j)
		}
		if !isDigit(a[i]) || !isDigit(b[j]) {
			if a[i] != b[j] {
				return int(a[i]) - int(b[j])
			}
			i, j = i+1, j+1
			continue
		}
		x, y := digits(a[i:]), digits(b[j:])
		i, j = i+len(x), j+len(y)
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits are the digits that s begins with.
func digits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

// maxExponent is how far from the point a number's digits are still written out.
const maxExponent = 40

// number is one spelling for each value that a JSON number can have: exact, no
// needless zeros, plain where its digits reach no further than 40 places from the
// point, "12e400" where they do. Exponents of more than 18 digits stay as they are.
func number(text string) string {
	digits, exp, ok := decimal(text)
	if !ok {
		return asciiLower(text)
	}
	if digits == "" {
		return "0"
	}
	sign := ""
	if text[0] == '-' {
		sign = "-"
	}
	switch point := int64(len(digits)) + exp; {
	case exp == 0:
		return sign + digits
	case exp > 0 && exp <= maxExponent:
		return sign + digits + strings.Repeat("0", int(exp))
	case exp > 0 || exp < -maxExponent-int64(len(digits)):
		return sign + digits + "e" + strconv.FormatInt(exp, 10)
	case point > 0:
		return sign + digits[:point] + "." + digits[point:]
	default:
		return sign + "0." + strings.Repeat("0", int(-point)) + digits
	}
}

// decimal splits a JSON number into digits without zeros at either end, and the
// power of ten that they are multiplied by.
func decimal(text string) (digits string, exp int64, ok bool) {
	mantissa := strings.TrimPrefix(text, "-")
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		e := mantissa[i+1:]
		if len(e) > 18 {
			return "", 0, false
		}
		n, err := strconv.ParseInt(e, 10, 64)
		if err != nil {
			return "", 0, false
		}
		mantissa, exp = mantissa[:i], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exp -= int64(len(fraction))
	trimmed := strings.TrimRight(digits, "0")
	exp += int64(len(digits) - len(trimmed))
	return trimmed, exp, true
}
