package decode

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"iter"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Layer is a span of text that holds other data.
type Layer struct {
	Name       string // "base64", "base32", "hex", "jwt", "jwe", "pgp", "cms"
	Start, End int    // it is text[Start:End]
	Sure       bool   // chance gives such in one random token of 2^34 at most
	Pieces     []Piece
}

// A Piece is one of the data that a layer holds.
type Piece struct {
	Name   string // "" where there is one only; "header", "payload", "signature" of a JWT
	Kind   Kind
	Opaque bool   // nobody reads it without a key
	Rule   string // of a piece that is fresh each time by its exact shape: "jwt-signature"
	Data   []byte
}

const (
	minRun   = 11 // letters of a token, without its padding
	minToken = 12 // with it
	minText  = 4  // bytes of text in a token
	minWidth = 60 // letters of a line of base64 that goes on over lines
)

// coded are the letters of base64 (RFC 4648, both alphabets), and so of hexadecimal.
var coded = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlnum(byte(c)) || c == '+' || c == '/' || c == '-' || c == '_'
	}
	return t
}()

// Layers gives the spans of text that hold other data, in order and apart from one
// another. Words of less than 12 letters are never taken for one.
func Layers(text string) iter.Seq[Layer] {
	return func(yield func(Layer) bool) {
		at := 0
		var tried wraps
		for at < len(text) {
			armor, ok := nextArmor(text, at)
			end := len(text)
			if ok {
				end = armor.Start
			}
			if !tried.tokens(text, at, end, yield) {
				return
			}
			if !ok {
				return
			}
			if !yield(armor) {
				return
			}
			at = armor.End
		}
	}
}

// MayHold reports whether text has a run that [Layers] would look into: quickly, and most
// have none.
func MayHold(text string) bool {
	for p := minRun - 1; p < len(text); p += minRun {
		if !coded[text[p]] {
			continue
		}
		start, end := p, p+1
		for start > 0 && coded[text[start-1]] {
			start--
		}
		for end < len(text) && coded[text[end]] {
			end++
		}
		if end-start >= minRun && !isWordy(text[start:end]) {
			return true
		}
		p = end
	}
	return false // armor has such runs too
}

// MaySpanLines reports whether a layer of text may go on from one line to the next: quickly,
// and most texts have neither armor nor a line of nothing but letters of base64.
func MaySpanLines(text string) bool {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return false
		}
		end := at + i
		if at < end && text[end-1] == '\r' {
			end--
		}
		start := end
		for start > at && coded[text[start-1]] {
			start--
		}
		if start == at && end-start >= minWidth || strings.Contains(text[at:end], armorBegin) {
			return true
		}
		at += i + 1
	}
}

// tokens gives the layers of text[at:to] that are runs of letters.
func (w *wraps) tokens(text string, at, to int, yield func(Layer) bool) bool {
	for p := at + minRun - 1; p < to; p += minRun {
		if !coded[text[p]] {
			continue
		}
		start, end := p, p+1
		for start > at && coded[text[start-1]] {
			start--
		}
		for end < to && coded[text[end]] {
			end++
		}
		if end-start < minRun {
			p = end
			continue
		}
		if isWordy(text[start:end]) {
			p = end
			at = end
			continue
		}
		next, more := w.runLayers(text[:to], start, end, yield)
		if !more {
			return false
		}
		at = max(next, end)
		p = at - 1
	}
	return true
}

// isWordy reports whether a run is words and no token: of small letters, but for the first of
// each. Of 11 letters of a token fewer than one in 2^13 are so, and of what
// holds text none: that has capitals and digits among its letters.
func isWordy(run string) bool {
	for i := 0; i < len(run); i++ {
		c := run[i]
		if 'a' <= c && c <= 'z' {
			continue
		}
		first := i == 0 || strings.IndexByte("+/-_", run[i-1]) >= 0
		switch {
		case c == '+' || c == '/' || c == '-' || c == '_':
		case 'A' <= c && c <= 'Z' && first:
		default:
			return false
		}
	}
	return true
}

// runLayers gives the layers of the run text[start:end], and where the search goes on.
func (w *wraps) runLayers(text string, start, end int, yield func(Layer) bool) (next int, more bool) {
	head := start + strings.LastIndexAny(text[start:end], "/+") + 1
	if l, ok := jwt(text, head, end); ok {
		if head > start {
			if _, more := w.runLayers(text, start, head-1, yield); !more {
				return 0, false
			}
		}
		return l.End, yield(l)
	}
	if l, ok := w.wrapped(text, start, end); ok {
		return l.End, yield(l)
	}
	whole, ok := token(text, start, end)
	if ok && whole.Sure {
		return whole.End, yield(whole)
	}
	given := false
	next, more = w.segments(text, start, end, func(l Layer) bool {
		given = true
		return yield(l)
	})
	if ok && !given {
		return whole.End, yield(whole)
	}
	return next, more
}

// maxSplit is how long a run may be that is tried from each of its separators on.
const maxSplit = 4096

// segments gives the layers of a run that is a path, or a token and its signature.
func (w *wraps) segments(text string, start, end int, yield func(Layer) bool) (next int, more bool) {
	if end-start > maxSplit {
		return end, true
	}
	for _, separator := range []string{"/", "--"} {
		i := strings.Index(text[start:end], separator)
		if i < 0 {
			continue
		}
		if i >= minRun {
			if _, more := w.runLayers(text, start, start+i, yield); !more {
				return 0, false
			}
		}
		if from := start + i + len(separator); end-from >= minRun {
			return w.runLayers(text, from, end, yield)
		}
		break
	}
	return end, true
}

// token reads one run of letters, with the padding behind it, as a layer.
func token(text string, start, end int) (Layer, bool) {
	word := text[start:end]
	pad := padding(text, start, end)
	if end-start+pad < minToken {
		return Layer{}, false
	}
	l := Layer{Start: start, End: end}
	if allHex(word) {
		if len(word)%2 != 0 || isDigest(word) {
			return Layer{}, false
		}
		b, err := hex.DecodeString(word)
		l.Name = "hex"
		return l.hold(b, err)
	}
	if len(word)%8 == 0 && isBase32(word) {
		b, err := base32.StdEncoding.DecodeString(word)
		l.Name = "base32"
		if l, ok := l.hold(b, err); ok && l.Sure {
			return l, true
		}
	}
	b, err := Base64Word(word)
	l.Name, l.End = "base64", end+pad
	return l.hold(b, err)
}

// padding is how many "=" behind text[start:end] fill its last quantum.
func padding(text string, start, end int) int {
	want := (4 - (end-start)%4) % 4
	if want == 3 || want == 0 || end+want > len(text) || strings.Trim(text[end:end+want], "=") != "" {
		return 0
	}
	return want
}

// Base64Word undoes base64 (RFC 4648, either alphabet, without padding) whose last
// letter has no bits to spare.
func Base64Word(word string) ([]byte, error) {
	enc := base64.RawStdEncoding
	if strings.ContainsAny(word, "-_") {
		enc = base64.RawURLEncoding
	}
	return enc.Strict().DecodeString(word)
}

// hold makes b what the layer holds; ok says whether it is anything.
func (l Layer) hold(b []byte, err error) (Layer, bool) {
	if err != nil || len(b) < minText {
		return l, false
	}
	kind, sure := Inside(b)
	if kind == Unknown {
		switch len(b) {
		case 16, 20, 32: // a digest may be written so too
			l.Pieces = []Piece{{Data: b}}
			return l, true
		}
		return l, false
	}
	l.Sure = sure
	l.Pieces = []Piece{{Kind: kind, Data: b}}
	return l, true
}

// Inside says what the bytes of a token are, and whether chance can be left out.
func Inside(b []byte) (kind Kind, sure bool) {
	if IsMail(b) {
		return Mail, true
	}
	if Printable(b) {
		kind = textKind(string(b))
		return kind, kind == JSON && len(b) >= 7 || kind == XML || textBits(string(b)) >= sureBits
	}
	small := Budget{Bytes: 1 << 22, Ratio: 200}
	switch k := magic(b); k {
	case Unknown:
	case Gzip, Zstd:
		_, _, err := Inflate(k, b, &small)
		return k, err == nil
	default:
		return k, len(b) >= 32
	}
	if len(b) >= 8 && b[0] == 0x78 && (int(b[0])<<8|int(b[1]))%31 == 0 {
		if _, _, err := Inflate(Zlib, b, &small); err == nil {
			return Zlib, true
		}
	}
	if bits, ok := protobufBits(b, 0); ok && bits >= sureBits {
		return Protobuf, true
	}
	// Raw deflate, as in a SAML request (Bindings, 3.4.4.1), is told by text inside alone.
	if out, rest, err := Inflate(Deflate, b, &Budget{Bytes: 1 << 20, Ratio: 200}); err == nil && len(rest) == 0 && Printable(out) && textBits(string(out)) >= 2*sureBits {
		return Deflate, true
	}
	return Unknown, false
}

// maxTried is how often a block of lines that are no base64 from one of them on is read again
// from the next on, by its bytes: the first lines of it may be another's. Without a bound a text
// of such lines would cost the square of its size.
const maxTried = 8

// wraps remembers the lines of a text that were read as base64 in vain.
type wraps struct {
	start, end int // of the last block of such lines
	cost       int // bytes read of it, from any of its lines
}

// wrapped reads base64 that goes on over lines, all but the last of one length.
func (w *wraps) wrapped(text string, start, end int) (Layer, bool) {
	width := end - start
	if width < minWidth || width > 76 || width%4 != 0 || start > 0 && text[start-1] != '\n' {
		return Layer{}, false
	}
	if start >= w.end {
		w.start, w.cost = start, 0
	} else if w.cost > maxTried*(w.end-w.start) {
		return Layer{}, false
	}
	var word []byte
	at := end
	for {
		line := at
		if line < len(text) && text[line] == '\r' {
			line++
		}
		if line >= len(text) || text[line] != '\n' {
			break
		}
		line++
		stop := line
		for stop < len(text) && coded[text[stop]] {
			stop++
		}
		if stop == line || stop-line > width {
			break
		}
		last := stop-line < width
		pad := padding(text, line, stop)
		if after := stop + pad; after < len(text) && text[after] != '\n' && text[after] != '\r' {
			break
		}
		if at == end {
			word = append(make([]byte, 0, 8*width), text[start:end]...)
		}
		word = append(word, text[line:stop]...)
		at = stop + pad
		if last || pad > 0 {
			break
		}
	}
	w.end, w.cost = max(w.end, at), w.cost+at-start
	if at == end {
		return Layer{}, false
	}
	b, err := Base64Word(string(word))
	return Layer{Name: "base64", Start: start, End: at}.hold(b, err)
}

// jwt reads a JSON Web Signature or Encryption in its compact form (RFC 7515, 7.1;
// RFC 7516, 7.1), whose first segment is text[start:end].
func jwt(text string, start, end int) (Layer, bool) {
	if end-start < minToken || end >= len(text) || text[end] != '.' || text[start] != 'e' || strings.IndexByte("wxyz", text[start+1]) < 0 {
		return Layer{}, false
	}
	header, err := Base64Word(text[start:end])
	if err != nil || !isHeader(header) {
		return Layer{}, false
	}
	var segments [][]byte
	at := end
	for len(segments) < 4 && at < len(text) && text[at] == '.' {
		stop := at + 1
		for stop < len(text) && coded[text[stop]] && text[stop] != '/' && text[stop] != '+' {
			stop++
		}
		b, err := Base64Word(text[at+1 : stop])
		if err != nil {
			break
		}
		segments = append(segments, b)
		at = stop
	}
	l := Layer{Name: "jwt", Start: start, End: at, Sure: true, Pieces: []Piece{{Name: "header", Kind: JSON, Data: header}}}
	switch {
	case len(segments) == 4:
		l.Name = "jwe"
		l.Pieces = append(l.Pieces, Piece{Name: "opaque", Opaque: true, Data: bytes.Join(segments, nil)})
		return l, true
	case len(segments) >= 2:
		l.End -= trailing(text, end, at, len(segments)-2)
		payload := Piece{Name: "payload", Data: segments[0]}
		payload.Kind, _ = Inside(segments[0])
		if isDeflated(header) {
			payload.Kind = Deflate
		}
		l.Pieces = append(l.Pieces, payload)
		if s := segments[1]; len(s) > 0 {
			signature := Piece{Name: "signature", Data: s}
			if isSignature(len(s)) {
				signature.Rule = "jwt-signature"
			}
			l.Pieces = append(l.Pieces, signature)
		}
		return l, true
	}
	return Layer{}, false
}

// trailing is how many letters of text[from:to] the last n segments take.
func trailing(text string, from, to, n int) int {
	end := to
	for ; n > 0; n-- {
		end = from + strings.LastIndexByte(text[from:end], '.')
	}
	return to - end
}

// isHeader reports whether b is the header of a JWS or JWE.
func isHeader(b []byte) bool {
	return IsJSON(string(b)) && b[0] == '{' && jsontext.Value(b).IsValid() && (bytes.Contains(b, []byte(`"alg"`)) || bytes.Contains(b, []byte(`"typ"`)))
}

// isDeflated reports whether the header of a token says that what it holds is a DEFLATE stream
// (RFC 7516, 4.1.3, which signed tokens have it from).
func isDeflated(header []byte) bool {
	var h struct {
		Zip string `json:"zip"`
	}
	return json.Unmarshal(header, &h) == nil && h.Zip == "DEF"
}

// isSignature reports whether a signature of one of the algorithms of RFC 7518, 3.1, and
// RFC 8037 has n bytes.
func isSignature(n int) bool {
	switch n {
	case 32, 48, 64, 96, 114, 132, 256, 384, 512:
		return true
	}
	return false
}

const armorBegin = "-----BEGIN "

// nextArmor finds the next OpenPGP message (RFC 9580, 6.2) or CMS message (RFC 7468, 8 and 9)
// in ASCII armor in text.
func nextArmor(text string, from int) (Layer, bool) {
	for {
		i := strings.Index(text[from:], armorBegin)
		if i < 0 {
			return Layer{}, false
		}
		start := from + i
		from = start + len(armorBegin)
		label, body, ok := strings.Cut(text[from:], "-----")
		if !ok {
			return Layer{}, false
		}
		l := Layer{Start: start, Sure: true}
		kind := PGP
		switch label {
		case "PGP MESSAGE":
			l.Name = "pgp"
		case "PKCS7", "CMS":
			l.Name, kind = "cms", CMS
		default:
			continue
		}
		end := "-----END " + label + "-----"
		stop := strings.Index(body, "-----") // no line of what is between has these
		if stop < 0 || !strings.HasPrefix(body[stop:], end) {
			continue
		}
		content := body[:stop]
		data, ok := dearmor(content)
		if !ok {
			continue
		}
		l.End = from + len(label) + len("-----") + len(content) + len(end)
		if armorHeaders := strings.TrimSpace(armorHead(content)); armorHeaders != "" {
			l.Pieces = append(l.Pieces, Piece{Name: "armor", Kind: Text, Data: []byte(armorHeaders)})
		}
		l.Pieces = append(l.Pieces, Piece{Kind: kind, Data: data})
		return l, true
	}
}

// armorHead is the lines before the first empty one, where they are headers.
func armorHead(content string) string {
	content = strings.ReplaceAll(content, "\r\n", "\n")
	head, _, ok := strings.Cut(strings.TrimPrefix(content, "\n"), "\n\n")
	if !ok || !strings.Contains(head, ": ") {
		return ""
	}
	return head
}

// Dearmor undoes ASCII armor of OpenPGP around the whole of data, where there is one.
func Dearmor(data []byte) []byte {
	if l, ok := nextArmor(string(data), 0); ok && strings.TrimSpace(string(data[:l.Start])) == "" && strings.TrimSpace(string(data[l.End:])) == "" && len(l.Pieces) == 1 {
		return l.Pieces[0].Data
	}
	return data
}

// dearmor undoes the base64 of an armored block; its checksum is left out.
func dearmor(content string) ([]byte, bool) {
	content = strings.ReplaceAll(content, "\r\n", "\n")
	if head := armorHead(content); head != "" {
		_, content, _ = strings.Cut(strings.TrimPrefix(content, "\n"), "\n\n")
	}
	var word strings.Builder
	for line := range strings.Lines(content) {
		line = strings.Trim(line, " \t\n")
		if strings.HasPrefix(line, "=") && len(line) == 5 {
			break
		}
		word.WriteString(line)
	}
	b, err := base64.StdEncoding.DecodeString(word.String())
	return b, err == nil && len(b) > 0
}

func allHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isBase32(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// leastWritten is how many bytes in a row of an address, a name or a number no digest has, but
// for one in two thousand.
const leastWritten = 8

// isDigest reports whether hexadecimal is as long as an MD5, SHA-1 or SHA-256 digest and holds
// no text in disguise.
func isDigest(w string) bool {
	if len(w) != 32 && len(w) != 40 && len(w) != 64 {
		return false
	}
	b, err := hex.DecodeString(w)
	if err != nil {
		return true
	}
	run := 0
	for _, c := range b {
		if c != '@' && c != '.' && c != '-' && c != '_' && c != ' ' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			run = -1
		}
		if run++; run == leastWritten {
			return false
		}
	}
	return true
}
