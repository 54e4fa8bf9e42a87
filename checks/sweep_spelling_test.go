package checks_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// spelling names the rule by which a message that has b at p says the same; "" where there
// is none. It is judged by standard parsers, and shares nothing with the canonical form.
func spelling(s *specimen, p spot, b []byte) string {
	before, after := s.parts[p.part], p.put(string(b))(p.part, s.parts[p.part])
	for _, rule := range spellings {
		if rule.part != p.part || rule.channel != "" && rule.channel != s.channel {
			continue
		}
		x, ok := rule.normal(s, before, p.start)
		y, also := rule.normal(s, after, p.start)
		if ok && also && x == y {
			return "another spelling: " + rule.name
		}
	}
	return ""
}

// A spellingRule gives the normal form of a part of a message as far as one rule goes. at is
// where a byte was altered: forms may be of that place's surroundings alone.
type spellingRule struct {
	name    string
	channel string
	part    int
	normal  func(s *specimen, data []byte, at int) (string, bool)
}

var spellings = []spellingRule{
	{"SMTP commands are the same in either case (RFC 5321, 2.4), and space ends a line", "smtp", head, func(_ *specimen, data []byte, _ int) (string, bool) {
		var out strings.Builder
		for line := range bytes.SplitSeq(bytes.TrimRight(data, "\r\n"), []byte("\n")) {
			before, path, ok := strings.Cut(strings.TrimRight(string(line), " \t\r"), "<")
			inner, rest, _ := strings.Cut(path, ">")
			out.WriteString(strings.ToUpper(strings.Join(strings.Fields(before), " ")))
			if ok {
				out.WriteString("<" + domainLower(inner) + "> " + strings.ToUpper(strings.Join(strings.Fields(rest), " ")))
			}
			out.WriteString("\n")
		}
		return out.String(), true
	}},
	{"HTTP fields: names in any case, space around values (RFC 9110, 5)", "http", head, func(_ *specimen, data []byte, _ int) (string, bool) {
		return fieldsNormal(data), true
	}},
	{"lines end in CR, LF or both, and to most readers in any number of CR and LF", "smtp", body, func(_ *specimen, data []byte, _ int) (string, bool) {
		return strings.TrimRight(lineEnd.ReplaceAllString(string(data), "\n"), "\n"), true
	}},
	{"mail fields: names in any case, folding and runs of space (RFC 5322, 2.2)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		return fieldsNormal(block), ok
	}},
	{"display names: case, order of words and quoting (B39)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		return namesNormal(fieldsNormal(block)), ok
	}},
	{"fields of parts of a form: names in any case, space around values", "http", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		return fieldsNormal(block), ok && bytes.HasPrefix(data, []byte("--"))
	}},
	{"encoded words, in any charset and encoding (RFC 2047)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		if !ok {
			return "", false
		}
		d := mime.WordDecoder{CharsetReader: func(label string, in io.Reader) (io.Reader, error) { return charset.NewReaderLabel(label, in) }}
		text, err := d.DecodeHeader(wordPadding.ReplaceAllStringFunc(fieldsNormal(block), padWord))
		return strings.Join(strings.Fields(text), " "), err == nil
	}},
	{"signatures and results: lists of tags, with domains in any case (RFC 6376, 3.2; RFC 8601, 2.2)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		return tagsNormal(fieldsNormal(block)), ok
	}},
	{"traces: space around comments and brackets (RFC 5322, 3.2.2)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		block, ok := headerAround(data, at)
		return tracesNormal(fieldsNormal(block)), ok
	}},
	{"a mail within a mail, its fields as in any", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		if !ok || !strings.HasPrefix(kind, "message/") {
			return "", false
		}
		top, rest, _ := bytes.Cut(content, []byte("\r\n\r\n"))
		return namesNormal(fieldsNormal(top)) + "\n" + linesNormal(rest), true
	}},
	{"calendars and cards: names in any case, and empty lines (RFC 5545, 1.3)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		return calendarNormal(content), ok && (strings.HasPrefix(kind, "text/calendar") || strings.HasPrefix(kind, "text/vcard"))
	}},
	{"flowed text: a space that is stuffed (RFC 3676, 4.4)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		return stuffed.ReplaceAllString(string(content), "$1"), ok && strings.Contains(kind, "format=flowed")
	}},
	{"JSON: order, space, escapes and forms of numbers (RFC 8259)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		if !ok || !strings.Contains(kind, "json") {
			return "", false
		}
		return jsonNormal(content)
	}},
	{"digests in hexadecimal of either case", "http", head, func(_ *specimen, data []byte, _ int) (string, bool) {
		return hexDigest.ReplaceAllStringFunc(string(data), strings.ToLower), true
	}},
	{"transfer encoding of the same bytes (RFC 2045, 6)", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, _, ok := contentAround(data, at)
		return string(content), ok
	}},
	{"text: space at the ends of lines, and how they end", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		return linesNormal(content), ok && strings.HasPrefix(kind, "text/")
	}},
	{"HTML: case of names, quotes, references, space and omitted tags", "smtp", body, func(_ *specimen, data []byte, at int) (string, bool) {
		content, kind, ok := contentAround(data, at)
		if !ok || !strings.HasPrefix(kind, "text/html") {
			return "", false
		}
		return htmlNormal(content)
	}},
	{"HTML: case of names, quotes, references, space and omitted tags", "http", body, func(s *specimen, data []byte, _ int) (string, bool) {
		if !strings.Contains(contentTypeOf(s), "html") {
			return "", false
		}
		return htmlNormal(data)
	}},
	{"JSON: order, space, escapes and forms of numbers (RFC 8259)", "http", body, func(s *specimen, data []byte, _ int) (string, bool) {
		if !strings.Contains(contentTypeOf(s), "json") {
			return "", false
		}
		return jsonNormal(data)
	}},
	{"forms: order of fields of other names, and escapes", "http", body, func(s *specimen, data []byte, _ int) (string, bool) {
		if !strings.Contains(contentTypeOf(s), "urlencoded") {
			return "", false
		}
		return formNormal(string(data))
	}},
	{"queries: order of fields of other names, and escapes", "http", head, func(_ *specimen, data []byte, _ int) (string, bool) {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		words := strings.Fields(string(line))
		if len(words) != 3 {
			return "", false
		}
		path, query, _ := strings.Cut(words[1], "?")
		form, ok := formNormal(query)
		return words[0] + " " + path + " " + form + " " + words[2] + "\n" + string(rest), ok
	}},
	{"XML: space within tags, quotes and references", "http", body, func(s *specimen, data []byte, _ int) (string, bool) {
		if !strings.Contains(contentTypeOf(s), "xml") {
			return "", false
		}
		return xmlNormal(data)
	}},
	{"text: space at the ends of lines, and how they end", "http", body, func(s *specimen, data []byte, at int) (string, bool) {
		kind := contentTypeOf(s)
		if content, of, ok := contentAround(data, at); ok && strings.HasPrefix(kind, "multipart/") && strings.HasPrefix(of, "text/") {
			return linesNormal(content), true
		}
		return linesNormal(data), strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(kind, "multipart/")
	}},
}

// namesNormal is a block of fields in which the display names of mailboxes are sets of words,
// and keywords of trace fields are in lower case.
func namesNormal(block string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(block, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to":
			list, err := mail.ParseAddressList(value)
			if err != nil {
				value = unreadNames(value)
				break
			}
			value = ""
			for _, a := range list {
				words := strings.FieldsFunc(strings.ToLower(a.Name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
				slices.Sort(words)
				value += strings.Join(words, " ") + " <" + domainLower(a.Address) + ">\n"
			}
		case "received":
			words := strings.Fields(value)
			for i, w := range words {
				if slices.Contains(strings.Fields("from by with via id for smtp esmtp esmtps esmtpsa esmtpa local imap pop3"), strings.ToLower(w)) {
					words[i] = strings.ToLower(w)
				}
			}
			value = strings.Join(words, " ")
		}
		out.WriteString(name + ": " + value + "\n")
	}
	return out.String()
}

// domainLower is an address with its domain in lower case and without a last dot.
func domainLower(address string) string {
	at := strings.LastIndexByte(address, '@')
	return address[:at+1] + strings.ToLower(strings.TrimSuffix(address[at+1:], "."))
}

// caseless are fields whose values are tokens that are the same in either case, but for
// quoted strings and parameters that say something of their own.
var caseless = map[string]bool{
	"content-type": true, "content-transfer-encoding": true, "content-disposition": true, "content-encoding": true, "mime-version": true,
	"accept-encoding": true, "transfer-encoding": true, "connection": true, "host": true,
}

// fieldsNormal is a block of header fields, unfolded, with names and what is caseless in
// lower case, domains too, and runs of space as one.
func fieldsNormal(block []byte) string {
	text := strings.TrimRight(strings.ReplaceAll(string(block), "\r\n", "\n"), "\n")
	text = strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(text)
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			out.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		value = strings.Join(strings.Fields(value), " ")
		if caseless[name] {
			value = tokensLower(value)
		}
		if name == "authorization" || name == "proxy-authorization" {
			scheme, rest, _ := strings.Cut(value, " ")
			value = strings.ToLower(scheme) + " " + rest
		}
		out.WriteString(name + ": " + hostsLower(value) + "\n")
	}
	return out.String()
}

// tokensLower is a value with everything but the values of parameters that are names or
// boundaries in lower case.
func tokensLower(value string) string {
	parts := strings.Split(value, ";")
	for i, part := range parts {
		name, v, ok := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !ok:
			parts[i] = name
		case strings.HasSuffix(name, "*"):
			label, rest, _ := strings.Cut(strings.TrimSpace(v), "'")
			parts[i] = name + "=" + strings.ToLower(label) + "'" + rest
		case name == "charset" || name == "format" || name == "delsp":
			parts[i] = name + "=" + strings.ToLower(strings.Trim(strings.TrimSpace(v), `"`))
		default:
			parts[i] = name + "=" + strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return strings.Join(parts, ";")
}

var mailto = regexp.MustCompile(`(?i)mailto:`)

// hostsLower is a text with the domains of addresses and the hosts and schemes of URLs in
// lower case.
func hostsLower(text string) string {
	out := []byte(mailto.ReplaceAllString(text, "mailto:"))
	for i := range out {
		start := -1
		switch {
		case out[i] == '@':
			start = i + 1
		case i+2 < len(out) && out[i] == ':' && out[i+1] == '/' && out[i+2] == '/':
			start = i + 3
			for k := i - 1; k >= 0 && isLetter(out[k]); k-- {
				out[k] |= 0x20
			}
		}
		for k := start; start >= 0 && k < len(out) && (isWordByte(out[k]) || out[k] == '.' || out[k] == '-'); k++ {
			if isLetter(out[k]) {
				out[k] |= 0x20
			}
		}
	}
	return string(out)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// sectionAround gives the header and the content of the part of a mail, or of one of its
// multiparts, that a position is in: what is between two lines that begin with "--".
func sectionAround(data []byte, at int) (top, content []byte, start int, ok bool) {
	end := len(data)
	boundary := func(i int) bool {
		line := bytes.TrimSpace(lineAt(data, i))
		return bytes.HasPrefix(line, []byte("--")) && (len(line) > 4 && bytes.IndexByte(line, ' ') < 0 || isDeclared(data, line))
	}
	for i := 0; i < len(data); {
		n := len(lineAt(data, i))
		if boundary(i) {
			if i <= at && at < i+n {
				return nil, nil, 0, false
			}
			if i > at {
				end = i
				break
			}
			start = i + n
		}
		i += n
	}
	section := data[start:end]
	i := blankLine.FindIndex(section)
	if i == nil {
		return nil, nil, 0, false
	}
	return section[:i[0]], section[i[1]:], start, true
}

var (
	lineEnd     = regexp.MustCompile(`\r*\n|\r`)
	stuffed     = regexp.MustCompile(`(?m)^(>*) `)
	hexDigest   = regexp.MustCompile(`\b[0-9a-fA-F]{64}\b`)
	wordPadding = regexp.MustCompile(`(?i)\?b\?[A-Za-z0-9+/]*=*\?=`)
)

// isDeclared reports whether a line is one of a boundary that the message declares, or, in
// a form, of the one that the message begins with.
func isDeclared(data, line []byte) bool {
	word := bytes.TrimSuffix(line[2:], []byte("--"))
	return len(word) > 0 && (bytes.Contains(data, append([]byte("boundary="), word...)) || bytes.Contains(data, append([]byte(`boundary="`), word...)) ||
		bytes.HasPrefix(data, append([]byte("--"), word...)))
}

// padWord gives an encoded word in base64 the padding that it needs.
func padWord(word string) string {
	text := strings.TrimRight(strings.TrimSuffix(word[3:], "?="), "=")
	return word[:3] + text + strings.Repeat("=", -len(text)&3) + "?="
}

// unreadNames is a list of mailboxes that is malformed, with what stands before an address
// in brackets in lower case.
func unreadNames(value string) string {
	var out strings.Builder
	for item := range strings.SplitSeq(value, ",") {
		name, rest, ok := strings.Cut(item, "<")
		if ok {
			name = strings.ToLower(strings.TrimSpace(name))
			rest = " <" + rest
		}
		out.WriteString(strings.TrimSpace(name+rest) + ",")
	}
	return out.String()
}

// tagsNormal is a block of fields in which lists of tags are split at each semicolon, and
// the domain and results among them are in lower case.
func tagsNormal(block string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(block, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		if strings.Contains(name, "signature") || strings.Contains(name, "results") || strings.HasPrefix(name, "arc-") {
			for tag := range strings.SplitSeq(value, ";") {
				tag = strings.TrimSpace(tag)
				if k, v, ok := strings.Cut(tag, "="); ok && k == "d" {
					tag = k + "=" + strings.ToLower(v)
				}
				if tag != "" {
					out.WriteString(tag + ";")
				}
			}
			continue
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// tracesNormal is a block of fields in which those that servers leave have no space around
// comments and brackets.
func tracesNormal(block string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(block, "\n") {
		if strings.HasPrefix(line, "received: ") || strings.HasPrefix(line, "x-received: ") {
			line = strings.NewReplacer(" (", "(", ") ", ")", " <", "<", "> ", ">", " ;", ";", "; ", ";").Replace(line)
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// calendarNormal is a calendar with the names of its properties and components in upper
// case, without empty lines.
func calendarNormal(content []byte) string {
	text := strings.NewReplacer("\r\n ", "", "\n ", "", "\r", "").Replace(string(content))
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		end := strings.IndexAny(line, ":;")
		name := strings.ToUpper(line[:max(end, 0)])
		rest := line[max(end, 0):]
		if name == "BEGIN" || name == "END" {
			rest = strings.ToUpper(rest)
		}
		out.WriteString(name + hostsLower(rest) + "\n")
	}
	return out.String()
}

var blankLine = regexp.MustCompile(`\r?\n\r?\n`)

func lineAt(data []byte, i int) []byte {
	if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
		return data[i : i+n+1]
	}
	return data[i:]
}

// headerAround gives the block of header fields that a position is in.
func headerAround(data []byte, at int) ([]byte, bool) {
	top, _, start, ok := sectionAround(data, at)
	return top, ok && at < start+len(top)
}

// contentAround gives the content of the part that a position is in, decoded, and its type.
func contentAround(data []byte, at int) (content []byte, kind string, ok bool) {
	top, content, start, ok := sectionAround(data, at)
	if !ok || at < start+len(top) {
		return nil, "", false
	}
	kind = "text/plain"
	encoding := ""
	for line := range strings.SplitSeq(fieldsNormal(top), "\n") {
		if v, ok := strings.CutPrefix(line, "content-type: "); ok {
			kind = v
		}
		if v, ok := strings.CutPrefix(line, "content-transfer-encoding: "); ok {
			encoding = v
		}
	}
	switch encoding {
	case "base64":
		text := strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t\r\n", r) {
				return -1
			}
			return r
		}, string(content))
		out, err := base64.StdEncoding.DecodeString(text)
		return out, kind, err == nil
	case "quoted-printable":
		out, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(content)))
		return out, kind, err == nil
	}
	return content, kind, true
}

// linesNormal is a text with lines ended by LF, without space at their ends and empty lines
// at the end.
func linesNormal(text []byte) string {
	var lines []string
	for line := range strings.SplitSeq(string(text), "\n") {
		lines = append(lines, strings.TrimRight(line, " \t\r"))
	}
	return strings.TrimRight(hostsLower(strings.Join(lines, "\n")), "\n")
}

// htmlNormal is a document as a tree, in which runs of space are one; hosts are in lower
// case.
func htmlNormal(doc []byte) (string, bool) {
	root, err := html.ParseWithOptions(bytes.NewReader(doc), html.ParseOptionEnableScripting(false))
	if err != nil {
		return "", false
	}
	var out strings.Builder
	var walk func(n *html.Node, verbatim bool)
	walk = func(n *html.Node, verbatim bool) {
		switch n.Type {
		case html.TextNode:
			text := n.Data
			if n.Parent != nil && n.Parent.Data == "style" {
				text = cssNormal(text)
			}
			if !verbatim {
				text = strings.Join(strings.Fields(text), " ")
			}
			out.WriteString(text)
		case html.ElementNode:
			out.WriteString("<" + n.Data)
			slices.SortStableFunc(n.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
			for _, a := range n.Attr {
				value := emptyPath.ReplaceAllString(hostsLower(strings.TrimSpace(a.Val)), "$1/$2")
				value = urlScheme.ReplaceAllStringFunc(value, strings.ToLower)
				switch a.Key {
				case "style":
					value = cssNormal(value)
				case "method":
					value = strings.ToLower(value)
				case "srcset":
					value = manyCommas.ReplaceAllString(value, ",")
				}
				out.WriteString(" " + a.Key + "=" + value + ";")
			}
			out.WriteString(">")
		default:
			out.WriteString("<!" + strings.Join(strings.Fields(n.Data), " ") + ">")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, verbatim || n.Data == "pre" || n.Data == "textarea" || n.Data == "script")
		}
		if n.Type == html.ElementNode {
			out.WriteString("</" + n.Data + ">")
		}
	}
	walk(root, false)
	return out.String(), true
}

var (
	cssJoints  = regexp.MustCompile(`\s*([{};])\s*`)
	urlScheme  = regexp.MustCompile(`^[A-Za-z]+:`)
	manyCommas = regexp.MustCompile(`,[\s,]*`)
)

// emptyPath finds a URL that ends behind its host.
var emptyPath = regexp.MustCompile(`^([a-z]+://[^/?#]+)($|[?#])`)

// cssNormal is CSS in lower case but for strings and URLs, without space that separates
// nothing, and closed where it was left open (CSS Syntax 3, 4 and 5).
func cssNormal(text string) string {
	var out strings.Builder
	quote := byte(0)
	url := false
	open := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case url:
			url = c != ')'
		case c == '"' || c == '\'':
			quote = c
		case c == '(' && strings.HasSuffix(strings.ToLower(out.String()), "url"):
			url = true
		case isLetter(c):
			c |= 0x20
		case c == '{':
			open++
		case c == '}':
			open--
		}
		out.WriteByte(c)
	}
	css := strings.Join(strings.Fields(out.String()), " ")
	css = strings.ReplaceAll(cssJoints.ReplaceAllString(css, "$1"), ": ", ":")
	return css + strings.Repeat("}", max(0, open))
}

func jsonNormal(data []byte) (string, bool) {
	var out []string
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		d.UseNumber()
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return strings.Join(out, "\n"), true
		} else if err != nil {
			return "", false
		}
		text, err := json.Marshal(numbersNormal(v))
		if err != nil {
			return "", false
		}
		out = append(out, string(text))
	}
}

// numbersNormal gives the numbers in a value as fractions.
func numbersNormal(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return "number " + r.String()
		}
	case []any:
		for i := range v {
			v[i] = numbersNormal(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbersNormal(v[k])
		}
	}
	return v
}

// formNormal gives the pairs of a form by their names. What is no valid escape stays as it
// is.
func formNormal(text string) (string, bool) {
	form := map[string][]string{}
	decoded := func(s string) string {
		if d, err := url.QueryUnescape(s); err == nil {
			return d
		}
		return s
	}
	for pair := range strings.SplitSeq(text, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			form[decoded(name)] = append(form[decoded(name)], decoded(value))
		}
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		out.WriteString(name + "=" + strings.Join(form[name], ",") + "\n")
	}
	return hostsLower(out.String()), true
}

func xmlNormal(data []byte) (string, bool) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var out strings.Builder
	e := xml.NewEncoder(&out)
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return out.String(), e.Flush() == nil
		}
		if err != nil || e.EncodeToken(xml.CopyToken(token)) != nil {
			return "", false
		}
	}
}

// contentTypeOf gives the value of Content-Type of a request.
func contentTypeOf(s *specimen) string {
	for line := range strings.SplitSeq(fieldsNormal(s.parts[head]), "\n") {
		if v, ok := strings.CutPrefix(line, "content-type: "); ok {
			return v
		}
	}
	return ""
}
