package gate

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxAddress is how many octets an address may have, as given and in canonical
// form. It is four times the path limit of RFC 5321, 4.5.3.1.3, so that addresses
// that a careful server would refuse can still be compared.
const MaxAddress = 1024

// An AddressError says why an address has no canonical form. Reason names nobody
// and may go into a gap; Address may not.
type AddressError struct {
	Kind    RecipientKind
	Address string
	Reason  string
}

func (e *AddressError) Error() string {
	a := e.Address
	if len(a) > 80 {
		a = a[:80] + "..."
	}
	return "invalid " + string(e.Kind) + " address " + strconv.Quote(a) + ": " + e.Reason
}

// MailRecipient makes a recipient of a Mailbox of RFC 5321, 4.1.2, without its
// angle brackets. The error is an [*AddressError].
//
// The local part is kept byte for byte: case, dots, plus tags and Unicode form
// all tell mailboxes apart. Only the quoting is made minimal, since "a"@x and a@x
// name one mailbox by that section: quotes go where the text between them is a
// Dot-string, and stay, with as few backslashes as can be, where it is not.
//
// The domain becomes lower-case A-labels (UTS 46, non-transitional) without a
// trailing dot; an address literal becomes lower case. A source route ("@a,@b:")
// is dropped, as RFC 5321, appendix C, tells receivers to. The one mailbox without
// a domain is postmaster, in any case (RFC 5321, 4.5.1).
//
// Refused are: more than [MaxAddress] octets, control characters, invalid UTF-8,
// an unquoted local part with characters that need quotes (a second @ among them:
// who is meant depends on the reader), and domains that no name server could hold.
func MailRecipient(addr string, role RecipientRole) (Recipient, error) {
	canonical, reason := mailAddress(addr)
	if reason != "" {
		return Recipient{}, &AddressError{Mail, addr, reason}
	}
	return Recipient{Kind: Mail, Address: canonical, Role: role}, nil
}

// HostRecipient makes a recipient of the host that a request is made to, in role
// [Party]: a name, an IPv4 address or an IPv6 address in brackets or bare, with or
// without ":port". The error is an [*AddressError].
//
// Names become lower-case A-labels without a trailing dot, IPv6 addresses the form
// of RFC 5952 in brackets. The ports 80 and 443 and an empty port are dropped:
// which of the two it was shows in how the message travelled, not in who got it.
func HostRecipient(host string) (Recipient, error) {
	canonical, reason := hostAddress(host)
	if reason != "" {
		return Recipient{}, &AddressError{Host, host, reason}
	}
	return Recipient{Kind: Host, Address: canonical, Role: Party}, nil
}

// TelRecipient makes a recipient of a telephone number, in role [Envelope]. The
// visual separators of RFC 3966, 5.1.1, and spaces and slashes are dropped. What
// begins with "+" or "00" becomes E.164 with its plus, 15 digits at the most; any
// other number depends on the network it is dialled in and stays the digits that
// it is, 32 at the most. The error is an [*AddressError].
func TelRecipient(number string) (Recipient, error) {
	canonical, reason := telAddress(number)
	if reason != "" {
		return Recipient{}, &AddressError{Tel, number, reason}
	}
	return Recipient{Kind: Tel, Address: canonical, Role: Envelope}, nil
}

// ParseRecipient reads "kind:address", with or without " as role", and makes the
// address canonical: it is the inverse of [Recipient.String]. Without a role the
// recipient has none. The error is an [*AddressError] or an [*InvalidError].
func ParseRecipient(s string) (Recipient, error) {
	kind, addr, ok := strings.Cut(s, ":")
	if !ok {
		return Recipient{}, &InvalidError{"recipient", s}
	}
	var role RecipientRole
	if i := strings.LastIndex(addr, " as "); i >= 0 {
		switch r := RecipientRole(addr[i+len(" as "):]); r {
		case Envelope, Party, To, Cc, Bcc, ReplyTo, Asker:
			addr, role = addr[:i], r
		}
	}
	var r Recipient
	var err error
	switch RecipientKind(kind) {
	case Mail:
		r, err = MailRecipient(addr, role)
	case Host:
		r, err = HostRecipient(addr)
	case Tel:
		r, err = TelRecipient(addr)
	case Other, Session:
		if reason := plain(addr); reason != "" {
			return Recipient{}, &AddressError{RecipientKind(kind), addr, reason}
		}
		r = Recipient{Kind: RecipientKind(kind), Address: addr}
	default:
		return Recipient{}, &InvalidError{"recipient kind", kind}
	}
	if err != nil {
		return Recipient{}, err
	}
	r.Role = role
	return r, nil
}

// plain says what keeps s from being an address of any kind, or "".
func plain(s string) (reason string) {
	if s == "" {
		return "it is empty"
	}
	if len(s) > MaxAddress {
		return "it is longer than " + strconv.Itoa(MaxAddress) + " octets"
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return "it holds a control character"
		}
	}
	if !utf8.ValidString(s) {
		return "it is not UTF-8"
	}
	return ""
}

func mailAddress(addr string) (canonical, reason string) {
	if reason := plain(addr); reason != "" {
		return "", reason
	}
	path := addr
	if path[0] == '@' {
		_, after, ok := strings.Cut(path, ":")
		if !ok {
			return "", "its local part is empty"
		}
		path = after
	}
	local, rest, reason := localPart(path)
	if reason != "" {
		return "", reason
	}
	if rest == "" {
		if strings.EqualFold(local, "postmaster") {
			return "postmaster", ""
		}
		return "", "it has no domain"
	}
	domain, reason := mailDomain(rest[1:])
	if reason != "" {
		return "", reason
	}
	if len(local)+1+len(domain) == len(addr) && addr[:len(local)] == local && addr[len(local)+1:] == domain {
		return addr, "" // as most are: canonical already
	}
	canonical = local + "@" + domain
	if len(canonical) > MaxAddress {
		return "", "its canonical form is longer than " + strconv.Itoa(MaxAddress) + " octets"
	}
	return canonical, ""
}

// localPart splits path after its local part, which it brings into minimal
// quoting. rest is empty or begins with "@".
func localPart(path string) (local, rest, reason string) {
	if path == "" || path[0] != '"' {
		i := 0
		for i < len(path) && (isAtext(path[i]) || path[i] == '.') {
			i++
		}
		switch {
		case i == 0:
			return "", "", "its local part is empty or begins with a character that needs quotes"
		case i < len(path) && path[i] != '@':
			return "", "", "its local part holds a character that needs quotes"
		}
		return path[:i], path[i:], ""
	}
	end := 1
	for end < len(path) && path[end] != '"' {
		if path[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(path) {
		return "", "", "its local part opens a quote that is not closed"
	}
	quoted, rest := path[:end+1], path[end+1:]
	if rest != "" && rest[0] != '@' {
		return "", "", "text follows the quoted local part"
	}
	return minimalQuotes(quoted), rest, ""
}

// minimalQuotes takes a Quoted-string with both of its quotes.
func minimalQuotes(quoted string) string {
	var text strings.Builder
	for i := 1; i < len(quoted)-1; i++ {
		if quoted[i] == '\\' {
			i++
		}
		text.WriteByte(quoted[i])
	}
	bare := text.String()
	if isDotString(bare) {
		return bare
	}
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(bare) + `"`
}

// isDotString reports whether s is a Dot-string of RFC 5321, 4.1.2, with the
// characters that RFC 6531, 3.3, adds.
func isDotString(s string) bool {
	dot := true // a dot may not stand here
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '.':
			if dot {
				return false
			}
			dot = true
		case isAtext(s[i]):
			dot = false
		default:
			return false
		}
	}
	return !dot
}

// isAtext reports whether c is atext of RFC 5322, 3.2.3, or a byte of a character
// outside ASCII (RFC 6531, 3.3).
func isAtext(c byte) bool {
	switch {
	case c >= 0x80, '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	case c <= ' ', c == 0x7f:
		return false
	}
	return strings.IndexByte(`"(),.:;<>@[\]`, c) < 0
}

func mailDomain(domain string) (canonical, reason string) {
	if domain == "" {
		return "", "its domain is empty"
	}
	if domain[0] != '[' {
		return hostName(domain)
	}
	for i := 1; i < len(domain)-1; i++ {
		if c := domain[i]; c <= ' ' || c >= 0x7f || c == '[' || c == ']' || c == '\\' {
			return "", "its address literal holds a character that may not stand there"
		}
	}
	if len(domain) < 3 || domain[len(domain)-1] != ']' {
		return "", "its address literal is empty or not closed"
	}
	return strings.ToLower(domain), ""
}

func hostAddress(host string) (canonical, reason string) {
	if reason := plain(host); reason != "" {
		return "", reason
	}
	name, port := host, ""
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return "", "its IPv6 address has no closing bracket"
		}
		name, port = host[1:end], host[end+1:]
		if port != "" && port[0] != ':' {
			return "", "text follows the IPv6 address"
		}
		if strings.IndexByte(name, ':') < 0 {
			return "", "what stands in brackets is not an IPv6 address"
		}
		port = strings.TrimPrefix(port, ":")
	} else if strings.Count(host, ":") == 1 {
		name, port, _ = strings.Cut(host, ":")
	}
	if strings.IndexByte(name, ':') >= 0 {
		ip, err := netip.ParseAddr(name)
		if err != nil {
			return "", "it is not an IPv6 address"
		}
		name = "[" + ip.String() + "]"
	} else if name, reason = hostName(name); reason != "" {
		return "", reason
	}
	if port == "" {
		return name, ""
	}
	for i := 0; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return "", "its port is not a number"
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", "its port is not in 1 to 65535"
	}
	if n == 80 || n == 443 {
		return name, ""
	}
	return name + ":" + strconv.FormatUint(n, 10), ""
}

// hostName brings a domain name into lower-case A-labels. Names of ASCII alone
// are lower-cased and no more, so that underscores, hyphens anywhere and A-labels
// that decode to nothing are compared as they are.
func hostName(name string) (canonical, reason string) {
	ascii := true
	for i := 0; i < len(name); i++ {
		if name[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		// The profile is made per call: it is a few words, and names outside ASCII are rare.
		profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))
		a, err := profile.ToASCII(name)
		if err != nil {
			return "", "its domain has no A-label form"
		}
		name = a
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" {
		return "", "its domain is empty"
	}
	if len(name) > MaxAddress {
		return "", "its canonical form is longer than " + strconv.Itoa(MaxAddress) + " octets"
	}
	dot := true // an empty label so far
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			if dot {
				return "", "its domain has an empty label"
			}
			dot = true
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			dot = false
		default:
			return "", "its domain holds a character that may not stand in a name"
		}
	}
	if dot {
		return "", "its domain has an empty label"
	}
	return name, ""
}

func telAddress(number string) (canonical, reason string) {
	if reason := plain(number); reason != "" {
		return "", reason
	}
	digits := make([]byte, 0, 16)
	plus := false
	for i := 0; i < len(number); i++ {
		switch c := number[i]; {
		case '0' <= c && c <= '9':
			digits = append(digits, c)
		case c == '+' && !plus && len(digits) == 0:
			plus = true
		case strings.IndexByte(" -.()/", c) < 0:
			return "", "it holds a character that is neither a digit nor a separator"
		}
	}
	if !plus && len(digits) > 2 && digits[0] == '0' && digits[1] == '0' {
		plus, digits = true, digits[2:]
	}
	switch {
	case len(digits) == 0:
		return "", "it has no digits"
	case plus && len(digits) > 15:
		return "", "it has more than the 15 digits of E.164"
	case len(digits) > 32:
		return "", "it has more than 32 digits"
	case plus:
		return "+" + string(digits), ""
	}
	return string(digits), ""
}
