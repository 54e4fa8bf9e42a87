// Package http is the protocol of web requests, HTTP/1.1 and HTTP/2.
//
// As a driver it sends recorded requests to a door of a build, each exactly once
// (driver.go). As a sink it is the far end of whatever a build asks for: an origin
// server, a forward proxy, a proxy that opens CONNECT tunnels and looks into them,
// and a TLS server, all on one port (sink.go, conn.go, h2.go). What it answers is
// scripted (answer.go) and never judged. As a tap it stands in front of production or
// behind it, passes bytes on and copies what they say (tap.go). As a decoder it says to which party a
// request went, and with fan-out rules to which people (decode.go, fanout.go).
//
// What is not seen: what follows a switch of protocols. A sink answers a WebSocket
// 501 and leaves a gap; a tap passes it on, and counts it as missed.
package http

import (
	"fmt"

	"github.com/nyaruka/phonenumbers"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// Name is the protocol's, permanent.
const Name = "http"

// Protocol is HTTP with all faces: drive, sink, tap, decode.
//
// A door may have these settings:
//
//	headers = { X-Test = "1" }   sent with each request instead of recorded ones of that name
//	tls = true                   the build speaks TLS and its certificate is verified;
//	                             an https:// address says the same
//
// A sink may have these:
//
//	host = "api.x.example"       who the sink stands for where a build reaches it by
//	                             the sink's own address; the sink's name if not given
//	answers = [{ match = "POST /v1/messages", host = "api.x.example",
//	             status = 200, headers = { X-A = "b" }, body = "{}" }]
//	fanout = [{ match = "POST /v3/mail/send", host = "api.x.example",
//	            each = ".personalizations[]", mail = [".to[].email"],
//	            cc = [".cc[]?.email"], bcc = [], tel = [], id = [] },
//	          { match = "POST /v1/users/{id}/texts", from = "form", tel = [".To"],
//	            id = ["$path.id"], namespace = "x-user", decides = [".SendAt"], text = [".Body"] }]
//	apis = [{ api = "Pager", hosts = ["*.house.example"], requests = [
//	          { match = "POST /page", ids = { ward = [".ward"] },
//	            answer = { json = "{paged: id(8)}" } }] }]
//	catalogue = false            the built-in catalogue is not used; apis are
//	region = "US"                of telephone numbers that are written without a plus
//
// Requests to message APIs are read and answered by the built-in catalogue (catalogue/*.toml)
// where no answer and no fan-out rule of the user's matches; apis are more of it, in its form:
// see apiFile and apiRequest in catalogue.go.
//
// from is json, form, multipart, xml, query, path or header; the type of the body says it
// where it is not given. each is "." where the whole request is one group, and need not be
// given then. text are paths to what people read as running text.
//
// match is a method or "*", a space, and a path with the wildcards of [path.Match];
// a path that ends in "/**" takes in what stands before that and all below it. host may begin with "*."
// and need not be given. The first rule that matches is used.
func Protocol() channel.Protocol {
	return channel.Protocol{
		Name:   Name,
		Doc:    "web requests over HTTP/1.1 and HTTP/2: origin server, forward proxy, TLS",
		Drive:  drive,
		Listen: listen,
		Decode: decode,
		Asked:  asked,
		Host:   askedHost,
		Reply:  reply,
		Tap:    openTap,
		Check: func(s channel.Settings) error {
			_, err := compileSettings(s)
			return err
		},
	}
}

// sinkSettings are the keys of one sink.
type sinkSettings struct {
	Host      string       `toml:"host"`
	Answers   []answerRule `toml:"answers"`
	Fanout    []fanoutRule `toml:"fanout"`
	APIs      []apiFile    `toml:"apis"`
	Catalogue *bool        `toml:"catalogue"` // nil is true
	Region    string       `toml:"region"`
}

// compiled are a sink's settings, ready for use.
type compiled struct {
	host    string // canonical, or empty
	answers []scripted
	fanouts []*fanout
	apis    []*catalogue // the user's, then the built-in ones
}

func compileSettings(s channel.Settings) (*compiled, error) {
	var raw sinkSettings
	if err := s.Into(&raw); err != nil {
		return nil, fmt.Errorf("http sink: %w", err)
	}
	c := &compiled{}
	if raw.Host != "" {
		r, err := gate.HostRecipient(raw.Host)
		if err != nil {
			return nil, fmt.Errorf("http sink: host: %w", err)
		}
		c.host = r.Address
	}
	for i, rule := range raw.Answers {
		a, err := rule.compile()
		if err != nil {
			return nil, fmt.Errorf("http sink: answers[%d]: %w", i, err)
		}
		c.answers = append(c.answers, a)
	}
	for i, rule := range raw.Fanout {
		f, err := rule.compile()
		if err != nil {
			return nil, fmt.Errorf("http sink: fanout[%d]: %w", i, err)
		}
		f.region = raw.Region
		c.fanouts = append(c.fanouts, f)
	}
	return c, c.readCatalogue(raw)
}

// readCatalogue joins the APIs that the user gives with those that are built in.
func (c *compiled) readCatalogue(raw sinkSettings) error {
	if raw.Region != "" && !phonenumbers.GetSupportedRegions()[raw.Region] {
		return fmt.Errorf("http sink: region: %q is not two letters of ISO 3166 in upper case", raw.Region)
	}
	own, err := ownCatalogue(raw.Region, raw.APIs)
	if err == nil {
		err = own.check()
	}
	if err != nil {
		return fmt.Errorf("http sink: apis: %w", err)
	}
	c.apis = []*catalogue{own}
	if raw.Catalogue != nil && !*raw.Catalogue {
		return nil
	}
	known, err := builtInFor(raw.Region)
	c.apis = append(c.apis, known)
	return err
}

// standsFor is the host of a request that reached the sink by the sink's own address.
func (c *compiled) standsFor(sink string) string {
	if c.host != "" {
		return c.host
	}
	return sink
}
