package canon

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// A Mask hides what a pattern matches in some parts, by a user's rule.
//
// It reaches values only: parts of kind Text, Value and Link. A mask whose glob
// could name a recipient, a sender or a destination is refused by [New]; and where a
// match in a part touches a mail address, the host of a link, or a recipient of the
// message, that match is left as it is (invariant 3).
//
// What is hidden is renamed, not deleted: "[rule#1]", with one number for each
// value that a rule meets in a message, so that equal values stay equal.
type Mask struct {
	Part    string         // glob over names of parts: "*" is any text, "?" any one byte
	Pattern *regexp.Regexp // what is hidden; matches of nothing are passed over
	Rule    string         // name of the rule, for the record: letters, digits, "-"

	any bool // Pattern matches whatever words there are; set by New
}

// matchesAnything reports whether the pattern is not for a form but for all there is.
func (m *Mask) matchesAnything() bool {
	for _, word := range []string{"positive", "Record", "alice", "Überweisung"} {
		if at := m.Pattern.FindStringIndex(word); at == nil || at[0] > 0 || at[1] < len(word) {
			return false
		}
	}
	return true
}

// protected are globs over names of parts that hold recipients, senders or destinations.
func protected() []string {
	names := []string{"envelope/*", "transport/*", "recipient/*", "host"}
	for f := range fields.Each {
		if !f.Protected || strings.Contains(f.Name, "/") {
			continue
		}
		for _, in := range []string{"header/", "message[*]/header/"} {
			names = append(names, in+f.Name, in+f.Name+"/*")
		}
	}
	return names
}

func (m *Mask) check() error {
	if m.Pattern == nil {
		return errors.New("it has no pattern")
	}
	if m.Rule == "" || strings.TrimLeft(m.Rule, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("its rule %q must be made of small letters, digits and hyphens", m.Rule)
	}
	if m.Part == "" {
		return errors.New("it names no part")
	}
	for _, name := range protected() {
		if globsMeet(m.Part, name) {
			return fmt.Errorf("it could hide %q: recipients, senders and destinations are never masked; name the parts of the body instead, such as %q", name, "text*")
		}
	}
	return nil
}

// applyMasks hides what the user's masks match, in every message that they fit. A part
// of words of which nothing would be left is kept as it stands: the masks are refused
// there, which is recorded as [gate.RefusedMask].
func (s *state) applyMasks() {
	if len(s.canon.masks) == 0 {
		return
	}
	numbers := maskNumbers{of: map[maskKey]int{}, used: map[string]int{}}
	for i := range s.out.Parts {
		p := &s.out.Parts[i]
		if p.Kind != gate.Text && p.Kind != gate.Value && p.Kind != gate.Link || saysWho(p.Name) {
			continue
		}
		whole := p.Value
		var hidden []gate.Hidden
		var used []int // masks that fit the part
		for j := range s.canon.masks {
			m := &s.canon.masks[j]
			if !globMatch(m.Part, p.Name) {
				continue
			}
			used = append(used, j)
			p.Value = s.hideMatches(m, p, func(v string) string {
				hidden = append(hidden, gate.Hidden{Rule: m.Rule, Part: p.Name, Value: v})
				return numbers.name(m.Rule, v)
			})
		}
		switch {
		case len(hidden) == 0:
		case p.Kind != gate.Link && !hasLetters(s.unnamed(p.Value)) && !s.mayEmpty(whole, used):
			p.Value = whole
			for _, h := range hidden {
				s.mask(gate.RefusedMask+h.Rule, h.Part, 1)
			}
		default:
			s.hideOnce(hidden)
		}
	}
}

// saysWho reports whether a part belongs to a header field that says who a message is
// from or to: names of people and groups are such parts.
func saysWho(part string) bool {
	f, _, _ := fields.Part(part)
	return f.Protected
}

// hideOnce hides what masks of one part matched: each value once, and all are counted.
func (s *state) hideOnce(hidden []gate.Hidden) {
	seen := make(map[gate.Hidden]bool, len(hidden))
	for _, h := range hidden {
		if !seen[h] {
			seen[h] = true
			s.hide(h.Rule, h.Part, h.Value)
			s.out.Hidden[len(s.out.Hidden)-1].User = true
			continue
		}
		s.mask(h.Rule, h.Part, 1)
		for i := range s.out.Masks {
			if m := &s.out.Masks[i]; m.Rule == h.Rule && m.Part == h.Part {
				m.Bytes += uint64(len(h.Value))
				break
			}
		}
	}
}

// maskNumbers numbers the values that each rule meets in one message.
type maskNumbers struct {
	of   map[maskKey]int
	used map[string]int // by rule
}

func (n *maskNumbers) name(rule, value string) string {
	k := maskKey{rule, value}
	if n.of[k] == 0 {
		n.used[rule]++
		n.of[k] = n.used[rule]
	}
	return maskName(rule) + strconv.Itoa(n.of[k]) + "]"
}

// maskName begins what stands in a part for a value that rule hid.
func maskName(rule string) string { return "[" + rule + "#" }

// unnamed returns v without the names that masks have put in it.
func (s *state) unnamed(v string) string {
	for i := range s.canon.masks {
		name := maskName(s.canon.masks[i].Rule)
		pieces := strings.Split(v, name)
		if len(pieces) == 1 {
			continue
		}
		var out strings.Builder
		out.WriteString(pieces[0])
		for _, p := range pieces[1:] {
			out.WriteString(strings.TrimPrefix(strings.TrimLeft(p, "0123456789"), "]"))
		}
		v = out.String()
	}
	return v
}

// mayEmpty reports whether what the masks at use hid may be all that v says. Two words
// may not; and one only where a mask is for more than words, so that no token is kept
// raw in the message in which it happens to look like a word.
func (s *state) mayEmpty(v string, used []int) bool {
	switch readableWords(v) {
	case 0:
		return true
	case 1:
		return !slices.ContainsFunc(used, func(j int) bool { return s.canon.masks[j].any })
	}
	return false
}

// readableWords counts, up to two, the words in v that a person would read: letters
// alone, in lower case, in upper case, or capitalised. What stands in a date, and what
// tokens are made of, is none.
func readableWords(v string) int {
	n := 0
	for w := range strings.FieldsFuncSeq(v, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`.,;:!?()[]{}"<>`, r) }) {
		if isReadable(w) {
			if n++; n == 2 {
				break
			}
		}
	}
	return n
}

func isReadable(w string) bool {
	if ofDates[asciiLower(w)] {
		return false
	}
	letters := 0
	for part := range strings.FieldsFuncSeq(w, func(r rune) bool { return r == '-' || r == '\'' || r == '’' }) {
		if strings.IndexFunc(part, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) >= 0 {
			return false
		}
		_, first := utf8.DecodeRuneInString(part)
		if rest := part[first:]; rest != strings.ToLower(rest) && part != strings.ToUpper(part) {
			return false
		}
		letters += utf8.RuneCountInString(part)
	}
	return letters >= 2
}

// hasLetters reports whether v holds a letter or a digit.
func hasLetters(v string) bool {
	return strings.IndexFunc(v, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0
}

// ofDates are the words of dates in mail and HTTP (RFC 5322, 3.3; RFC 9110, 5.6.7).
var ofDates = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields("mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec gmt utc am pm") {
		words[w] = true
	}
	return words
}()

// hideMatches renames the matches of m in p that touch nobody's address.
func (s *state) hideMatches(m *Mask, p *gate.Part, rename func(string) string) string {
	matches := m.Pattern.FindAllStringIndex(p.Value, -1)
	if len(matches) == 0 {
		return p.Value
	}
	kept := s.identities(p)
	var out strings.Builder
	from := 0
	for _, at := range matches {
		for len(kept) > 0 && kept[0][1] <= at[0] {
			kept = kept[1:]
		}
		if at[0] == at[1] || len(kept) > 0 && kept[0][0] < at[1] {
			continue
		}
		out.WriteString(p.Value[from:at[0]])
		out.WriteString(rename(p.Value[at[0]:at[1]]))
		from = at[1]
	}
	out.WriteString(p.Value[from:])
	return out.String()
}

// identities are the spans of p's value that say who somebody is or where something
// goes: mail addresses, hosts of URLs, accounts and telephone numbers in their international
// form, and the recipients of this message. They are in order, and do not overlap.
func (s *state) identities(p *gate.Part) [][2]int {
	v := p.Value
	spans := append(addressSpans(v), hostSpans(v, p.Kind == gate.Link)...)
	for _, form := range [...]*regexp.Regexp{accountForm, phoneForm} {
		for _, at := range form.FindAllStringIndex(v, -1) {
			if form == phoneForm || isAccount(v[at[0]:at[1]]) {
				spans = append(spans, [2]int{at[0], at[1]})
			}
		}
	}
	lower := asciiLower(v)
	for _, r := range s.out.Recipients {
		address := asciiLower(strings.TrimPrefix(r.Address, "+"))
		if address == "" {
			continue
		}
		for at := 0; ; {
			i := strings.Index(lower[at:], address)
			if i < 0 {
				break
			}
			spans = append(spans, [2]int{at + i, at + i + len(address)})
			at += i + len(address)
		}
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s[0] <= merged[n-1][1] {
			merged[n-1][1] = max(merged[n-1][1], s[1])
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

var (
	// accountForm is the form of an IBAN, in groups or in one piece (ISO 13616-1).
	accountForm = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?:[ \x{a0}-]?[A-Z0-9]){11,30}\b`)
	// phoneForm is the form of a telephone number with its country (ITU-T E.123).
	phoneForm = regexp.MustCompile(`\+[1-9](?:[ \x{a0}./()-]{0,2}[0-9]){7,14}\b`)
)

// isAccount reports whether text, of the form of an IBAN, is one: most of it is digits,
// which is seldom so in a random token.
func isAccount(text string) bool {
	digits, letters := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			digits++
		case isAlnum(c):
			letters++
		}
	}
	return digits >= 10 && digits >= 2*letters
}

// addressSpans are the spans of v that are mail addresses: something before an at sign,
// and a domain of two labels or more, or an address literal, after it.
func addressSpans(v string) [][2]int {
	var spans [][2]int
	start, last := 0, 0 // where the one before starts, and its at sign ends
	for i, n := nextAt(v); n > 0; {
		from := i
		for from > last && isAddressByte(v[from-1]) {
			from--
		}
		if from == last && last > 0 && from < i {
			from = start // "a%40b@example.org": both signs stand in one run
		}
		end := i + n
		for end < len(v) && (isAlnum(v[end]) || v[end] >= 0x80 || strings.IndexByte(".-_[]:", v[end]) >= 0) {
			end++
		}
		if from < i && isDomain(v[i+n:end]) {
			spans = append(spans, [2]int{from, end})
		}
		start, last = from, i+n
		i, n = nextAt(v[last:])
		i += last
	}
	return spans
}

// isDomain reports whether d begins as the domain of an address does: with labels
// between dots, the last of them letters (RFC 3696, 2), or with a literal in brackets.
func isDomain(d string) bool {
	if strings.HasPrefix(d, "[") {
		return strings.IndexByte(d, ']') > 1
	}
	d, _, _ = strings.Cut(d, ":")
	d = strings.TrimRight(d, ".-_[]")
	i := strings.LastIndexByte(d, '.')
	if i <= 0 || d[i-1] == '.' {
		return false
	}
	top := d[i+1:]
	if strings.HasPrefix(asciiLower(top), "xn--") {
		return true
	}
	letters := 0
	for letters < len(top) && (top[letters] >= 0x80 || 'a' <= top[letters]|0x20 && top[letters]|0x20 <= 'z') {
		letters++
	}
	return letters >= 2 && (letters == len(top) || !isAlnum(top[letters]))
}

// hostSpans are the spans of v that are authorities of URLs: behind a scheme, and, in a
// link, at its start too (RFC 3986, 4.2).
func hostSpans(v string, link bool) [][2]int {
	var spans [][2]int
	add := func(start int) int {
		end := start
		for end < len(v) && !isSpace(v[end]) && strings.IndexByte(`/\?#"'<>`, v[end]) < 0 {
			end++
		}
		spans = append(spans, [2]int{start, end})
		return end
	}
	at := 0
	if link && strings.HasPrefix(v, "//") {
		at = add(len("//"))
	}
	for {
		i := strings.Index(v[at:], "://")
		if i < 0 {
			return spans
		}
		i += at
		at = i + len("://")
		if i > 0 && isAlnum(v[i-1]) {
			at = add(at)
		}
	}
}

// nextAt finds the first "@" in v, as it is or escaped as in a URL; n is its
// length, 0 where there is none.
func nextAt(v string) (i, n int) {
	for from := 0; ; from = i + 1 {
		i = strings.IndexAny(v[from:], "@%")
		if i < 0 {
			return len(v), 0
		}
		i += from
		if v[i] == '@' {
			return i, 1
		}
		if strings.HasPrefix(v[i:], "%40") {
			return i, len("%40")
		}
	}
}

// isAddressByte reports whether c may stand in the local part of an address in a
// text. More is taken for one than may be: what is kept is compared.
func isAddressByte(c byte) bool {
	return c >= 0x80 || isAlnum(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.\"", c) >= 0
}

// globMatch reports whether a glob matches the whole of name.
func globMatch(glob, name string) bool {
	g, n := 0, 0
	star, mark := -1, 0
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, n
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == name[n]):
			g, n = g+1, n+1
		case star >= 0:
			mark++
			g, n = star+1, mark
		default:
			return false
		}
	}
	return strings.TrimLeft(glob[g:], "*") == ""
}

// globsMeet reports whether some name is matched by both globs.
func globsMeet(a, b string) bool {
	// meets[j] says whether a[i:] and b[j:] meet, from the ends on.
	next := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		meets := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				meets[j] = true
			case i < len(a) && a[i] == '*':
				meets[j] = next[j] || j < len(b) && meets[j+1]
			case j < len(b) && b[j] == '*':
				meets[j] = meets[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				meets[j] = (a[i] == b[j] || a[i] == '?' || b[j] == '?') && next[j+1]
			}
		}
		next = meets
	}
	return next[0]
}
