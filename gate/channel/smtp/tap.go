package smtp

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// tapSettings are the keys of a tap. Names of files start at the configuration's folder.
type tapSettings struct {
	ImplicitTLS    bool   `toml:"implicit_tls"`   // TLS begins with the connection, and not with STARTTLS
	ProxyProtocol  bool   `toml:"proxy_protocol"` // tell the upstream who the client is, by the PROXY protocol
	Verify         bool   `toml:"verify"`         // the certificate of the upstream is verified, where TLS is begun anew
	Roots          string `toml:"roots"`          // PEM: who may have signed it, besides those that the system trusts
	TLSCertificate string `toml:"tls_certificate"`
	TLSKey         string `toml:"tls_key"`
}

// A tap passes mail on between a client and the upstream, and copies it.
//
// It speaks no word of its own: commands, replies and messages pass byte for byte, in
// the runs in which they came. So the upstream says what is offered and what is
// refused, and it alone acknowledges; its reply to a message is passed on once the
// message has been taken down.
//
// Without a certificate to serve with, STARTTLS passes like any other command, and
// what follows it unseen. With one, TLS ends here and begins anew towards the upstream.
// Credentials of AUTH pass and are not taken down.
//
// What is taken down is what the upstream answered with success (2yz) or refused for
// good (5yz). A message that it put off (4yz) is one that comes again; it is counted
// as refused, as are transactions of which it took no recipient.
type tap struct {
	*channel.Relay

	upstream    string
	serve, dial *tls.Config // dial is for STARTTLS too; serve nil passes STARTTLS unseen
	implicit    bool        // the client begins with TLS
	smtps       bool        // the upstream does
	proxyLine   bool
	ready       sync.WaitGroup // until the fields above are set
}

func openTap(cfg channel.TapConfig) (channel.Tap, error) {
	fail := func(err error) (channel.Tap, error) { return nil, fmt.Errorf("smtp tap %s: %w", cfg.Name, err) }
	var set tapSettings
	if err := cfg.Settings.Into(&set); err != nil {
		return fail(err)
	}
	if cfg.Upstream == "" {
		return fail(errors.New("it needs an upstream: a server that mail is passed on to"))
	}
	t := &tap{implicit: set.ImplicitTLS, proxyLine: set.ProxyProtocol}
	scheme, address, name, err := channel.Upstream(cfg.Upstream, "smtp", map[string]string{"smtp": "25", "smtps": "465"})
	if err != nil {
		return fail(err)
	}
	t.upstream, t.smtps = address, scheme == "smtps"
	// Mail is commonly sent under certificates that nobody can verify (RFC 3207, 4.1).
	t.dial = &tls.Config{ServerName: name, InsecureSkipVerify: !set.Verify && set.Roots == ""}
	if err := t.files(&cfg, set); err != nil {
		return fail(err)
	}
	if t.implicit && t.serve == nil {
		return fail(errors.New("implicit_tls needs a certificate: tls_certificate and tls_key"))
	}
	t.ready.Add(1)
	if t.Relay, err = channel.Listen(Name, cfg, func(l *channel.Link) { t.ready.Wait(); t.relay(l) }); err != nil {
		return nil, err
	}
	t.ready.Done()
	return t, nil
}

// files reads what the settings name.
func (t *tap) files(cfg *channel.TapConfig, set tapSettings) (err error) {
	if t.serve, err = cfg.Serving(set.TLSCertificate, set.TLSKey); err != nil {
		return err
	}
	t.dial.RootCAs, err = cfg.Roots(set.Roots)
	return err
}

// relay passes one connection on to the upstream.
func (t *tap) relay(l *channel.Link) {
	server, err := l.Dial(t.upstream)
	if err != nil {
		l.TurnAway()
		return
	}
	c := newConversation(t, l, server)
	if t.proxyLine {
		if _, err := server.Write(channel.ProxyLine(l.Client)); err != nil {
			l.TurnAway()
			return
		}
	}
	if t.implicit {
		if c.endClientTLS(nil) != nil {
			t.Refused() // nothing was said
			return
		}
	}
	if t.smtps {
		if c.beginServerTLS() != nil {
			l.TurnAway()
			return
		}
	}
	c.run()
}

// A mailing is one transaction as it was answered.
type mailing struct {
	head    []byte
	replies []int
	text    []byte // of the replies
	began   time.Time

	sender   string
	accepted int
	full     bool // the head has reached its limit
	spoiled  bool // a chunk was refused
}

// record takes down a command line and its reply.
func (m *mailing) record(line string, code int) {
	if len(m.head)+len(line)+2 > maxHead {
		m.full = true
		return
	}
	m.head = append(append(m.head, line...), '\r', '\n')
	m.replies = append(m.replies, code)
}

// tell hands over a message that the upstream answered with code.
func (t *tap) tell(c *conversation, m *mailing, l *letter, code int) {
	switch {
	case m.full:
		t.Missed(gate.GapNotRecorded, fmt.Sprintf("a mail with more than %d bytes of commands was not kept", maxHead), 1)
		return
	case code >= 400 && code < 500:
		t.Refused()
		return
	}
	if l.cut > 0 {
		t.Missed(gate.GapCutBody, fmt.Sprintf("mails longer than %d bytes were kept up to there", t.Config.MaxBody), 1)
	}
	now := t.Touch()
	t.Passed()
	if t.Config.Side == channel.Front {
		t.Config.Exchange(&gate.Stimulus{
			Channel: Name, Door: t.Config.Name, Key: keyOf(m.sender), At: now, Status: code, Cut: l.cut, Head: m.head, Body: l.bytes,
		}, &gate.Outcome{Status: code, Elapsed: max(now-m.began.UnixNano(), 1), Head: m.text})
		return
	}
	t.Config.Message(&gate.Message{
		Channel: Name, Sink: t.Config.Name, Host: c.named, TLS: c.version, Peer: c.peer, At: now,
		Replies: m.replies, Events: l.events(), Cut: l.cut, Head: m.head, Body: l.bytes,
	})
}

// keyOf keeps the mails of one sender in order, without naming him.
func keyOf(sender string) string {
	sum := sha256.Sum256([]byte("sender\x00" + strings.ToLower(sender)))
	return hex.EncodeToString(sum[:8])
}
