package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/gate"
)

// Mail takes the bytes of one mail and makes its message or its stimulus. Set the
// fields, write the mail, then call Items.
type Mail struct {
	Options Options
	Sender  string   // envelope sender that the format keeps; taken where no Return-Path is an address
	Events  []string // oddities that the format saw
	Path    string   // as in Item
	Offset  int64

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
	room := int(min(int64(len(p)), m.Options.Limit()-int64(len(m.body))))
	m.body = append(m.body, p[:room]...)
	m.cut += int64(len(p) - room)
}

// Items are the mail's record, numbered seq, and the gaps it has; or, where it can be
// no stimulus, the gap alone. size is how many bytes of the source it took.
func (m *Mail) Items(seq uint64, size int64) []Item {
	m.unmark()
	env := readEnvelope(m.body)
	sender, known := env.sender, env.senderKnown
	if !known && m.Sender != "" {
		sender, known = mailbox([]byte(m.Sender))
	}
	var head []byte
	if m.Options.Received && env.client != "" {
		head = fmt.Appendf(head, "HELO %s\r\n", env.client)
	}
	if known {
		head = fmt.Appendf(head, "MAIL FROM:<%s>\r\n", sender)
	}
	for _, r := range env.recipients {
		head = fmt.Appendf(head, "RCPT TO:<%s>\r\n", r)
	}
	var gaps []*gate.Gap
	gap := func(kind, format string, args ...any) {
		gaps = append(gaps, &gate.Gap{Kind: kind, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case env.unread > 0:
		gap(gate.GapRecipientUnknown, "%d entries of %s cannot be read as an address", env.unread, env.kind)
	case len(env.recipients) == 0:
		gap(gate.GapRecipientUnknown, "no address in "+RecipientHeaders)
	case m.Options.Received && !known:
		gap(gate.GapNotRecorded, "no address in Return-Path, nor in what the format keeps of the sender")
	}
	record := gate.Record{}
	switch {
	case !m.Options.Received:
		if !known {
			m.Events = append(m.Events, "sender-unknown")
		}
		if env.marks > 0 {
			m.Events = append(m.Events, fmt.Sprintf("loop-mark %d", env.marks))
		}
		record = gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Seq: seq, Channel: "smtp", Sink: MailSink, Events: m.Events, Cut: m.cut, Head: head, Body: m.body,
		}}
	case len(gaps) == 0:
		record = gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
			ID: fmt.Sprintf("%smail-%d", m.Options.Prefix, seq), Channel: "smtp", Door: MailDoor, Cut: m.cut, Head: head, Body: m.body,
		}}
	}
	if m.cut > 0 && record.Kind != "" {
		gap(gate.GapCutBody, "%d bytes beyond the first %d were not kept", m.cut, len(m.body))
	}
	var items []Item
	if record.Kind != "" {
		items = append(items, Item{Record: record, Path: m.Path, Offset: m.Offset, Bytes: size})
		size = 0
	}
	for _, g := range gaps {
		switch {
		case record.Message != nil:
			g.Seq, g.Where = seq, fmt.Sprintf("message %d", seq)
		case record.Stimulus != nil:
			g.Stimulus, g.Where = record.Stimulus.ID, "stimulus"
		default:
			g.Where = fmt.Sprintf("mail %d", seq)
		}
		items = append(items, Item{Record: gate.Record{Kind: gate.KindGap, Gap: g}, Path: m.Path, Offset: m.Offset, Bytes: size})
		size = 0
	}
	return items
}

// unmark takes off what writers of mailboxes put before a header section and mail never has:
// a byte order mark, and a From_ line, quoted or not, whose sender is taken where nothing
// better names one. It is the event "from-line-removed".
func (m *Mail) unmark() {
	m.body = bytes.TrimPrefix(m.body, []byte("\xef\xbb\xbf"))
	line, rest := cutLine(m.body)
	text, ok := bytes.CutPrefix(bytes.TrimPrefix(line, []byte(">")), []byte("From "))
	if name, _, isField := bytes.Cut(rest, []byte(":")); !ok || !isField || !isFieldName(bytes.TrimRight(name, " \t")) {
		return // it is text
	}
	if word, _, _ := bytes.Cut(bytes.TrimLeft(text, " "), []byte(" ")); m.Sender == "" && bytes.IndexByte(word, '@') > 0 {
		m.Sender = string(word)
	}
	m.Events = append(m.Events, "from-line-removed")
	m.body = rest
}

// ReadMail makes the items of the one mail that the file at path is.
func ReadMail(path string, seq uint64, o Options) (_ []Item, err error) {
	in, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	m := &Mail{Options: o, Path: path}
	size, err := io.Copy(m, in)
	if err != nil {
		return nil, err
	}
	if err := refuse(path, m.body); err != nil {
		return nil, err
	}
	return m.Items(seq, size), nil
}
