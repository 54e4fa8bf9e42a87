package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// tapSettings are the keys of a tap. Files are named as the working folder has them.
type tapSettings struct {
	Key            string `toml:"key"`             // what the session of a request is: see keyer
	ProxyProtocol  bool   `toml:"proxy_protocol"`  // tell the upstream who the client is, by the PROXY protocol
	Roots          string `toml:"roots"`           // PEM: who may have signed the certificates of upstreams, besides those that the system trusts
	TLSCertificate string `toml:"tls_certificate"` // PEM: with which the tap serves TLS
	TLSKey         string `toml:"tls_key"`
	CACertificate  string `toml:"ca_certificate"` // PEM: signs what a forward proxy shows in place of the certificates of those behind it
	CAKey          string `toml:"ca_key"`
}

// A tap passes HTTP on and copies it.
//
// It adds no field, takes none away and changes none, and sends bytes in the runs in
// which they came: whatever both sides speak passes, HTTP/2 and WebSockets too. What
// it cannot follow is told as missed. Each connection of a client has a connection of
// its own to the upstream, which opens and ends with it: what depends on a
// connection, such as keep-alive and authentication by connection, is as without it.
type tap struct {
	*channel.Relay

	upstream    string // host:port; "" is a forward proxy
	name        string // of the upstream, for TLS
	serve, dial *tls.Config
	roots       *x509.CertPool
	authority   channel.Authority
	proxyLine   bool
	keys        *keyer
	own         ownHost
	answerLimit int64

	ready     sync.WaitGroup // until the fields above are set
	unseen    tunnels
	refusedBy hostSet
}

func openTap(cfg channel.TapConfig) (channel.Tap, error) {
	fail := func(err error) (channel.Tap, error) { return nil, fmt.Errorf("http tap %s: %w", cfg.Name, err) }
	var set tapSettings
	if err := cfg.Settings.Into(&set); err != nil {
		return fail(err)
	}
	t := &tap{authority: cfg.Authority, proxyLine: set.ProxyProtocol, unseen: tunnels{hosts: map[string]*tunnelCount{}}}
	var err error
	if t.keys, err = newKeyer(set.Key); err != nil {
		return fail(err)
	}
	if err := t.files(&cfg, set); err != nil {
		return fail(err)
	}
	switch {
	case cfg.Upstream != "":
		var scheme string
		scheme, t.upstream, t.name, err = channel.Upstream(cfg.Upstream, "http", map[string]string{"http": "80", "https": "443"})
		if err != nil {
			return fail(err)
		}
		if scheme == "https" {
			t.dial = &tls.Config{ServerName: t.name, RootCAs: t.roots, NextProtos: []string{"http/1.1"}}
		}
		if t.authority != nil {
			return fail(errors.New("it has an upstream, and so no use for an authority: it sees all that passes"))
		}
	case cfg.Side == channel.Front:
		return fail(errors.New("in front of production it needs an upstream"))
	case set.ProxyProtocol:
		return fail(errors.New("proxy_protocol is for one upstream, and a forward proxy has many"))
	case t.serve != nil:
		return fail(errors.New("a forward proxy is spoken to in plaintext"))
	}
	serve := t.reverse
	if t.upstream == "" {
		serve = t.proxy
	}
	t.ready.Add(1)
	if t.Relay, err = channel.Listen(Name, cfg, func(l *channel.Link) { t.ready.Wait(); serve(l) }); err != nil {
		return nil, err
	}
	t.own = newOwnHost(t.Address())
	t.answerLimit = min(t.Config.MaxBody, maxKeptAnswer)
	t.ready.Done()
	return t, nil
}

// files reads what the settings name.
func (t *tap) files(cfg *channel.TapConfig, set tapSettings) (err error) {
	if (set.CACertificate == "") != (set.CAKey == "") {
		return errors.New("ca_certificate and ca_key come together")
	}
	if t.roots, err = cfg.Roots(set.Roots); err != nil {
		return err
	}
	if t.serve, err = cfg.Serving(set.TLSCertificate, set.TLSKey); err != nil {
		return err
	}
	if t.serve != nil {
		t.serve = t.serve.Clone()
		t.serve.NextProtos = []string{"http/1.1"}
	}
	if set.CACertificate == "" {
		return nil
	}
	cert, err := cfg.ReadFile(set.CACertificate)
	if err != nil {
		return fmt.Errorf("read the authority: %w", err)
	}
	key, err := cfg.ReadFile(set.CAKey)
	if err != nil {
		return fmt.Errorf("read the key of the authority: %w", err)
	}
	if t.authority, err = ReadAuthority(cert, key); err != nil {
		return fmt.Errorf("%s: %w", set.CACertificate, err)
	}
	return nil
}

// Close implements channel.Tap.
func (t *tap) Close(ctx context.Context) error {
	err := t.Relay.Close(ctx)
	t.unseen.tell(t, true)
	return err
}

// reverse passes one connection on to the upstream.
func (t *tap) reverse(l *channel.Link) {
	server, err := l.Dial(t.upstream)
	if err != nil {
		l.TurnAway()
		return
	}
	if t.proxyLine {
		if _, err := server.Write(channel.ProxyLine(l.Client)); err != nil {
			l.TurnAway()
			return
		}
	}
	client := l.Client
	var secure secured
	if t.serve != nil {
		conn := tls.Server(client, t.serve)
		if conn.Handshake() != nil {
			t.Refused() // nothing was asked for
			return
		}
		state := conn.ConnectionState()
		client, secure = conn, secured{version: tls.VersionName(state.Version), named: strings.ToLower(state.ServerName)}
	}
	if t.dial != nil {
		conn := tls.Client(server, t.dial)
		if conn.Handshake() != nil {
			l.TurnAway()
			return
		}
		server = conn
	}
	p := newPair(t, l, client, server)
	p.secure = secure
	p.run(nil)
	endPair(client, server)
}

// endPair says goodbye where TLS has a word for it.
func endPair(conns ...net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// exchange hands over a request with its answer.
func (t *tap) exchange(c *call) {
	now := t.Touch()
	s := &gate.Stimulus{
		Channel: Name, Door: t.Config.Name, Key: t.keys.key(c.session, c.instead, c.setCookie),
		At: c.at, Status: c.answer.Status, Cut: c.cut, Head: c.head, Body: c.body,
	}
	o := &c.answer
	o.Elapsed = max(now-c.at, 1)
	if c.cut > 0 {
		t.cut()
	}
	if len(c.events) > 0 {
		t.Missed(gate.GapNotRecorded, "the trailer fields of a request were not kept", 1)
	}
	t.Passed()
	t.Config.Exchange(s, o)
}

// message hands over a request that production made.
func (t *tap) message(c *call, secure secured, peer string) {
	m := &gate.Message{
		Channel: Name, Sink: t.Config.Name, Host: c.host, TLS: secure.version, Peer: peer, At: c.at,
		Events: c.events, Cut: c.cut, Head: c.head, Body: c.body,
	}
	if secure.tunnel != "" && secure.named != "" && secure.named != hostname(secure.tunnel) {
		m.Events = append(m.Events, sniEvent+secure.named)
	}
	if c.upgrade && strings.EqualFold(string(headerValue(c.head, "upgrade")), "websocket") {
		m.Events = append(m.Events, "upgrade websocket")
	}
	if c.cut > 0 {
		t.cut()
	}
	t.Passed()
	t.Config.Message(m)
}

func (t *tap) cut() {
	t.Missed(gate.GapCutBody, fmt.Sprintf("bodies longer than %d bytes were kept up to there", t.Config.MaxBody), 1)
}

// destination is whom a request is for, as a sink would say it: see session.destination.
func (t *tap) destination(h *wireHead, secure secured) string {
	authority, _ := splitTarget(h.target)
	host, plain := "", secure.version == ""
	switch {
	case secure.tunnel != "":
		host = secure.tunnel
	case authority != "":
		host, plain = strings.ToLower(authority), true
	default:
		host = strings.ToLower(string(h.host))
		if secure.named != "" && hostname(host) != secure.named {
			host = secure.named
		}
	}
	if secure.tunnel == "" && t.own.is(host) {
		return ""
	}
	if plain {
		return strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(host, ":443")
}

// An ownHost knows the hosts by which a tap itself is asked for.
type ownHost struct{ ip, port string }

func newOwnHost(address string) ownHost {
	ip, port, _ := net.SplitHostPort(address)
	return ownHost{ip, port}
}

func (o ownHost) is(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil || port != o.port {
		return false
	}
	ip := net.ParseIP(name)
	return name == o.ip || isLocalhost(name) || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// tellEvery is how often it is told what passed unseen.
const tellEvery = time.Minute

// tunnels counts what passes unseen, by host.
type tunnels struct {
	mu     sync.Mutex
	hosts  map[string]*tunnelCount
	toldAt time.Time
}

type tunnelCount struct {
	opened uint64
	bytes  int64
}

func (u *tunnels) add(host string, opened uint64, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.hosts[host]
	if c == nil {
		if len(u.hosts) >= maxReached {
			host = "others"
		}
		if c = u.hosts[host]; c == nil {
			c = &tunnelCount{}
			u.hosts[host] = c
		}
	}
	c.opened += opened
	c.bytes += bytes
}

// tell tells of what passed since it last did, at once or where that was long ago.
func (u *tunnels) tell(t *tap, now bool) {
	u.mu.Lock()
	if !now && time.Since(u.toldAt) < tellEvery {
		u.mu.Unlock()
		return
	}
	u.toldAt = time.Now()
	hosts := u.hosts
	u.hosts = map[string]*tunnelCount{}
	u.mu.Unlock()
	for _, host := range sortedHosts(hosts) {
		c := hosts[host]
		t.Missed(gate.GapNotRecorded, fmt.Sprintf("tunnels to %s passed on unseen, with %d bytes", quoteHost(host), c.bytes), max(c.opened, 1))
	}
}
