package gate

import "strings"

// identitySchemes are the schemes of URIs that name a person and nothing else, and of
// the channel addresses that message APIs write like them ("whatsapp:+15105550100").
var identitySchemes = map[string]RecipientKind{
	"mailto": Mail,
	"tel":    Tel, "sms": Tel, "smsto": Tel, "whatsapp": Tel, "rcs": Tel, "messenger": Tel,
}

// ReadsAsRecipient reports whether a whole value names a recipient by its form alone,
// and returns the recipient without a role:
//
//   - an address ("alice@example.org"), alone, with a name ("Alice <alice@example.org>")
//     or as mailto, whose domain has a dot and ends in a label that begins with a letter;
//   - a telephone number of E.164: a plus and 8 to 15 digits, with or without visual
//     separators, alone or behind tel:, sms: or a message API's prefix such as whatsapp:;
//   - a URL with an authority, which names its host.
//
// An address in angle brackets alone is left alone: ids of messages are written so.
// White space around the value is ignored. Numbers without a plus and bare host names
// are left alone: record numbers and file names look like them. A URL names no more than its
// host, so two values that differ behind the host name one recipient.
func ReadsAsRecipient(value string) (Recipient, bool) {
	s := strings.TrimSpace(value)
	if len(s) < 5 || len(s) > MaxAddress {
		return Recipient{}, false
	}
	if scheme, rest, ok := strings.Cut(s, ":"); ok {
		switch kind := identitySchemes[strings.ToLower(scheme)]; {
		case kind == Mail:
			rest, _, _ = strings.Cut(rest, "?")
			return readsAsMail(rest)
		case kind == Tel:
			return readsAsTel(rest)
		case strings.HasPrefix(rest, "//"):
			return readsAsURL(scheme, rest[2:])
		}
	}
	if s[0] == '+' || strings.HasPrefix(s, "(+") {
		return readsAsTel(s)
	}
	return readsAsMail(s)
}

func readsAsMail(s string) (Recipient, bool) {
	if open := strings.LastIndexByte(s, '<'); open > 0 && strings.HasSuffix(s, ">") {
		s = s[open+1 : len(s)-1]
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Recipient{}, false
	}
	r, err := MailRecipient(s, "")
	if err != nil {
		return Recipient{}, false
	}
	domain := r.Address[strings.LastIndexByte(r.Address, '@')+1:]
	if strings.HasPrefix(domain, "[") {
		return r, true
	}
	dot := strings.LastIndexByte(domain, '.')
	if dot < 0 || domain[dot+1] < 'a' || domain[dot+1] > 'z' { // a version is no domain: "name@1.2.3"
		return Recipient{}, false
	}
	return r, true
}

func readsAsTel(s string) (Recipient, bool) {
	r, err := TelRecipient(strings.TrimSpace(s))
	if err != nil || r.Address[0] != '+' || len(r.Address) < 1+8 {
		return Recipient{}, false
	}
	r.Role = ""
	return r, true
}

// readsAsURL reads what follows "//" as browsers do (WHATWG URL, 4.4): what stands before
// the last "@" of the authority is not the host.
func readsAsURL(scheme, rest string) (Recipient, bool) {
	for i := 0; i < len(scheme); i++ {
		if c := scheme[i] | 0x20; (c < 'a' || c > 'z') && (i == 0 || strings.IndexByte("0123456789+-.", scheme[i]) < 0) {
			return Recipient{}, false
		}
	}
	if end := strings.IndexAny(rest, `/\?#`); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	r, err := HostRecipient(rest)
	if err != nil || scheme == "" {
		return Recipient{}, false
	}
	r.Role = ""
	return r, true
}

// ReadsAsLeaf reports whether the value of a JSON string may also be that of another leaf: a number,
// true, false, null, or an empty array or object. A string of digits may, also where no number is
// written so, as with a zero first: a random code must not have another form by chance.
func ReadsAsLeaf(v string) bool {
	switch v {
	case "true", "false", "null", "{}", "[]":
		return true
	}
	return isNumeric(v)
}

// isNumeric reports whether v is a sign, digits, a fraction and an exponent (RFC 8259, 6),
// whatever digit is first.
func isNumeric(v string) bool {
	v = strings.TrimPrefix(v, "-")
	whole := digits(v)
	if whole == "" {
		return false
	}
	v = v[len(whole):]
	if after, ok := strings.CutPrefix(v, "."); ok {
		fraction := digits(after)
		if fraction == "" {
			return false
		}
		v = after[len(fraction):]
	}
	if v == "" {
		return true
	}
	if v[0]|0x20 != 'e' {
		return false
	}
	v = v[1:]
	if v != "" && (v[0] == '+' || v[0] == '-') {
		v = v[1:]
	}
	return v != "" && digits(v) == v
}

// digits are the digits that s begins with.
func digits(s string) string {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n]
}
