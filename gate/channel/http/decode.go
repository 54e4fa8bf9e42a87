package http

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/fields"
)

func decode(settings channel.Settings) (channel.Decoder, error) {
	set, err := compileSettings(settings)
	if err != nil {
		return nil, err
	}
	return func(m *gate.Message) ([]gate.Decoded, error) {
		r, err := read(set, m)
		if err != nil {
			return nil, err
		}
		return r.decode(set), nil
	}, nil
}

// A request is a message whose head has been read.
type request struct {
	message *gate.Message
	head    head
	path    string // canonical
	rawPath string
	query   string
	party   gate.Recipient
	plain   gate.Decoded
	views   map[source]viewed
}

// decode gives one delivery to the party that was asked, or what a fan-out makes of it.
func (r *request) decode(set *compiled) []gate.Decoded {
	for _, f := range set.fanouts {
		if !f.pattern.matches(r.head.method, r.rawPath, r.party.Address) {
			continue
		}
		out, err := f.apply(r)
		if err == nil {
			return out
		}
		r.gap(gate.GapNotDecoded, "fan out "+f.match+": "+err.Error())
		return []gate.Decoded{r.plain}
	}
	if out := set.known(r); out != nil {
		return out
	}
	return []gate.Decoded{r.plain}
}

func (r *request) gap(kind, detail string) {
	r.plain.Gaps = append(r.plain.Gaps, gate.Gap{
		Kind: kind, Where: "sink " + r.message.Sink, Detail: detail, Seq: r.message.Seq,
	})
}

// read takes the message apart. These are its fields, in this order:
//
//	transport/tls      plaintext, tls, or tls-obsolete below TLS 1.2 (RFC 8996)
//	transport/sink
//	method, path
//	header/<name>      one part for each field line, sorted by name, in lower case;
//	cookie/<name>      and one for each cookie
//	trailer/<name>     fields behind a chunked body
//	chunk-extension    what its chunks carry besides
//	transport/sni      the name that TLS asked for, where it is not the tunnel's
//
// Host is left out where it says no more than the recipient does. Fields between
// neighbours, and those that frame or code the body, what changes with each request by
// nature, and digests of the body that are right, are hidden where they have the shape of
// that, and are parts like any other where they have not. Of credentials the scheme and
// whose they are is compared; of the secret itself the digest is, and it is never shown.
func read(set *compiled, m *gate.Message) (*request, error) {
	h, err := parseHead(string(m.Head), nil)
	if err != nil {
		return nil, fmt.Errorf("read the head of message %d of sink %s: %w", m.Seq, m.Sink, err)
	}
	r := &request{message: m, head: h}
	authority, path, query := split(h.target)
	r.rawPath, r.path, r.query = path, canonicalPath(path), query
	r.setParty(set, authority)
	r.plain.Class = classOf(h.method, r.path)

	r.field("transport/tls", gate.Transport, security(m.TLS))
	r.field("transport/sink", gate.Transport, m.Sink)
	r.field("method", gate.Value, h.method)
	r.field("path", gate.Value, r.path)
	r.version(h.version)
	r.absolute(h.target, authority)
	if user, _ := splitUser(authority); user != "" {
		r.field("userinfo", gate.Binary, digest(user, ""))
	}
	first := len(r.plain.Fields)
	for _, f := range h.header {
		r.header(f)
	}
	slices.SortStableFunc(r.plain.Fields[first:], func(a, b gate.Part) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range m.Events {
		if t, ok := strings.CutPrefix(e, trailerEvent); ok {
			k, v, _ := strings.Cut(t, ": ")
			r.field("trailer/"+strings.ToLower(k), gate.Value, v)
		} else if n, ok := strings.CutPrefix(e, sniEvent); ok {
			r.field("transport/sni", gate.Transport, n)
		}
	}
	r.spelling()
	r.extensions()
	r.payloads()
	if m.Cut > 0 {
		r.gap(gate.GapCutBody, fmt.Sprintf("%d bytes of the body were not kept", m.Cut))
	}
	return r, nil
}

// setParty names the host that was asked. A message without one came to the
// sink's own address, and is for whom the sink stands for.
func (r *request) setParty(set *compiled, authority string) {
	m := r.message
	host := m.Host
	if host == "" {
		host = set.standsFor(m.Sink)
	}
	if host == "" { // not taken by a sink: the head alone can say
		_, host = splitUser(authority)
	}
	if host == "" {
		host = r.head.get("Host")
	}
	if host == "" {
		r.gap(gate.GapRecipientUnknown, "the request says no host")
		return
	}
	party, err := gate.HostRecipient(host)
	if err != nil {
		party = gate.Recipient{Kind: gate.Host, Address: text(strings.ToLower(host)), Role: gate.Party}
		if m.Host != "" || set.standsFor(m.Sink) == "" {
			r.gap(gate.GapNotDecoded, "the host that was asked for is not the name of a host")
		}
	}
	r.party = party
	r.plain.Recipients = []gate.Recipient{party}
}

func (r *request) field(name string, kind gate.PartKind, value string) {
	r.plain.Fields = append(r.plain.Fields, gate.Part{Name: text(name), Kind: kind, Value: text(value)})
}

func (r *request) mask(rule, part string) {
	for i := range r.plain.Masks {
		if x := &r.plain.Masks[i]; x.Rule == rule && x.Part == part {
			x.Count++
			return
		}
	}
	r.plain.Masks = append(r.plain.Masks, gate.Masked{Rule: rule, Part: part, Count: 1})
}

// hide leaves out a value that has the exact shape which the mask of rule is for, and
// keeps it beside the fields: see [gate.Hidden].
func (r *request) hide(rule, part, value string) {
	r.mask(rule, part)
	for i := range r.plain.Masks {
		if x := &r.plain.Masks[i]; x.Rule == rule && x.Part == part {
			x.Bytes += uint64(len(value))
		}
	}
	r.keep(rule, part, value)
}

// keep adds a hidden value of a part that is counted already.
func (r *request) keep(rule, part, value string) {
	r.plain.Hidden = append(r.plain.Hidden, gate.Hidden{Rule: rule, Part: text(part), Value: text(value)})
}

// version adds the version of HTTP where it is none that clients speak. It says what a
// client understands, and no more.
func (r *request) version(v string) {
	switch v {
	case "HTTP/1.1":
	case "HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/3.0":
		r.mask("http-version", "version/"+v[len("HTTP/"):])
	default:
		r.field("version", gate.Value, v)
	}
}

// absolute adds what a target with a scheme and an authority (RFC 9112, 3.2.2) says beside
// the path and the recipient.
func (r *request) absolute(target, authority string) {
	scheme, _, ok := strings.Cut(target, "://")
	if !ok || authority == "" {
		return
	}
	if scheme != "http" && scheme != "https" {
		r.field("target/scheme", gate.Value, scheme)
	} else {
		r.mask("target-scheme", "target/"+scheme)
	}
	_, host := splitUser(authority)
	if h, err := gate.HostRecipient(host); (err != nil || h.Address != r.party.Address) && !strings.EqualFold(host, r.party.Address) {
		r.field("target/host", gate.Value, host)
	}
	if !strings.Contains(target[len(scheme)+len("://"):], "/") {
		r.mask("spelling", "target") // an empty path is "/"
	}
}

// saysParty reports whether a Host field adds nothing to the recipient. That of a message
// which came to the sink's own address is hidden: sinks have another in each run.
func (r *request) saysParty(host string) bool {
	h, err := gate.HostRecipient(host)
	if err == nil && h.Address == r.party.Address {
		return true
	}
	if r.message.Host != "" {
		return false
	}
	name, port, ok := strings.Cut(host, ":")
	if ok && fields.IsHost(name) && isDigits(port) && len(port) <= 5 || !ok && fields.IsHost(host) {
		r.hide("own-address", "header/host", host)
		return true
	}
	return false
}

// spelling counts the separators of cookies that are not written as most clients do.
func (r *request) spelling() {
	for _, f := range r.head.header {
		if strings.EqualFold(f.name, "Cookie") {
			for range fields.Uneven(f.value, ';') {
				r.mask("spelling", "header/cookie")
			}
		}
	}
}

// digest is the value of a part of kind Binary: "sha256:<hex> <length> <label>".
func digest(secret, label string) string {
	sum := sha256.Sum256([]byte(secret))
	s := "sha256:" + hex.EncodeToString(sum[:]) + " " + strconv.Itoa(len(secret))
	if label != "" {
		s += " " + label
	}
	return s
}

func (r *request) payloads() {
	if r.query != "" {
		r.plain.Payloads = append(r.plain.Payloads, gate.Payload{
			Name: "query", Type: "application/x-www-form-urlencoded", Bytes: []byte(r.query),
		})
	}
	if len(r.message.Body) > 0 {
		r.plain.Payloads = append(r.plain.Payloads, gate.Payload{
			Name: "body", Type: r.head.get("Content-Type"), Encoding: r.contentEncoding(), Bytes: r.message.Body,
		})
	}
}

// contentEncoding joins the field lines of that name (RFC 9110, 5.3).
func (r *request) contentEncoding() string {
	var codings []string
	for _, f := range r.head.header {
		if strings.EqualFold(f.name, "Content-Encoding") && f.value != "" {
			codings = append(codings, f.value)
		}
	}
	return strings.Join(codings, ", ")
}

func security(tlsVersion string) string {
	switch tlsVersion {
	case "":
		return "plaintext"
	case "SSL 3.0", "SSLv3", "TLS 1.0", "TLS 1.1":
		return "tls-obsolete"
	}
	return "tls"
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// canonicalPath undoes percent-encoding where that loses nothing: two paths that
// name different resources stay different. "%2F" and "%25" stay, so that what
// was a slash or an escape can be told from what became one; octets that
// are not printable UTF-8 in normal form C stay too. Hex digits are upper case.
// Dot segments stay as they are.
func canonicalPath(raw string) string {
	if strings.IndexByte(raw, '%') < 0 && isASCII(raw) {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' || i+2 >= len(raw) || !isHex(raw[i+1:i+3], 2) {
			b = append(b, c)
			continue
		}
		n, _ := strconv.ParseUint(raw[i+1:i+3], 16, 8) // it is hex
		if d := byte(n); d == '/' || d == '%' || d < ' ' || d == 0x7f {
			b = append(b, '%', upper(raw[i+1]), upper(raw[i+2]))
		} else {
			b = append(b, d)
		}
		i += 2
	}
	s := string(b)
	if utf8.ValidString(s) && norm.NFC.IsNormalString(s) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] < 0x80 {
			out.WriteByte(s[i])
		} else {
			fmt.Fprintf(&out, "%%%02X", s[i])
		}
	}
	return out.String()
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'f' {
		return c - 0x20
	}
	return c
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// text makes a value what a part holds: UTF-8 in normal form C. What is not UTF-8
// is read as ISO-8859-1, as field values once were (RFC 9110, 5.5).
func text(s string) string {
	if isASCII(s) {
		return s
	}
	if !utf8.ValidString(s) {
		runes := make([]rune, len(s))
		for i := 0; i < len(s); i++ {
			runes[i] = rune(s[i])
		}
		s = string(runes)
	}
	return norm.NFC.String(s)
}
