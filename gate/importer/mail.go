package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/gate"
)

// Mail takes the bytes of one mail and makes its message. Set the fields, write the
// mail, then call Items. The zero value keeps DefaultMaxBody.
type Mail struct {
	Max    int64    // bytes that are kept
	Sender string   // envelope sender that the format keeps; taken where no Return-Path is an address
	Events []string // oddities that the format saw
	Path   string   // as in Item
	Offset int64

	body   []byte
	cut    int64
	lastCR bool
}

// Write adds p, with LF made CRLF as the package comment says. It never fails.
func (m *Mail) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			m.keep(p)
			m.lastCR = p[len(p)-1] == '\r'
			break
		}
		if i > 0 {
			m.keep(p[:i])
			m.lastCR = p[i-1] == '\r'
		}
		if m.lastCR {
			m.keep(p[i : i+1])
		} else {
			m.keep([]byte("\r\n"))
		}
		m.lastCR = false
		p = p[i+1:]
	}
	return n, nil
}

func (m *Mail) keep(p []byte) {
	limit := m.Max
	if limit <= 0 {
		limit = DefaultMaxBody
	}
	room := int(min(int64(len(p)), limit-int64(len(m.body))))
	m.body = append(m.body, p[:room]...)
	m.cut += int64(len(p) - room)
}

// Items are the message, numbered seq, and the gaps it has. size is how many bytes
// of the source it took.
func (m *Mail) Items(seq uint64, size int64) []Item {
	env := readEnvelope(m.body)
	msg := &gate.Message{Seq: seq, Channel: "smtp", Sink: "mail", Events: m.Events, Cut: m.cut, Body: m.body}
	sender, known := env.sender, env.senderKnown
	if !known && m.Sender != "" {
		sender, known = mailbox([]byte(m.Sender))
	}
	if known {
		msg.Head = fmt.Appendf(msg.Head, "MAIL FROM:<%s>\r\n", sender)
	} else {
		msg.Events = append(msg.Events, "sender-unknown")
	}
	for _, r := range env.recipients {
		msg.Head = fmt.Appendf(msg.Head, "RCPT TO:<%s>\r\n", r)
	}
	if env.marks > 0 {
		msg.Events = append(msg.Events, fmt.Sprintf("loop-mark %d", env.marks))
	}
	items := []Item{{
		Record: gate.Record{Kind: gate.KindMessage, Message: msg},
		Path:   m.Path, Offset: m.Offset, Bytes: size,
	}}
	gap := func(kind, format string, args ...any) {
		items = append(items, Item{
			Record: gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{
				Kind: kind, Where: fmt.Sprintf("message %d", seq), Detail: fmt.Sprintf(format, args...), Seq: seq,
			}},
			Path: m.Path, Offset: m.Offset,
		})
	}
	if m.cut > 0 {
		gap(gate.GapCutBody, "%d bytes beyond the first %d were not kept", m.cut, len(m.body))
	}
	switch {
	case env.unread > 0:
		gap(gate.GapRecipientUnknown, "%d entries of %s cannot be read as an address", env.unread, env.kind)
	case len(env.recipients) == 0:
		gap(gate.GapRecipientUnknown, "no address in X-Original-To, Delivered-To or X-Envelope-To")
	}
	return items
}

// ReadMail makes the items of the one mail that the file at path is.
func ReadMail(path string, seq uint64, o Options) (_ []Item, err error) {
	in, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	m := &Mail{Max: o.Limit(), Path: path}
	size, err := io.Copy(m, in)
	if err != nil {
		return nil, err
	}
	return m.Items(seq, size), nil
}
