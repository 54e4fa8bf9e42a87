package dynamic

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// maxWithin is how many links may stand within one another, in their queries.
const maxWithin = 3

// distinct is give at a place of links and texts: a value that stands at one place twice
// counts once, for the two forms of one mail hold the same links.
func (w *walk) distinct(place, value string) {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	k := place + "\x00" + value
	if w.seen[k] || len(w.seen) >= maxPlaces {
		return
	}
	w.seen[k] = true
	w.again(place, value)
}

// link gives the segments of a URL's path and the values of its query and fragment.
func (w *walk) link(raw string, depth int) {
	raw = strings.TrimSpace(raw)
	if len(raw) < 2 || len(raw) > maxValue || depth >= maxWithin || w.over {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return
	}
	front := "link"
	for s := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" {
			continue
		}
		w.distinct(front+"/#", plain)
		if made("link/#", plain) {
			plain = "#"
		}
		front += "/" + plain
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, v, ok := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(v)
		switch {
		case !ok && made("link/#", name):
			w.distinct(front+"?", name)
		case !ok || err != nil:
		case strings.Contains(plain, "://") || strings.HasPrefix(plain, "/"):
			w.link(plain, depth+1)
		default:
			w.distinct(front+"?"+name, plain)
		}
	}
	if f := u.EscapedFragment(); strings.ContainsAny(f, "/?=") {
		w.link("/"+strings.TrimPrefix(strings.TrimPrefix(f, "!"), "/"), depth+1)
	}
}

var (
	urls  = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s<>"'\x60\])}]+`)
	codes = regexp.MustCompile(`(?i)code|pin\b|otp|passcode|password|passwd|token|key|nonce`)
)

// prose gives the links in a text, and the words of it that look made: each by the two
// words before it.
func (w *walk) prose(text string) {
	for _, at := range urls.FindAllStringIndex(text, maxPlaces) {
		w.link(strings.TrimRight(text[at[0]:at[1]], ".,;:!?*_"), 0)
	}
	var before [2]string
	for token := range strings.FieldsSeq(urls.ReplaceAllString(text, " ")) {
		place := "text/" + strings.TrimSpace(before[0]+" "+before[1])
		token = strings.Trim(token, `"'()<>[]{},.;:!?*`)
		whole := made(place, token)
		if whole { // a password may have marks within
			w.distinct(place, token)
		}
		for word := range strings.FieldsFuncSeq(token, isBreak) {
			if word = strings.Trim(word, "-_"); word == "" {
				continue
			}
			if made(place, word) {
				w.distinct(place, word)
				if front, rest, ok := strings.Cut(word, "-"); ok && len(front) == 1 && made(place, rest) {
					w.distinct(place, rest) // G-483920
				}
				word = "#"
			}
			if whole {
				word = "#"
			}
			before = [2]string{before[1], strings.ToLower(word)}
			if !whole {
				place = "text/" + strings.TrimSpace(before[0]+" "+before[1])
			}
		}
		if w.over {
			return
		}
	}
}

// Loosely names the place of a binding without what a page or a text around it says.
func Loosely(b *gate.Binding) string { return loosen(b.Place, b.Value) }

// loosen is a place without what a release may change of it and harm nobody: the page that
// a link leads to, the words before a code. value tells what stands in a text.
func loosen(place, value string) string {
	if i := strings.LastIndexByte(place, '['); i > 0 && strings.HasSuffix(place, "]") {
		if _, err := strconv.Atoi(place[i+1 : len(place)-1]); err == nil && !strings.HasPrefix(place, "json/") {
			place = place[:i]
		}
	}
	kind, rest, _ := strings.Cut(place, "/")
	switch {
	case kind == "text":
		return "text/" + shape(value)
	case kind != "link" && !strings.HasPrefix(place, "link?"):
		return place
	}
	if i := strings.LastIndexByte(rest, '?'); i >= 0 {
		return "link?" + rest[i+1:]
	}
	if i := strings.LastIndexByte(place, '?'); i >= 0 {
		return "link" + place[i:]
	}
	return "link/#"
}

// shape tells numbers, by their length, from other words.
func shape(v string) string {
	if strings.Trim(v, "0123456789") == "" {
		return strconv.Itoa(len(v)) + " digits"
	}
	return "word"
}
