package pipeline

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
	"github.com/waybill-dev/waybill/gate/fields"
)

// A mark is what a word says by its form alone: where people write, call, click or pay to,
// or whom a text is about. A word with a mark is never wording.
type mark string

// Marks.
const (
	markAddress mark = "a mail address"
	markHandle  mark = "a handle"
	markLink    mark = "a link"
	markHost    mark = "a host"
	markNumber  mark = "a number of five digits or more"
	markPhone   mark = "a telephone number"
	markAccount mark = "an account"
	markBox     mark = "a box of a post office"
	markCode    mark = "a code"
)

// A marked word stands at text[from:to].
type marked struct {
	mark
	text     string
	from, to int
}

// marksIn returns the marked words of p that differ, wholly or in part, or that what
// differs lies in.
func marksIn(p diff.Passage) []marked {
	var out []marked
	eachMark(p.Text, func(m marked) {
		inside := m.from < p.To && p.From < m.to
		if p.From == p.To {
			inside = m.from < p.From && p.From < m.to
		}
		if inside {
			out = append(out, m)
		}
	})
	return out
}

// eachMark calls found for the marked words of text, in order.
func eachMark(text string, found func(marked)) {
	words := wordsBySpace(text)
	for i := 0; i < len(words); i++ {
		w := words[i]
		if m := w.reading(); m != "" {
			w.mark = m
			if m == markLink {
				w.begin()
			}
			found(w)
			continue
		}
		if n := account(words[i:]); n > 1 {
			found(marked{markAccount, text[w.from:words[i+n-1].to], w.from, words[i+n-1].to})
			i += n - 1
			continue
		}
		if n := telephone(words[i:]); n > 1 {
			found(marked{markPhone, text[w.from:words[i+n-1].to], w.from, words[i+n-1].to})
			i += n - 1
			continue
		}
		if n := spelledNumber(words[i:]); n > 0 {
			found(marked{markPhone, text[w.from:words[i+n-1].to], w.from, words[i+n-1].to})
			i += n - 1
			continue
		}
		if m := labelled(text, words, i); m != "" {
			w.mark = m
			found(w)
			continue
		}
		if isNumber(w.text) && !(priced(words, i) && isAmount(w.text)) {
			w.mark = markNumber
			found(w)
		}
	}
}

// wordsBySpace cuts a text at white space and takes off the punctuation around each word.
func wordsBySpace(text string) []marked {
	var out []marked
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		end := at
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if unicode.IsSpace(r) {
				break
			}
			end += size
		}
		word := text[at:end]
		left := strings.TrimLeft(word, "\"'“”‘’«»<>[]{}|,;:!?*_~`")
		from := end - len(left)
		left = strings.TrimRight(left, "\"'“”‘’«»<>[]{}|,;:!?.*_~`")
		if left != "" {
			out = append(out, marked{text: left, from: from, to: from + len(left)})
		}
		at = end
	}
	return out
}

// reading says what a word is that says it by itself.
func (w *marked) reading() mark {
	s := strings.Trim(w.text, "()")
	switch at := strings.IndexByte(s, '@'); {
	case strings.Contains(s, "://") || strings.HasPrefix(strings.ToLower(s), "www.") || isScheme(s):
		return markLink
	case at == 0 && len(s) > 1 && isWordByte(s[1]):
		return markHandle
	case at > 0 && at < len(s)-1:
		return markAddress
	case hostLike(s):
		return markHost
	case isCode(s):
		return markCode
	}
	return ""
}

// begin has a link begin with its scheme (RFC 3986, section 3.1), and not with the name of the
// attribute that it is the value of.
func (w *marked) begin() {
	colon := strings.Index(w.text, "://")
	if colon <= 0 {
		return
	}
	start := colon
	for start > 0 && (w.text[start-1] < utf8.RuneSelf && isWordByte(w.text[start-1]) && w.text[start-1] != '_' || strings.IndexByte("+-.", w.text[start-1]) >= 0) {
		start--
	}
	if start < colon {
		w.from, w.text = w.from+start, w.text[start:]
	}
}

func isScheme(s string) bool {
	for _, scheme := range [...]string{"mailto:", "tel:", "sms:", "javascript:", "data:"} {
		if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

func isWordByte(c byte) bool {
	return c >= utf8.RuneSelf || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// hostLike reports whether s begins with a name under a domain that is registered to be
// one, or that is reserved for examples: "clinic.example/x", but not "e.g." and "node.js".
func hostLike(s string) bool {
	host := s
	if i := strings.IndexAny(host, "/?#:"); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimRight(host, ".")
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || strings.Contains(host, "..") {
		return false
	}
	for i := 0; i < len(host); i++ {
		if c := host[i]; c != '.' && c != '-' && !isWordByte(c) {
			return false
		}
	}
	top := host[dot+1:]
	if len(top) < 2 || strings.ToLower(top) != top || strings.Trim(top, "0123456789") == "" {
		return false
	}
	switch top {
	case "example", "test", "invalid", "localhost", "local", "internal", "onion":
		return true
	}
	// A name under no rule of the list is its own suffix by the rule "*", which no authority manages.
	suffix, icann := publicsuffix.PublicSuffix(strings.ToLower(host))
	return icann && len(suffix) < len(host)
}

// isCode reports whether s is a run of letters and digits as keys and tokens are: eight
// characters or more in which letters and digits change places often, or twelve with two
// digits, which are no date, amount or version.
func isCode(s string) bool {
	if strings.ContainsAny(s, ".,:/%$€£") || isTime(s) {
		return false
	}
	letters, digits, turns, last := 0, 0, 0, 0
	for _, c := range s {
		class := 0
		switch {
		case unicode.IsDigit(c):
			digits, class = digits+1, 1
		case unicode.IsLetter(c):
			letters, class = letters+1, 2
		}
		if class != 0 && last != 0 && class != last {
			turns++
		}
		if class != 0 {
			last = class
		}
	}
	return letters > 0 && (letters+digits >= 8 && turns >= 3 || letters+digits >= 12 && digits >= 2 && !strings.Contains(s, "-"))
}

func countDigits(s string) (n int) {
	for i := 0; i < len(s); i++ {
		if '0' <= s[i] && s[i] <= '9' {
			n++
		}
	}
	return n
}

// isNumber reports whether s holds five digits or more, and is no date or time.
func isNumber(s string) bool { return countDigits(s) >= 5 && !isTime(s) }

var (
	clock      = regexp.MustCompile(`^\d{1,2}[:.h]\d{2}([:.]\d{2})?(am|pm|AM|PM|h|Uhr)?([-–]\d{1,2}[:.h]\d{2}([:.]\d{2})?(am|pm|AM|PM|h)?)?$`)
	isoTime    = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:?\d{2}(:?\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?$`)
	yearSpan   = regexp.MustCompile(`^(19|20)\d{2}([-–/,](19|20)?\d{2})+$`)
	longNumber = regexp.MustCompile(`\d{6}`)
	// The steps of versions, apart: "1 15 0".
	versionWords = regexp.MustCompile(`^\d{1,2}( \d{1,2})*$`)
	// A package of npm's with a scope, and its version: "@slack/web-api/7.19.0".
	scopedPackage = regexp.MustCompile(`^@[a-z0-9][a-z0-9._-]*[:/][a-z0-9][a-z0-9._-]*[/@]v?\d{1,5}(\.\d{1,5}){1,3}$`)
	amount        = regexp.MustCompile(`^[$€£¥]?[-+]?\d{1,3}([.,'’ ]?\d{3})*([.,]\d{1,2})?[$€£¥]?$`)
)

// isTime reports whether s is a date, a time of day or a span of years.
func isTime(s string) bool {
	s = strings.Trim(s, "()")
	return exposure.IsDate(s) || clock.MatchString(s) || isoTime.MatchString(s) || yearSpan.MatchString(s)
}

func isAmount(s string) bool { return amount.MatchString(strings.Trim(s, "()")) }

// priced reports whether words[i] has a currency in it or beside it.
func priced(words []marked, i int) bool {
	s := words[i].text
	if strings.ContainsAny(s, "$€£¥") {
		return true
	}
	currency := func(s string) bool {
		switch s {
		case "$", "€", "£", "¥", "EUR", "USD", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "CZK", "INR", "Euro", "euro", "euros", "dollars", "pounds":
			return true
		}
		return false
	}
	return i > 0 && currency(words[i-1].text) || i+1 < len(words) && currency(words[i+1].text)
}

// telephone returns how many of words are one telephone number in groups: seven digits or
// more, not years or amounts.
func telephone(words []marked) int {
	digits, n, years := 0, 0, true
	for n < len(words) {
		w := words[n].text
		if strings.Trim(w, "0123456789+-./()") != "" || countDigits(w) == 0 || isTime(w) || n > 0 && words[n].from > words[n-1].to+2 {
			break
		}
		years = years && (len(w) == 4 && (w[:2] == "19" || w[:2] == "20"))
		digits += countDigits(w)
		n++
	}
	if n < 2 || digits < 7 || years || priced(words, n-1) || priced(words, 0) {
		return 0
	}
	return n
}

// account returns how many of words are one account number in groups (ISO 13616): a
// country, two check digits, then letters and digits by four.
func account(words []marked) int {
	first := words[0].text
	if len(first) != 4 || first[0] < 'A' || first[0] > 'Z' || first[1] < 'A' || first[1] > 'Z' || countDigits(first[2:]) != 2 {
		return 0
	}
	n, size, digits := 1, 4, 2
	for n < len(words) && len(words[n].text) <= 4 && strings.ToUpper(words[n].text) == words[n].text && size < 34 {
		size, digits = size+len(words[n].text), digits+countDigits(words[n].text)
		n++
	}
	if size < 12 || digits < 6 {
		return 0
	}
	return n
}

// isVersion reports whether a marked word is a version, or a package with its version, in
// what says which software sends.
func (w marked) isVersion() bool {
	switch w.mark {
	case markNumber, markCode:
		return !longNumber.MatchString(w.text)
	case markPhone:
		return versionWords.MatchString(w.text)
	case markHandle:
		return scopedPackage.MatchString(w.text)
	}
	return false
}

// identifying says what keeps an edit of text from being wording: what the words that
// differ are, or lie inside of. An address or host of one of the domains own that is put
// in where none stood is the sender's own, and so is the path of a link that leads to the
// same place on both sides, where what differs in it is no token.
func identifying(h *diff.Hunk, own []string) string {
	before, after := marksOf(h, 0), marksOf(h, 1)
	if f, _, ok := fields.Part(h.Part); ok {
		if f.Descriptive {
			before, after = slices.DeleteFunc(before, marked.isVersion), slices.DeleteFunc(after, marked.isVersion)
		}
		if h.NewPart || h.GonePart { // senders may make up the field's name too
			eachMark(h.Part[strings.LastIndex(h.Part, "header/")+len("header/"):], func(m marked) { after = append(after, marked{mark: m.mark}) })
		}
	}
	if sameLinks(before, after) {
		return ""
	}
	for _, m := range before {
		return "what stood there is, or is in, " + string(m.mark)
	}
	for _, m := range after {
		if (m.mark == markAddress || m.mark == markHost) && ownedBy(m.text, own) {
			continue
		}
		return "what was put in is, or is in, " + string(m.mark)
	}
	return ""
}

// marksOf returns the marks of what differs on one side of h: 0 is before.
func marksOf(h *diff.Hunk, side int) []marked {
	if p := h.Around[side]; p.Text != "" {
		return marksIn(p)
	}
	text := [2]string{h.Before, h.After}[side]
	return marksIn(diff.Passage{Text: text, To: len(text)})
}

// sameLinks reports whether both sides hold links alone, as many, that lead to the same
// places and differ in no token.
func sameLinks(before, after []marked) bool {
	if len(before) == 0 || len(before) != len(after) {
		return false
	}
	for i := range before {
		if before[i].mark != markLink || after[i].mark != markLink || !sameOrigin(before[i].text, after[i].text) ||
			!plainDifference(before[i].text, after[i].text) {
			return false
		}
	}
	return true
}

// sameOrigin reports whether two links have one scheme, or become encrypted, and one user
// and host.
func sameOrigin(before, after string) bool {
	schemeB, userB, hostB, ok1 := origin(before)
	schemeA, userA, hostA, ok2 := origin(after)
	return ok1 && ok2 && userB == userA && hostB == hostA && (schemeB == schemeA || schemeB == "http" && schemeA == "https")
}

// origin reads a link's scheme, user and host as browsers do (WHATWG URL, 4.4); a default
// port is left out.
func origin(link string) (scheme, user, host string, ok bool) {
	scheme, rest, ok := strings.Cut(link, "://")
	if !ok {
		return "", "", "", false
	}
	scheme = strings.ToLower(scheme)
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, rest = rest[:i], rest[i+1:]
	}
	r, err := gate.HostRecipient(rest)
	if err != nil {
		return "", "", "", false
	}
	return scheme, user, r.Address, true
}

// plainDifference reports whether the words in which two links differ are no tokens, and whether
// the links lead on to the same places, which a redirect may have percent-encoded, once or more
// (RFC 3986, 2.1).
func plainDifference(before, after string) bool {
	if !slices.Equal(leadsOn(before), leadsOn(after)) {
		return false
	}
	before, after = differing(before, after)
	return !holdsToken(before) && !holdsToken(after)
}

// mostEncoded is how many times what a link leads on to may be percent-encoded.
const mostEncoded = 4

// leadsOn returns the hosts that the path, query and fragment of a link name, in order.
func leadsOn(link string) (hosts []string) {
	_, rest, ok := strings.Cut(link, "://")
	if !ok {
		return nil
	}
	for range mostEncoded {
		plain, err := url.PathUnescape(rest)
		if err != nil || plain == rest {
			break
		}
		rest = plain
	}
	for {
		_, after, ok := strings.Cut(rest, "//")
		if !ok {
			return hosts
		}
		host := after
		if i := strings.IndexAny(host, `/\?#&"'<> `); i >= 0 {
			host = host[:i]
		}
		hosts = append(hosts, strings.ToLower(host))
		rest = after
	}
}

// differing cuts off what both texts begin and end with, up to whole words.
func differing(b, a string) (string, string) {
	start := 0
	for start < len(b) && start < len(a) && b[start] == a[start] {
		start++
	}
	for start > 0 && isWordByte(b[start-1]) {
		start--
	}
	b, a = b[start:], a[start:]
	end := 0
	for end < len(b) && end < len(a) && b[len(b)-1-end] == a[len(a)-1-end] {
		end++
	}
	for end > 0 && isWordByte(b[len(b)-end]) {
		end--
	}
	return b[:len(b)-end], a[:len(a)-end]
}

// holdsToken reports whether a piece of a link holds what may name a person or a record:
// an address, a number of five digits or more, a code, or a long run of letters and digits.
func holdsToken(s string) bool {
	if strings.Contains(s, "@") || strings.Contains(s, "%40") {
		return true
	}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if countDigits(w) >= 5 || isCode(w) || len(w) >= 24 || mixesCase(w) {
			return true
		}
	}
	return false
}

// mixesCase reports whether w changes case as coded text does: three times or more from
// lower to upper.
func mixesCase(w string) bool {
	n := 0
	for i := 1; i < len(w); i++ {
		if 'a' <= w[i-1] && w[i-1] <= 'z' && 'A' <= w[i] && w[i] <= 'Z' {
			n++
		}
	}
	return n >= 3
}

// ownedBy reports whether an address or host is of one of the domains own.
func ownedBy(text string, own []string) bool {
	domain := text[strings.LastIndexByte(text, '@')+1:]
	if i := strings.IndexAny(domain, "/?#:"); i >= 0 {
		domain = domain[:i]
	}
	domain = strings.ToLower(strings.Trim(domain, "()."))
	for _, d := range own {
		if domain == d {
			return true
		}
	}
	return false
}
