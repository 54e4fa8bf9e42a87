package smtp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// sinkSettings are the keys of an SMTP sink in waybill.toml.
type sinkSettings struct {
	// Hostname is the name in the greeting; "" is sink.waybill.test.
	Hostname string `toml:"hostname"`
	// StartTLS says whether STARTTLS is offered; unset is yes, where the
	// connection is not TLS already.
	StartTLS *bool `toml:"starttls"`
	// ImplicitTLS says that TLS begins with the connection (RFC 8314, 3.3).
	ImplicitTLS bool `toml:"implicit_tls"`
	// LMTP says that the sink speaks LMTP (RFC 2033): LHLO in place of EHLO, and after the
	// message one reply for each recipient that was accepted.
	LMTP bool `toml:"lmtp"`
	// Auth says whether AUTH is offered, unset is yes. Any credentials do, and none are kept.
	Auth *bool `toml:"auth"`
	// Refuse scripts refusals of recipients; see [Protocol].
	Refuse []string `toml:"refuse"`
}

const defaultHostname = "sink.waybill.test" // RFC 2606, 2: .test is nobody's

// sinkOptions are settings that have been found sound.
type sinkOptions struct {
	hostname           string
	startTLS, implicit bool
	auth, lmtp         bool
	refusals           []refusal
}

func checkSettings(settings channel.Settings) error {
	_, err := readSettings(settings)
	return err
}

func readSettings(settings channel.Settings) (o sinkOptions, err error) {
	var s sinkSettings
	if err := settings.Into(&s); err != nil {
		return o, err
	}
	o = sinkOptions{hostname: s.Hostname, implicit: s.ImplicitTLS, auth: s.Auth == nil || *s.Auth, lmtp: s.LMTP}
	if o.hostname == "" {
		o.hostname = defaultHostname
	}
	if _, err := gate.MailRecipient("postmaster@"+o.hostname, gate.Envelope); err != nil {
		return o, fmt.Errorf("hostname %q: not a domain name; write one such as %q", s.Hostname, defaultHostname)
	}
	if s.ImplicitTLS && s.StartTLS != nil && *s.StartTLS {
		return o, errors.New("implicit_tls and starttls are both true: a connection that begins with TLS cannot start it; take one of them out")
	}
	o.startTLS = !s.ImplicitTLS && (s.StartTLS == nil || *s.StartTLS)
	seen := make(map[string]string, len(s.Refuse))
	for _, text := range s.Refuse {
		r, err := readRefusal(text)
		if err != nil {
			return o, fmt.Errorf("refuse %q: %w", text, err)
		}
		if before, ok := seen[r.pattern()]; ok {
			return o, fmt.Errorf("refuse %q: never reached, since %q stands before it", text, before)
		}
		seen[r.pattern()] = text
		o.refusals = append(o.refusals, r)
	}
	return o, nil
}

// A refusal answers RCPT for the mailboxes that it matches.
type refusal struct {
	code     int
	enhanced string // "5.1.1"
	local    string // "*" is any
	domain   string // canonical; "*" is any
	everyone bool   // also recipients that are no mailbox
}

func (r *refusal) pattern() string {
	if r.everyone {
		return "*"
	}
	return r.local + "@" + r.domain
}

func readRefusal(text string) (r refusal, err error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return r, errors.New(`want a reply code and a recipient, such as "550 bob@example.org"`)
	}
	r.code, err = strconv.Atoi(words[0])
	if err != nil || len(words[0]) != 3 || r.code < 400 || r.code > 599 {
		return r, fmt.Errorf("reply code %q: want 400 to 599", words[0])
	}
	if r.code == 421 {
		return r, errors.New("reply code 421 closes the connection on every recipient; use an outage scenario for that")
	}
	class := words[0][:1]
	r.enhanced = class + ".7.1"
	words = words[1:]
	if isEnhanced(words[0]) {
		if r.enhanced = words[0]; r.enhanced[:1] != class {
			return r, fmt.Errorf("enhanced status code %q: want class %s, as the reply code has", r.enhanced, class)
		}
		words = words[1:]
	}
	pattern := strings.Join(words, " ") // a quoted local part may hold spaces
	if pattern == "*" {
		r.everyone = true
		return r, nil
	}
	at := strings.LastIndexByte(pattern, '@')
	if at <= 0 {
		return r, fmt.Errorf("recipient %q: want local@domain, *@domain, local@* or *", pattern)
	}
	r.local, r.domain = pattern[:at], pattern[at+1:]
	local, domain := r.local, r.domain
	if local == "*" {
		local = "any"
	}
	if domain == "*" {
		domain = "any.test"
	}
	canonical, err := gate.MailRecipient(local+"@"+domain, gate.Envelope)
	if err != nil {
		return r, fmt.Errorf("recipient %q: %w", pattern, err)
	}
	local, domain = splitAddress(canonical.Address)
	if r.local != "*" {
		r.local = local
	}
	if r.domain != "*" {
		r.domain = domain
	}
	return r, nil
}

// isEnhanced reports whether s has the form of RFC 3463, 2: 5.1.1.
func isEnhanced(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 {
		return false
	}
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n > 999 {
			return false
		}
	}
	return true
}

func splitAddress(canonical string) (local, domain string) {
	at := strings.LastIndexByte(canonical, '@')
	if at < 0 {
		return canonical, ""
	}
	return canonical[:at], canonical[at+1:]
}

func (r *refusal) matches(who gate.Recipient) bool {
	if r.everyone {
		return true
	}
	if who.Kind != gate.Mail {
		return false
	}
	local, domain := splitAddress(who.Address)
	return (r.local == "*" || r.local == local) && (r.domain == "*" || r.domain == domain)
}
