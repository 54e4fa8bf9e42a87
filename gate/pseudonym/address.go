package pseudonym

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/waybill-dev/waybill/gate"
)

// reserved is the domain under which every pseudonym of a mail domain stands: no
// name below it can be registered (RFC 2606, section 2), so nothing reaches anybody.
const reserved = ".example"

// isRole reports whether a word, in lower case, is of those by which mail systems
// name functions and not people (RFC 2142, and what automata write). Such words of
// a local part stay.
func isRole(word string) bool {
	switch word {
	case "postmaster", "hostmaster", "webmaster", "abuse", "noc", "security", "usenet", "news", "ftp", "uucp",
		"mailerdaemon", "mailer", "daemon", "noreply", "donotreply", "reply", "bounce", "bounces", "root",
		"owner", "request", "admin", "subscribe", "unsubscribe", "list", "lists", "info", "support", "sales", "marketing",
		"help", "sentto", "returns", "return", "errors", "srs", "srs0", "srs1", "prvs", "msprvs1", "btv1":
		return true
	}
	return false
}

// address is an address as it stands in text, with its pseudonym: a local part, quoted
// or not, "@" and a domain or an address literal.
func (c *Cleaner) address(raw []byte) *known {
	if k := c.seen.get(raw); k != nil {
		return k
	}
	s := string(raw)
	at := strings.LastIndexByte(s, '@')
	k := newKnown(s, c.mailbox(s[:at], s[at+1:]))
	c.localName(s[:at])
	c.seen.put(s, k)
	return k
}

// mailbox is the pseudonym of an address. Those of functions stay in a domain that does.
func (c *Cleaner) mailbox(local, domain string) string {
	if c.keepWhole[strings.ToLower(local+"@"+domain)] || c.isFunction(local, domain) {
		return local + "@" + domain
	}
	return c.local(local) + "@" + c.domain(domain)
}

// isFunction reports whether an address is of a function of an organisation whose domain
// stays: "orders", "billing-noreply".
func (c *Cleaner) isFunction(local, domain string) bool {
	if domain == "" || !c.keeps(canonicalDomain(domain)) {
		return false
	}
	local, _, _ = strings.Cut(strings.ToLower(local), "+")
	if isRole(skeleton(local)) || functions[skeleton(local)] {
		return true
	}
	words := strings.FieldsFunc(local, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	for _, w := range words {
		if !functions[w] && !isRole(w) {
			return false
		}
	}
	return len(words) > 0
}

// functions are words of the addresses that software of an organisation sends from, and
// that it gets mail for its offices by.
var functions = set(`account accounts accounting accountspayable accountsreceivable alert alerts appointment appointments billing booking bookings bot careers checkout claims community compliance confirm confirmation
	contact contactus customer customercare customers customerservice delivery demo desk digest do dev enquiries events feedback finance fraud hallo hello helpdesk hey hr info inquiries invite invites invoice invoices it jobs kontakt kundenservice legal
	login mail mailbot marketing media member members membership messages monitoring news newsletter newsletters no noreplies not notification notifications notify notice notices office ops order orders payment payments payroll pharmacy portal
	post press privacy promo promotions purchase receipts receipt reception recruiting referrals register registration reminder reminders rent reply report reports reservation reservations returns reviews robot rsvp sales scheduling security
	send sender service services shipping shipment shop signup staff statements status store subscriptions support survey system team tech ticket tickets tracking transactions update updates user users verification verify warranty web welcome appt clinic hospital service-desk labs results`)

// local is the pseudonym of a local part. Segments between the characters that
// software takes local parts apart by are replaced each by itself, so that what it
// makes of a pseudonym is the pseudonym of what it makes of the address: a plus
// tag cut off, the sender taken out of a return path. Dots stay where they are and
// do not count, nor does case.
func (c *Cleaner) local(local string) string {
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		inner := local[1 : len(local)-1]
		if at := strings.LastIndexByte(inner, '@'); at > 0 && at < len(inner)-1 && !strings.ContainsAny(inner[at:], ` \"`) {
			return `"` + c.local(inner[:at]) + "@" + c.domain(inner[at+1:]) + `"`
		}
		return `"` + c.segments(inner) + `"`
	}
	if strings.ContainsAny(local, "=%!") {
		return c.pieces(local)
	}
	return c.segments(local)
}

// pieces replaces a local part that holds other addresses: VERP's user=domain, the
// SRS0=hash=time=domain=user of forwarders, user%domain, host!user.
func (c *Cleaner) pieces(local string) string {
	var out strings.Builder
	for local != "" {
		i := strings.IndexAny(local, "=%!")
		piece := local
		if i >= 0 {
			piece = local[:i]
		}
		if isDomain(piece) || i < 0 && out.Len() > 0 && isReserved(piece) {
			out.WriteString(c.domain(piece))
		} else {
			out.WriteString(c.segments(piece))
		}
		if i < 0 {
			break
		}
		out.WriteByte(local[i])
		local = local[i+1:]
	}
	return out.String()
}

// isDomain reports whether s is a name of two labels or more under a top-level
// domain that there is.
func isDomain(s string) bool {
	if strings.IndexByte(s, '.') <= 0 || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	return isPublic(strings.ToLower(s[strings.LastIndexByte(s, '.')+1:]))
}

// isReserved reports whether s is a name of two labels or more within a network or in examples
// (RFC 2606, RFC 6761, RFC 6762).
func isReserved(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	return dot > 0 && !strings.Contains(s, "..") && isHostEnd(strings.ToLower(s[dot+1:]))
}

// isReturnPath reports whether a local part of two pieces with "=" between is a return path in
// the manner of VERP: a sender, a sign, and an address of a reserved domain.
func isReturnPath(before, domain []byte) bool {
	return bytes.ContainsAny(before, "+-") && isReserved(string(domain))
}

// isPublic reports whether a top-level domain, in lower case, is one of the root's.
func isPublic(tld string) bool {
	_, icann := publicsuffix.PublicSuffix(tld)
	return icann
}

// segments replaces each run of letters, digits and dots that is all within ASCII
// or all beyond it.
func (c *Cleaner) segments(s string) string {
	var out strings.Builder
	start, kind := 0, byte(0) // of the run under way: 0 none, 1 ASCII, 2 beyond
	flush := func(end int) {
		if kind != 0 {
			out.WriteString(c.segment(s[start:end]))
		} else {
			out.WriteString(s[start:end])
		}
		start = end
	}
	for i, r := range s {
		k := kind
		switch {
		case r == '.' && kind != 0:
		case r < utf8.RuneSelf && isAlnum(byte(r)):
			k = 1
		case r >= utf8.RuneSelf && r != utf8.RuneError:
			k = 2
		default:
			k = 0
		}
		if k != kind {
			flush(i)
			kind = k
		}
	}
	flush(len(s))
	return out.String()
}

func (c *Cleaner) segment(s string) string {
	if isRole(skeleton(s)) {
		return s
	}
	for {
		s = c.perm.text(ofLocal, 0, s, plain)
		if !isRole(skeleton(s)) {
			return s
		}
	}
}

// skeleton is s in lower case without dots.
func skeleton(s string) string { return strings.ToLower(strings.ReplaceAll(s, ".", "")) }

// keeps reports whether a domain stays as it is.
func (c *Cleaner) keeps(canonical string) bool {
	for _, k := range c.keep {
		if canonical == k || strings.HasSuffix(canonical, "."+k) {
			return true
		}
	}
	return false
}

// canonicalDomain is in lower-case A-labels, without a trailing dot, or, of what is
// no domain, in lower case.
func canonicalDomain(domain string) string {
	if r, err := gate.HostRecipient(domain); err == nil && strings.IndexByte(domain, ':') < 0 {
		return r.Address
	}
	return strings.TrimSuffix(strings.ToLower(domain), ".")
}

// domain is the pseudonym of a mail domain. Labels are replaced from the right,
// each by a permutation of its own parent, so that domains below one domain stay
// below one; the top-level domain stays where the root has it, followed by a
// reserved one. Case stays place by place, and A-labels and U-labels of one name
// become those of one.
func (c *Cleaner) domain(domain string) string {
	canonical := canonicalDomain(domain)
	if c.keeps(canonical) {
		return domain
	}
	if domain[0] == '[' {
		// RFC 3849: addresses for documentation.
		sum := c.sum(ofLabel, canonical)
		return "[IPv6:2001:db8::" + hexWord(sum[0:2]) + ":" + hexWord(sum[2:4]) + ":" + hexWord(sum[4:6]) + ":" + hexWord(sum[6:8]) + "]"
	}
	bare := strings.TrimSuffix(domain, ".")
	raw, names := strings.Split(bare, "."), strings.Split(canonical, ".")
	if len(raw) != len(names) {
		raw = names // a separator of another script stands in it
	}
	last := len(raw) - 1
	for i := range raw {
		switch parent := strings.Join(names[i+1:], "."); {
		case i == last && i > 0 && isPublic(names[i]):
		case i == last:
			raw[i] = c.label(raw[i], "", func(l string) bool { return !isPublic(strings.ToLower(l)) })
		default:
			raw[i] = c.label(raw[i], parent, func(string) bool { return true })
		}
	}
	out := strings.Join(raw, ".") + tail(bare)
	return out + domain[len(bare):]
}

// tail is the reserved domain in the case of domain.
func tail(domain string) string {
	if domain == strings.ToUpper(domain) && domain != strings.ToLower(domain) {
		return strings.ToUpper(reserved)
	}
	return reserved
}

// maxWalk bounds how often a permutation is applied again until its image is one
// that may stand. Walking along a cycle keeps it a permutation.
const maxWalk = 256

// label is the pseudonym of one label below parent, of those that fit.
func (c *Cleaner) label(raw, parent string, fits func(string) bool) string {
	text := raw
	coded := len(raw) > 4 && strings.EqualFold(raw[:4], "xn--")
	if coded {
		u, err := idna.Punycode.ToUnicode(strings.ToLower(raw))
		if err != nil || isASCII([]byte(u)) {
			coded = false
		} else {
			text = u
		}
	}
	tweak := c.hash(ofLabel, parent)
	for range maxWalk {
		text = c.perm.text(ofLabel, tweak, text, plain)
		if isASCII([]byte(text)) {
			if !coded {
				if !fits(text) || len(text) > 4 && strings.EqualFold(text[:4], "xn--") {
					continue
				}
				return text
			}
		}
		a, err := idna.Lookup.ToASCII(strings.ToLower(text))
		if err != nil || !fits(text) {
			continue
		}
		if back, err := idna.Punycode.ToUnicode(a); err != nil || back != strings.ToLower(text) {
			continue
		}
		if coded {
			return a
		}
		return text
	}
	sum := c.sum(ofLabel, strings.ToLower(raw)+"."+parent) // no letters of that script make a name
	return "x" + hexWord(sum[:8])
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
