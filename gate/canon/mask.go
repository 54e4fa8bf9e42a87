package canon

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

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

// applyMasks hides what the user's masks match.
func (s *state) applyMasks() {
	if len(s.canon.masks) == 0 {
		return
	}
	numbers := map[maskKey]int{} // of values, by rule
	counts := map[string]int{}
	for i := range s.out.Parts {
		p := &s.out.Parts[i]
		if p.Kind != gate.Text && p.Kind != gate.Value && p.Kind != gate.Link || saysWho(p.Name) {
			continue
		}
		for j := range s.canon.masks {
			m := &s.canon.masks[j]
			if !globMatch(m.Part, p.Name) {
				continue
			}
			value, n := s.hideMatches(m, p, func(v string) string {
				k := maskKey{m.Rule, v}
				if numbers[k] == 0 {
					counts[m.Rule]++
					numbers[k] = counts[m.Rule]
				}
				return "[" + m.Rule + "#" + strconv.Itoa(numbers[k]) + "]"
			})
			p.Value = value
			s.mask(m.Rule, p.Name, n)
		}
	}
}

// saysWho reports whether a part belongs to a header field that says who a message is
// from or to: names of people and groups are such parts.
func saysWho(part string) bool {
	f, _, _ := fields.Part(part)
	return f.Protected
}

// hideMatches renames the matches of m in p that touch nobody's address.
func (s *state) hideMatches(m *Mask, p *gate.Part, rename func(string) string) (string, uint64) {
	matches := m.Pattern.FindAllStringIndex(p.Value, -1)
	if len(matches) == 0 {
		return p.Value, 0
	}
	kept := s.identities(p.Value)
	var out strings.Builder
	n, from := uint64(0), 0
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
		n++
	}
	out.WriteString(p.Value[from:])
	return out.String(), n
}

// identities are the spans of v that say who somebody is or where something goes:
// mail addresses, hosts of URLs, and the recipients of this message. They are in
// order, and do not overlap.
func (s *state) identities(v string) [][2]int {
	var spans [][2]int
	last := 0 // where the span before ends
	for i, n := nextAt(v); n > 0; {
		start, end := i, i+n
		for start > last && isAddressByte(v[start-1]) {
			start--
		}
		for end < len(v) && (isAlnum(v[end]) || v[end] >= 0x80 || strings.IndexByte(".-_[]:", v[end]) >= 0) {
			end++
		}
		spans = append(spans, [2]int{start, end})
		last = end
		i, n = nextAt(v[end:])
		i += end
	}
	for at := 0; ; {
		i := strings.Index(v[at:], "//")
		if i < 0 {
			break
		}
		start := at + i + len("//")
		end := start
		for end < len(v) && !isSpace(v[end]) && strings.IndexByte(`/\?#"'<>`, v[end]) < 0 {
			end++
		}
		spans = append(spans, [2]int{start, end})
		at = end
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
