package pseudonym

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A record is a declared pattern of record numbers.
type record struct{ find *regexp.Regexp }

func newRecord(p *regexp.Regexp) (record, error) {
	if p.MatchString("") {
		return record{}, fmt.Errorf("the pattern %q of record numbers is found in an empty text", p)
	}
	return record{p}, nil
}

// recordsIn adds the record numbers of t that p finds.
func (w *item) recordsIn(t []byte, p record, spans []span) []span {
	for _, at := range p.find.FindAllSubmatchIndex(t, -1) {
		start, end := at[0], at[1]
		before, after := "", ""
		if len(at) > 3 && at[2] >= 0 {
			before, after = string(t[start:at[2]]), string(t[at[3]:end])
			start, end = at[2], at[3]
		}
		if start == end {
			continue
		}
		raw := string(t[start:end])
		out, ok := p.permuted(w.c, raw, before, after)
		if !ok {
			w.fail("a record number has no pseudonym of its pattern")
			continue
		}
		w.found(needle{kind: aRecord, text: strings.ToLower(raw), original: raw})
		w.images.add(strings.ToLower(out))
		w.become(raw, out)
		spans = append(spans, span{start, end, aRecord, []byte(out)})
	}
	return spans
}

// permuted is the pseudonym of a record number that its pattern finds too: letters
// are permuted but for those on which the pattern insists, and where that gives
// nothing, digits alone. before and after are what the pattern asks for around it.
func (p record) permuted(c *Cleaner, raw, before, after string) (string, bool) {
	fits := func(s string) bool { return p.find.MatchString(before+s+after) && p.within(before, s, after) }
	fixed := make(map[int]bool)
	for i, r := range raw {
		if sym, ok := plain(r); ok && sym.radix > 10 {
			changed := false
			for _, other := range []uint32{(sym.value + 1) % sym.radix, (sym.value + sym.radix/2) % sym.radix} {
				changed = changed || fits(raw[:i]+string(letter(r, other, plain))+raw[i+utf8.RuneLen(r):])
			}
			fixed[i] = !changed
		}
	}
	if s, ok := c.walk(raw, func(i int) bool { return fixed[i] }, fits); ok {
		return s, true
	}
	return c.walk(raw, func(i int) bool { return !isDigit(raw[i]) }, fits)
}

// within reports whether the pattern finds exactly s in its place.
func (p record) within(before, s, after string) bool {
	at := p.find.FindStringSubmatchIndex(before + s + after)
	if len(at) > 3 && at[2] >= 0 {
		return at[2] == len(before) && at[3] == len(before)+len(s)
	}
	return len(at) >= 2 && at[0] == len(before) && at[1] == len(before)+len(s)
}

// walk permutes raw, but for the places that stay, until it fits. ok is false where
// it never does, or stays as it was.
func (c *Cleaner) walk(raw string, stays func(i int) bool, fits func(string) bool) (string, bool) {
	s := raw
	for range maxWalk {
		var list []symbol
		for i, r := range s {
			if sym, ok := plain(r); ok && !stays(i) {
				list = append(list, sym)
			}
		}
		if len(list) == 0 {
			return raw, false
		}
		c.perm.permute(ofRecord, 0, list)
		out := make([]byte, 0, len(s))
		n := 0
		for i, r := range s {
			if _, ok := plain(r); ok && !stays(i) {
				r = letter(r, list[n].value, plain)
				n++
			}
			out = utf8.AppendRune(out, r)
		}
		s = string(out)
		if fits(s) && s != raw {
			return s, true
		}
	}
	return raw, false
}

// value is the pseudonym of a declared value, or of a field: letters for letters,
// digits for digits, as many as there were.
func (c *Cleaner) value(s string) string { return c.perm.text(ofValue, 0, s, plain) }

// secret is the pseudonym of a password.
func (c *Cleaner) secret(s string) string { return c.perm.text(ofSecret, 0, s, plain) }

// Places that hold names or fields are of the form "header/x-member", "query/q",
// "form/surname", "cookie/member" and "json/$.patient.name", with "[*]" for any index and ".*"
// for any member.

// A place set answers whether a place was declared.
type places struct {
	exact    map[string]bool
	patterns []string
}

func newPlaces(list []string) (places, error) {
	p := places{exact: make(map[string]bool)}
	for _, s := range list {
		prefix, rest, ok := strings.Cut(s, "/")
		if !ok || rest == "" {
			return p, fmt.Errorf("the place %q has not the form \"json/$.name\", \"header/x-name\", \"form/name\", \"query/name\" or \"cookie/name\"", s)
		}
		switch prefix {
		case "header":
			s = strings.ToLower(s)
		case "form", "query", "cookie":
		case "json":
			if rest[0] != '$' {
				return p, fmt.Errorf("the place %q must begin with json/$", s)
			}
		default:
			return p, fmt.Errorf("the place %q is of no kind that there is: json, header, form, query, cookie", s)
		}
		if strings.Contains(s, "*") {
			p.patterns = append(p.patterns, s)
		} else {
			p.exact[s] = true
		}
	}
	return p, nil
}

func (p *places) any() bool { return len(p.exact) > 0 || len(p.patterns) > 0 }

func (p *places) has(kind, name string) bool {
	if !p.any() {
		return false
	}
	s := kind + "/" + name
	if p.exact[s] {
		return true
	}
	for _, pattern := range p.patterns {
		if likePlace(pattern, s) {
			return true
		}
	}
	return false
}

// likePlace reports whether s is as pattern says, "*" being anything without "." and "[".
func likePlace(pattern, s string) bool {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == s
	}
	s, ok = strings.CutPrefix(s, before)
	if !ok {
		return false
	}
	for n := 0; n <= len(s); n++ {
		if likePlace(after, s[n:]) {
			return true
		}
		if n < len(s) && (s[n] == '.' || s[n] == '[' || s[n] == ']') {
			return false
		}
	}
	return false
}

// isNumberField reports whether a field of that name holds a telephone number.
func isNumberField(name string) bool {
	name = strings.ToLower(strings.Trim(name, "[]"))
	for _, s := range []string{"phone", "mobile", "msisdn", "telefon", "telephone", "cellphone"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	switch name {
	case "tel", "cell", "fax", "sms", "whatsapp":
		return true
	}
	return strings.HasSuffix(name, "_tel") || strings.HasPrefix(name, "tel_")
}

// isDigestField reports whether a field of that name holds the digest of an
// address or a number: the names that the trackers of the large parties use.
func isDigestField(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "em", "ph", "ud[em]", "ud[ph]", "hashed_email", "hashed_phone", "hashed_phone_number", "email_hash", "emailhash", "hashedemail",
		"email_sha256", "sha256_email", "sha256_email_address", "sha256_phone_number", "email_md5", "md5_email", "email_sha1", "sha1_email", "phone_sha256", "hem", "he", "phone_hash":
		return true
	}
	return false
}
