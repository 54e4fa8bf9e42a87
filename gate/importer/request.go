package importer

import (
	"fmt"

	"github.com/waybill-dev/waybill/gate"
)

// The door and the sinks that records are of until somebody names them otherwise.
const (
	WebDoor, MailDoor = "web", "mail"
	WebSink, MailSink = "web", "mail"
)

// UnknownTLS stands in a message for TLS of a version that a source does not tell.
const UnknownTLS = "TLS"

// A Request is one request of HTTP, as a source tells it.
type Request struct {
	Head []byte // request line and field lines, each ended by CRLF
	Body []byte // its transfer coding undone
	Cut  int64  // bytes of the body beyond that

	Host string // that it was made to, with a port where that is not the scheme's own
	TLS  string // as in [gate.Message]
	Peer string
	At   int64 // nanoseconds since 1970 UTC; 0 is not known
	Key  string

	Events  []string
	Outcome *gate.Outcome // nil is not known

	Offset int64 // as in [Item]
	Bytes  int64
}

// Items are the request's, as a stimulus where production received it, else as a
// message, and the gaps that it has.
func (r *Request) Items(received bool) []Item {
	item := Item{Offset: r.Offset, Bytes: r.Bytes}
	if received {
		s := &gate.Stimulus{Channel: "http", Door: WebDoor, Key: r.Key, At: r.At, Cut: r.Cut, Head: r.Head, Body: r.Body}
		item.Record = gate.Record{Kind: gate.KindStimulus, Stimulus: s}
		if r.Outcome != nil {
			s.Status, item.Outcome = r.Outcome.Status, r.Outcome
		}
	} else {
		item.Record = gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Channel: "http", Sink: WebSink, Host: r.Host, TLS: r.TLS, Peer: r.Peer, At: r.At,
			Events: r.Events, Cut: r.Cut, Head: r.Head, Body: r.Body,
		}}
	}
	items := []Item{item}
	if !received && r.Host == "" {
		items = append(items, Item{Record: gapRecord(gate.GapRecipientUnknown, "a request names no host"), Offset: r.Offset})
	}
	if r.Cut > 0 {
		items = append(items, Cut(fmt.Sprintf("%d bytes beyond the first %d were not kept", r.Cut, len(r.Body)), r.Offset))
	}
	return items
}

// AppendLine appends a field line to a head. It reports false, and appends nothing,
// where name and value cannot stand in one (RFC 9110, sections 5.1 and 5.5).
func AppendLine(head []byte, name, value string) ([]byte, bool) {
	if !isToken(name) {
		return head, false
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return head, false
		}
	}
	head = append(head, name...)
	head = append(head, ": "...)
	head = append(head, value...)
	return append(head, "\r\n"...), true
}

// isToken is RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '!', c == '#', c == '$', c == '%', c == '&', c == '\'', c == '*', c == '+', c == '-', c == '.', c == '^', c == '_', c == '`', c == '|', c == '~':
		default:
			return false
		}
	}
	return s != ""
}
