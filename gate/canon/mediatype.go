package canon

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate/fields"
)

// A mediaType is the value of Content-Type or Content-Disposition: a word and its
// parameters, decoded.
type mediaType struct {
	word   string // "text/html", "attachment": lower case
	params []param
	rest   string // what could not be read, verbatim

	comments string // RFC 2045, 5.1, allows them wherever white space may be
	uneven   uint64 // see [fields.Uneven]
}

type param struct{ name, value string } // name is lower case

// get is the value of the first parameter called name.
func (t *mediaType) get(name string) string {
	for i := range t.params {
		if t.params[i].name == name {
			return t.params[i].value
		}
	}
	return ""
}

// mediaTypeOf reads a word and its parameters (RFC 2045, 5.1), with the
// continuations and charsets of RFC 2231 and the encoded words that many senders
// put in their place. s is unfolded.
func mediaTypeOf(s string) mediaType {
	s, comments := cutComments(s)
	word, rest, _ := strings.Cut(s, ";")
	t := mediaType{word: asciiLower(strings.Trim(word, " ")), comments: comments, uneven: fields.Uneven(s, ';')}
	var pieces []piece
	for rest != "" {
		var name, value string
		name, value, rest = t.nextParam(rest)
		if name == "" {
			continue
		}
		if p, ok := pieceOf(name, value); ok {
			pieces = append(pieces, p)
			continue
		}
		t.params = append(t.params, param{name, decodeWords(value)})
	}
	params, unknown := assemble(pieces)
	t.params = append(t.params, params...)
	t.keep(unknown)
	return t
}

// nextParam reads "name=value" up to the next semicolon. What stood there besides is
// kept.
func (t *mediaType) nextParam(s string) (name, value, rest string) {
	eq := strings.IndexAny(s, "=;")
	if eq < 0 || s[eq] == ';' {
		junk, after, _ := strings.Cut(s, ";")
		t.keep(junk)
		return "", "", after
	}
	name = asciiLower(strings.Trim(s[:eq], " "))
	if name == "" {
		junk, after, _ := strings.Cut(s, ";")
		t.keep(junk)
		return "", "", after
	}
	s = strings.TrimLeft(s[eq+1:], " ")
	if s != "" && s[0] == '"' {
		if n := quotedLen(s); n > 0 {
			value = unquote(s[1 : n-1])
			junk, rest, _ := strings.Cut(s[n:], ";")
			t.keep(junk)
			return name, value, rest
		}
	}
	value, rest, _ = strings.Cut(s, ";")
	return name, strings.Trim(value, ` "`), rest
}

func (t *mediaType) keep(junk string) {
	if junk = strings.Trim(junk, " "); junk != "" {
		t.rest = strings.Trim(t.rest+" "+junk, " ")
	}
}

func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// A piece is one "name*1*=value" of RFC 2231.
type piece struct {
	name    string
	index   int
	escaped bool
	value   string
}

func pieceOf(name, value string) (piece, bool) {
	base, star, ok := strings.Cut(name, "*")
	if !ok || base == "" {
		return piece{}, false
	}
	p := piece{name: base, value: value}
	if digits, ok := strings.CutSuffix(star, "*"); ok || star == "" {
		p.escaped = true
		star = digits
	}
	if star != "" {
		n, err := strconv.ParseUint(star, 10, 16)
		if err != nil {
			return piece{}, false
		}
		p.index = int(n)
	}
	return p, true
}

// assemble joins the pieces of each name in order and decodes them. unknown is the names
// of charsets by which they could not be decoded.
func assemble(pieces []piece) (out []param, unknown string) {
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.index, b.index))
	})
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].name == pieces[0].name {
			n++
		}
		value, charset := joinPieces(pieces[:n])
		out = append(out, param{pieces[0].name, value})
		if charset != "" {
			unknown = strings.Trim(unknown+" "+charset, " ")
		}
		pieces = pieces[n:]
	}
	return out, unknown
}

// joinPieces returns the value of pieces, and the charset that it says if that is not known.
func joinPieces(pieces []piece) (value, unknown string) {
	var raw []byte
	charset := ""
	for i, p := range pieces {
		v := p.value
		if !p.escaped {
			raw = append(raw, v...)
			continue
		}
		if i == 0 {
			if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
				charset, v = parts[0], parts[2]
			}
		}
		for j := 0; j < len(v); j++ {
			if v[j] == '%' && j+2 < len(v) && isHex(v[j+1]) && isHex(v[j+2]) {
				raw = append(raw, byte(unhex(v[j+1])<<4|unhex(v[j+2])))
				j += 2
				continue
			}
			raw = append(raw, v[j])
		}
	}
	text, _, known := decodeCharset(raw, charset)
	if known {
		charset = ""
	}
	return collapse(string(text)), charset
}
