package smtp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/fields"
)

// newDecoder makes the decoder of what a sink with these settings took. A head
// does not depend on settings; they are read so that wrong ones are said.
func newDecoder(settings channel.Settings) (channel.Decoder, error) {
	if err := checkSettings(settings); err != nil {
		return nil, err
	}
	return decode, nil
}

// decode reads one transaction. Recipients with equal parameters of their own
// (DSN, source route) are one Decoded, so that what was asked for one of them is
// not said of another.
//
//	envelope/from             MAIL's mailbox, "<>" for the null reverse-path
//	envelope/refused          mailboxes whose RCPT was refused, sorted
//	envelope/ret ../envid     MAIL parameters (RFC 3461)
//	envelope/notify ../orcpt  RCPT parameters (RFC 3461)
//	envelope/route            hosts of a recipient's source route (RFC 5321, appendix C)
//	envelope/from-route       hosts of the sender's source route
//	envelope/auth             MAIL parameter (RFC 4954)
//	envelope/smtputf8         MAIL parameter (RFC 6531), where it has a value, which it may not
//	envelope/parameter        any other parameter, a keyword in upper case: "XFOO=1"
//	envelope/ambiguous-end    how many places of the message a lax server would take for its end
//	transport/tls             "plaintext", "tls" (1.2 and later), or the obsolete version
//	transport/sink            name of the sink
//
// Hidden are the name in HELO or EHLO, which is the build's own, SIZE and BODY, which
// say how the message is carried and not what it says, each where it has the form of
// that: else it is a part, envelope/helo, envelope/size or envelope/body. Left out are
// SMTPUTF8 without a value, and an ORCPT that names the recipient itself.
func decode(m *gate.Message) ([]gate.Decoded, error) {
	e, err := readEnvelope(m)
	if err != nil {
		return nil, err
	}
	if n := ambiguousEnds(m.Body); n > 0 {
		e.fields = append(e.fields, gate.Part{Name: "envelope/ambiguous-end", Kind: gate.Value, Value: fmt.Sprint(n)})
	}
	e.fields = append(e.fields,
		gate.Part{Name: "transport/tls", Kind: gate.Transport, Value: transport(m.TLS)},
		gate.Part{Name: "transport/sink", Kind: gate.Transport, Value: visible(m.Sink)},
	)
	if m.Cut > 0 {
		e.gap(gate.GapCutBody, fmt.Sprintf("%d bytes of the body were not kept", m.Cut))
	}
	if e.rcpts == 0 {
		e.gap(gate.GapRecipientUnknown, "the message has no RCPT: nothing says whom it was for")
	}
	if len(e.groups) == 0 {
		e.groups = []group{{}}
	}
	decoded := make([]gate.Decoded, len(e.groups))
	for i, g := range e.groups {
		decoded[i] = gate.Decoded{
			Recipients: g.recipients,
			Fields:     slices.Concat(e.fields, g.fields),
			Payloads:   []gate.Payload{{Type: "message/rfc822", Bytes: m.Body}},
			Masks:      e.masks(g.ownORCPT),
			Hidden:     slices.Clone(e.hidden),
		}
	}
	decoded[0].Gaps = e.gaps
	return decoded, nil
}

// transport is what is compared of a connection's TLS: 1.2 and 1.3 are alike, what
// RFC 8996 calls obsolete is not.
func transport(version string) string {
	switch version {
	case "":
		return "plaintext"
	case "TLS 1.2", "TLS 1.3":
		return "tls"
	}
	return visible(version)
}

// A group is recipients with equal parameters of their own.
type group struct {
	recipients []gate.Recipient
	fields     []gate.Part
	ownORCPT   uint64 // ORCPTs left out, since they name the recipient itself
}

// An envelope is a head that has been read.
type envelope struct {
	seq    uint64
	fields []gate.Part
	groups []group
	byKey  map[string]int // index of a group by its fields
	gaps   []gate.Gap
	rcpts  int

	hidden []gate.Hidden
	utf8s  uint64 // masked
}

// hideIf hides a value that has the shape which its rule is for, and else adds it.
func (e *envelope) hideIf(shaped bool, h gate.Hidden) {
	if shaped {
		e.hidden = append(e.hidden, h)
		return
	}
	e.fields = append(e.fields, gate.Part{Name: h.Part, Kind: gate.Value, Value: visible(h.Value)})
}

func (e *envelope) gap(kind, detail string) {
	e.gaps = append(e.gaps, gate.Gap{Kind: kind, Where: "message envelope", Detail: detail, Seq: e.seq})
}

func (e *envelope) masks(ownORCPT uint64) []gate.Masked {
	var masks []gate.Masked
	for _, h := range e.hidden {
		i := slices.IndexFunc(masks, func(m gate.Masked) bool { return m.Rule == h.Rule && m.Part == h.Part })
		if i < 0 {
			i = len(masks)
			masks = append(masks, gate.Masked{Rule: h.Rule, Part: h.Part})
		}
		masks[i].Count++
		masks[i].Bytes += uint64(len(h.Value))
	}
	for _, m := range []gate.Masked{
		{Rule: transportEncoding, Part: "envelope/smtputf8", Count: e.utf8s},
		{Rule: "orcpt-of-itself", Part: "envelope/orcpt", Count: ownORCPT},
	} {
		if m.Count > 0 {
			masks = append(masks, m)
		}
	}
	return masks
}

const transportEncoding = "transport-encoding" // rule of what says how a message is carried

// readEnvelope reads a head line by line. It fails only where no line of a head
// that has lines is one of an SMTP transaction.
func readEnvelope(m *gate.Message) (*envelope, error) {
	e := &envelope{seq: m.Seq, byKey: make(map[string]int, 1)}
	var refused []string
	lines, strange, from := 0, 0, false
	eachLine(m.Head, func(line string) bool {
		code := 250
		if lines < len(m.Replies) {
			code = m.Replies[lines]
		}
		lines++
		accepted := code >= 200 && code < 300
		switch v, rest := splitVerb(line); v {
		case helo, ehlo, lhlo:
			e.hideIf(fields.IsHost(rest), gate.Hidden{Rule: "helo-name", Part: "envelope/helo", Value: rest})
		case mail:
			switch a, ok := readArgument(rest, "FROM"); {
			case !accepted:
			case !ok || from:
				e.gap(gate.GapNotDecoded, "an accepted MAIL command that does not say, or not alone, who sends")
			default:
				from = true
				e.sender(&a)
			}
		case rcpt:
			e.rcpts++
			a, ok := readArgument(rest, "TO")
			if !ok {
				a = argument{path: line}
			}
			if accepted {
				e.recipient(&a)
			} else {
				refused = append(refused, a.recipient().Address)
			}
		default:
			strange++
		}
		return true
	})
	if lines > 0 && strange == lines {
		return nil, errors.New("reading the head of an SMTP message: no line of it is HELO, EHLO, LHLO, MAIL or RCPT")
	}
	if strange > 0 {
		e.gap(gate.GapNotDecoded, fmt.Sprintf("%d lines of the head are not of an SMTP transaction", strange))
	}
	if len(m.Replies) > 0 && len(m.Replies) != lines {
		e.gap(gate.GapNotDecoded, fmt.Sprintf("%d replies to %d lines of the head: which of them were refused is not known", len(m.Replies), lines))
	}
	if e.rcpts > 0 && !from {
		e.gap(gate.GapNotDecoded, "no accepted MAIL command: nothing says who sends")
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		e.fields = append(e.fields, gate.Part{Name: "envelope/refused", Kind: gate.Addresses, Value: strings.Join(refused, "\n")})
	}
	return e, nil
}

// sender takes the parts of MAIL.
func (e *envelope) sender(a *argument) {
	value := "<>"
	if a.inner != "" {
		value = a.recipient().Address
	}
	e.fields = append(e.fields, gate.Part{Name: "envelope/from", Kind: gate.Addresses, Value: value})
	if route := a.route(); a.plain && route != "" {
		e.fields = append(e.fields, gate.Part{Name: "envelope/from-route", Kind: gate.Addresses, Value: routeHosts(route)})
	}
	for _, p := range byName(a.params) {
		switch p.name {
		case "SIZE":
			e.hideIf(p.value != "" && strings.Trim(p.value, "0123456789") == "", gate.Hidden{Rule: transportEncoding, Part: "envelope/size", Value: p.value})
		case "BODY":
			kind := strings.ToUpper(p.value)
			e.hideIf(kind == "7BIT" || kind == "8BITMIME" || kind == "BINARYMIME", gate.Hidden{Rule: transportEncoding, Part: "envelope/body", Value: p.value})
		case "SMTPUTF8":
			if !strings.EqualFold(p.text, p.name) {
				e.fields = append(e.fields, p.part(mail)) // it has no value (RFC 6531, 3.4)
				continue
			}
			e.utf8s++
		default:
			e.fields = append(e.fields, p.part(mail))
		}
	}
}

// recipient puts one accepted RCPT into the group of those with equal parameters.
func (e *envelope) recipient(a *argument) {
	who := a.recipient()
	var fields []gate.Part
	var ownORCPT uint64
	if route := a.route(); a.plain && who.Kind == gate.Mail && route != "" {
		fields = append(fields, gate.Part{Name: "envelope/route", Kind: gate.Addresses, Value: routeHosts(route)})
	}
	for _, p := range byName(a.params) {
		if p.name == "ORCPT" && who.Kind == gate.Mail && original(p.value) == who {
			ownORCPT++
			continue
		}
		fields = append(fields, p.part(rcpt))
	}
	var key strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&key, "%d %s%d %s", len(f.Name), f.Name, len(f.Value), f.Value)
	}
	i, ok := e.byKey[key.String()]
	if !ok {
		i = len(e.groups)
		e.byKey[key.String()] = i
		e.groups = append(e.groups, group{fields: fields})
	}
	g := &e.groups[i]
	g.recipients = append(g.recipients, who)
	g.ownORCPT += ownORCPT
}

// routeHosts returns the hosts that "@one,@two:" leads by, one a line and in this order.
func routeHosts(route string) string {
	hosts := strings.Split(strings.TrimSuffix(route, ":"), ",")
	for i, host := range hosts {
		host = strings.TrimPrefix(host, "@")
		if r, err := gate.HostRecipient(host); err == nil {
			hosts[i] = r.ID()
		} else {
			hosts[i] = visible(host)
		}
	}
	return strings.Join(hosts, "\n")
}

// byName is params in the order of their names: a client may write them in any.
func byName(params []param) []param {
	if len(params) < 2 {
		return params
	}
	sorted := slices.Clone(params)
	slices.SortStableFunc(sorted, func(a, b param) int { return strings.Compare(a.name, b.name) })
	return sorted
}

// part is the parameter, of MAIL or RCPT, as it is compared.
func (p param) part(of verb) gate.Part {
	if knownParam(of, p.name) {
		return gate.Part{Name: "envelope/" + strings.ToLower(p.name), Kind: gate.Value, Value: visible(p.value)}
	}
	return gate.Part{Name: "envelope/parameter", Kind: gate.Value, Value: visible(p.name + p.text[len(p.name):])}
}

// original is the mailbox that an ORCPT of type rfc822 names, in xtext (RFC 3461,
// 4.2), or nobody.
func original(value string) gate.Recipient {
	kind, text, ok := strings.Cut(value, ";")
	if !ok || !strings.EqualFold(kind, "rfc822") {
		return gate.Recipient{}
	}
	r, err := gate.MailRecipient(unxtext(text), gate.Envelope)
	if err != nil {
		return gate.Recipient{}
	}
	return r
}

// unxtext undoes xtext (RFC 3461, 4). Text that is not xtext stays as it is.
func unxtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			hi, lo := strings.IndexByte(hexUpper, s[i+1]), strings.IndexByte(hexUpper, s[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

const hexUpper = "0123456789ABCDEF"
