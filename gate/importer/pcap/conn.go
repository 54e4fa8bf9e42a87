package pcap

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/reassembly"

	"github.com/waybill-dev/waybill/gate/importer"
)

// maxOpening is how many bytes at the beginning of a direction may tell a protocol.
const maxOpening = 64 << 10

// A speaker reads what a connection says, in one protocol.
type speaker interface {
	// say takes what the client, or the server, said next. An error is that nothing more
	// can be read of the connection; its text names nobody.
	say(client bool, p []byte) error

	// miss is told that n bytes are missing here.
	miss(client bool, n int64) error

	// close says that a direction has ended.
	close(client bool)

	// end says that the connection is over, and hands out what is left.
	end()
}

const elsewhere = "connections that are neither to a site nor from one"

// A side is one direction of a connection.
type side struct {
	host    string
	key     string // of the host, as of a client
	port    uint16
	begun   bool   // its beginning was captured, or it is as good as that
	opening []byte // what came before the protocol was known
	missing bool   // some of it was lost before the protocol was known
	proxied bool   // it is known whether a balancer of load put a header before it
	closed  bool
}

// A conn is one connection of TCP.
type conn struct {
	r      *reader
	id     uint64 // in the order in which they began
	held   []*importer.Entry
	sides  [2]side // as the library tells directions apart: the first is of whoever was seen first
	client int     // which of them; -1 is not known
	speaks speaker // nil: not known yet, or nothing is read
	mute   bool    // nothing is read: what it carries is passed over
	why    string  // with this reason
	detail string

	offset, bytes int64 // packets that belong to no record yet
	over          bool
	mailed        bool // it began before the capture, and a server took mail on it
}

// New makes the connection that a packet is the first of.
func (r *reader) New(network, _ gopacket.Flow, tcp *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	if r.open++; r.open > maxOpen {
		r.crowded = true
	}
	r.conns++
	c := &conn{r: r, id: r.conns, client: -1}
	c.sides[0] = side{host: network.Src().String(), port: uint16(tcp.SrcPort)}
	c.sides[1] = side{host: network.Dst().String(), port: uint16(tcp.DstPort)}
	for i := range c.sides { // both: which is the client may show later, in no order
		c.sides[i].key = r.clients.Key(c.sides[i].host)
	}
	return c
}

func index(dir reassembly.TCPFlowDirection) int {
	if dir == reassembly.TCPDirClientToServer {
		return 0
	}
	return 1
}

// Accept takes every packet, and begins a direction whose first packets are missing with
// the first that is there.
func (c *conn) Accept(tcp *layers.TCP, _ gopacket.CaptureInfo, dir reassembly.TCPFlowDirection, next reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	if c.bytes == 0 {
		c.offset = c.r.packet.offset
	}
	c.bytes += c.r.packet.size
	c.r.packet.taken = true
	i := index(dir)
	if tcp.SYN {
		c.sides[i].begun = true
		c.client = i
		if tcp.ACK {
			c.client = 1 - i
		}
	}
	if next == -1 {
		*start = true
	}
	return true
}

// ReassembledSG takes what comes next in a direction.
func (c *conn) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	dir, _, end, skip := sg.Info()
	i := index(dir)
	if skip > 0 {
		c.miss(i, int64(skip))
	}
	if n, _ := sg.Lengths(); n > 0 {
		c.say(i, sg.Fetch(n))
	}
	if end && !c.sides[i].closed {
		c.sides[i].closed = true
		if c.speaks != nil {
			c.speaks.close(i == c.client)
		}
	}
}

// ReassemblyComplete ends the connection.
func (c *conn) ReassemblyComplete(reassembly.AssemblerContext) bool {
	if c.over {
		return true
	}
	c.over = true
	c.r.open--
	switch {
	case c.speaks != nil:
		c.speaks.end()
	case c.mute:
	case c.sides[0].begun && c.sides[0].missing, c.sides[1].begun && c.sides[1].missing:
		if _, ok := c.role(); ok {
			c.lose("bytes at the beginning of a connection are missing in the capture, by which to tell what it spoke")
		} else {
			c.silence("elsewhere", elsewhere)
		}
	case c.unfinished(), c.midway():
	case len(c.sides[0].opening)+len(c.sides[1].opening) > 0 || c.sides[0].missing || c.sides[1].missing:
		c.silence("other-protocol", "connections that speak neither HTTP/1 nor SMTP, as far as can be seen")
	}
	if c.bytes > 0 {
		reason, detail := "no-content", noContent
		if c.mute {
			reason, detail = c.why, c.detail
		}
		offset, size := c.take()
		c.put(importer.Skipped(reason, detail, offset, size))
	}
	return true
}

// loseLate puts a gap for a connection in a protocol that is not read and whose beginning is
// not in the capture, or not that of its client, where it is to a site or from one. Which
// side is the client may not be known; i spoke. It reports whether there is a gap.
func (c *conn) loseLate(i int, detail string) bool {
	was := c.client
	for _, client := range []int{i, 1 - i} {
		if was >= 0 && client != was {
			continue
		}
		c.client = client
		if _, ok := c.role(); ok {
			c.lose(detail)
			c.unread()
			return true
		}
	}
	c.client = was
	return false
}

// unfinished puts a gap where what was seen was too little to be read, and enough to tell
// that it was HTTP/1 or SMTP. It reports whether it did, or the connection is of others.
func (c *conn) unfinished() bool {
	detail := ""
	for i, s := range c.sides {
		switch {
		case c.mailed:
			detail = "a mail began before the capture, and its envelope is not there"
		case beginsRequest(s.opening):
			c.client = i
			detail = "a request ends in the middle, with its connection or with the capture"
		case bytes.Contains(s.opening, []byte("\n354")):
			c.client = 1 - i
			detail = "replies of SMTP took a mail, and what the client said is not in the capture"
		}
	}
	if detail == "" {
		return false
	}
	if _, ok := c.role(); !ok {
		c.silence("elsewhere", elsewhere)
		return true
	}
	c.lose(detail)
	return true
}

// ports are those of mail and of the web: RFC 9110, 4.2; RFC 5321, 4.5.4.2; RFC 6409, 3.1; RFC 8314, 3.3;
// and what is used beside them.
var ports = []uint16{25, 80, 443, 465, 587, 2525, 8025, 8080, 8443}

// midway puts a gap for what a connection to one of ports carried that began before the capture, where
// nothing tells what it spoke: the rest of a mail, or of a request, looks like anything. It reports
// whether it did.
func (c *conn) midway() bool {
	if c.sides[0].begun || c.sides[1].begun || len(c.sides[0].opening)+len(c.sides[1].opening) == 0 && !c.sides[0].missing && !c.sides[1].missing {
		return false
	}
	for i := range c.sides {
		if !slices.Contains(ports, c.sides[i].port) || slices.Contains(ports, c.sides[1-i].port) || c.client == i {
			continue
		}
		was := c.client
		c.client = 1 - i
		if _, ok := c.role(); ok {
			c.lose("a connection to a port of mail or of the web began before the capture, and nothing tells what it carried")
			return true
		}
		c.client = was
	}
	return false
}

// take is where the packets are that belong to no record yet, which then do.
func (c *conn) take() (offset, size int64) {
	offset, size = c.offset, c.bytes
	c.bytes = 0
	return offset, size
}

// lose puts a gap for what the connection carried and cannot be kept.
func (c *conn) lose(detail string) {
	offset, size := c.take()
	c.put(importer.Missing(detail, offset, size))
}

// put hands items out that wait for nothing.
func (c *conn) put(items ...importer.Item) {
	e := &importer.Entry{Items: items}
	for _, item := range items {
		switch {
		case item.Record.Stimulus != nil:
			e.Size += int64(len(item.Record.Stimulus.Body))
		case item.Record.Message != nil:
			e.Size += int64(len(item.Record.Message.Body))
		}
	}
	e.Done()
	c.begin(e)
}

// begin puts e in its place among those that wait.
func (c *conn) begin(e *importer.Entry) {
	if !c.r.flushing {
		c.r.window.Begin(e)
		return
	}
	if len(c.held) == 0 {
		c.r.flushed = append(c.r.flushed, c)
	}
	c.held = append(c.held, e)
}

// silence reads nothing more.
func (c *conn) silence(reason, detail string) {
	c.mute, c.why, c.detail, c.speaks = true, reason, detail, nil
	c.sides[0].opening, c.sides[1].opening = nil, nil
}

// unread is the reason for bytes behind a gap that says why they were not read.
func (c *conn) unread() {
	c.silence("unread", "packets behind what could not be read on their connection, where a gap says so")
}

func (c *conn) miss(i int, n int64) {
	switch {
	case c.mute:
	case c.speaks != nil:
		c.failed(c.speaks.miss(i == c.client, n))
	default:
		c.sides[i].missing = true
		c.sides[i].opening = nil
	}
}

func (c *conn) say(i int, p []byte) {
	switch {
	case c.mute:
	case c.speaks != nil:
		c.failed(c.speaks.say(i == c.client, p))
	default:
		c.open(i, p)
	}
}

func (c *conn) failed(err error) {
	if err != nil {
		c.lose(err.Error())
		c.unread()
	}
}

// open finds out what the connection speaks. p begins with a segment.
func (c *conn) open(i int, p []byte) {
	s := &c.sides[i]
	s.opening = append(s.opening, p...)
	if s.begun && !s.proxied {
		rest, from, whole := proxied(s.opening)
		if !whole {
			return
		}
		s.opening, s.proxied = rest, true
		if from != "" {
			s.key = c.r.clients.Key(from)
		}
	}
	kind := protocolOf(s.opening)
	greeted := bytes.HasPrefix(c.sides[1-i].opening, []byte("220"))
	if kind == isOther && isMailCommand(s.opening) && (!s.begun || greeted && !bytes.HasPrefix(s.opening, []byte("AUTH "))) {
		kind = isMailClient
	}
	switch kind {
	case isRequest, isMailClient, isLocalMail, isPreface:
		c.client = i
	case isAnswer:
		c.client = 1 - i
	case isHello:
		if c.client < 0 {
			c.client = i
		}
	case isMore, isGreeting:
		if len(s.opening) <= maxOpening {
			return
		}
		kind = isOther
	}
	if kind == isOther {
		if !s.begun && isMailReply(s.opening) {
			c.mailed, c.client = true, 1-i
		}
		switch {
		case isTLSRecord(s.opening) && c.loseLate(i, "what went through a connection of TLS is not seen"):
			return
		case isFrames(s.opening) && c.loseLate(i, "HTTP/2 is not read"):
			return
		}
		if c.client == i && s.begun && isSOCKS(s.opening) {
			if _, ok := c.role(); ok {
				c.lose("what went through a proxy of SOCKS is not read")
				c.unread()
				return
			}
		}
		if s.begun && !s.missing {
			c.silence("other-protocol", "connections that speak neither HTTP/1 nor SMTP, as far as can be seen")
			return
		}
		s.opening, s.missing = nil, true // a segment further on may begin a message
		return
	}
	received, ok := c.role()
	if !ok {
		c.silence("elsewhere", elsewhere)
		return
	}
	switch kind {
	case isHello:
		c.lose("what went through a connection of TLS is not seen")
		c.unread()
		return
	case isPreface:
		c.lose("HTTP/2 is not read")
		c.unread()
		return
	case isLocalMail:
		c.lose("LMTP is not read")
		c.unread()
		return
	case isMailClient:
		c.speaks = newMail(c, received, s.begun && !s.missing)
	default:
		c.speaks = newWeb(c, received)
	}
	if c.sides[c.client].missing {
		c.put(importer.Missing("the beginning of a connection is not in the capture", c.offset, 0))
	}
	client, server := c.sides[c.client].opening, c.sides[1-c.client].opening
	c.sides[0].opening, c.sides[1].opening = nil, nil
	parts := []struct {
		client bool
		text   []byte
	}{{true, client}, {false, server}}
	if kind == isMailClient { // the server speaks first: RFC 5321, section 3.1
		parts[0], parts[1] = parts[1], parts[0]
	}
	for _, part := range parts {
		if len(part.text) > 0 && c.speaks != nil {
			c.failed(c.speaks.say(part.client, part.text))
		}
	}
}

// role is whether production receives what comes on the connection, or sends it; ok is
// false where it does neither.
func (c *conn) role() (received, ok bool) {
	sites := c.r.options.Sites
	if c.r.options.Sent {
		return false, true
	}
	client, server := &c.sides[c.client], &c.sides[1-c.client]
	if len(sites) == 0 || sites.Has(server.host, server.port) {
		return true, true
	}
	byPort := true
	for _, site := range sites {
		if site.Host != "" {
			byPort = false
			if (importer.Sites{{Host: site.Host}}).Has(client.host, 0) {
				return false, true
			}
		}
	}
	return false, byPort
}

// key is that of the client.
func (c *conn) key() string { return c.sides[c.client].key }

// server is the address that the connection is to.
func (c *conn) server() string {
	s := &c.sides[1-c.client]
	return net.JoinHostPort(s.host, strconv.Itoa(int(s.port)))
}

// now is the time of the packet at hand, in nanoseconds since 1970.
func (c *conn) now() int64 { return c.r.packet.info.Timestamp.UnixNano() }

type opening int

const (
	isMore       opening = iota // nothing can be said yet
	isOther                     // none of these
	isRequest                   // of HTTP/1
	isAnswer                    // of HTTP/1
	isGreeting                  // perhaps of a server of mail
	isMailClient                // EHLO, HELO or MAIL
	isLocalMail                 // LHLO: RFC 2033
	isHello                     // of TLS
	isPreface                   // of HTTP/2
)

// protocolOf tells what begins with p.
func protocolOf(p []byte) opening {
	p = bytes.TrimLeft(p, "\r\n")
	if len(p) == 0 {
		return isMore
	}
	// A handshake record with a ClientHello: RFC 8446, sections 4 and 5.1.
	if p[0] == 0x16 {
		switch {
		case len(p) < 6:
			return isMore
		case p[1] == 3 && p[5] == 1:
			return isHello
		}
		return isOther
	}
	line, _, whole := bytes.Cut(p, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if is := beginsWith(line, "HTTP/1."); is != isOther {
		return atLeast(is, isAnswer)
	}
	if is := beginsWith(line, "220"); is != isOther {
		return atLeast(is, isGreeting)
	}
	for _, verb := range []string{"EHLO ", "HELO ", "MAIL FROM:"} {
		if is := beginsWith(bytes.ToUpper(line[:min(len(line), len(verb))]), verb); is != isOther {
			return atLeast(is, isMailClient)
		}
	}
	if is := beginsWith(bytes.ToUpper(line[:min(len(line), 5)]), "LHLO "); is != isOther {
		return atLeast(is, isLocalMail)
	}
	// A request line: RFC 9112, section 3. Its method may be any token.
	method, rest, spaced := bytes.Cut(line, []byte(" "))
	if len(method) > 20 || len(method) == 0 || bytes.ContainsFunc(method, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r) }) {
		return isOther
	}
	switch {
	case !whole && (!spaced || len(line) < maxOpening):
		if spaced && !bytes.HasPrefix(rest, []byte("/")) && !bytes.HasPrefix(rest, []byte("http")) && !bytes.HasPrefix(rest, []byte("*")) && string(method) != "CONNECT" && len(rest) > 0 {
			return isOther
		}
		return isMore
	case bytes.Equal(line, []byte("PRI * HTTP/2.0")):
		return isPreface
	case whole && (bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0"))):
		return isRequest
	}
	return isOther
}

// beginsRequest reports whether p is the beginning of a request line that goes on.
func beginsRequest(p []byte) bool {
	p = bytes.TrimLeft(p, "\r\n")
	method, rest, spaced := bytes.Cut(p, []byte(" "))
	return protocolOf(p) == isMore && spaced && len(method) > 2 && len(rest) > 0
}

// isMailCommand reports whether p begins with a line that a client of SMTP sends in a
// session that has begun.
func isMailCommand(p []byte) bool {
	line, _, whole := bytes.Cut(p, []byte("\n"))
	line = bytes.ToUpper(bytes.TrimSuffix(line, []byte("\r")))
	switch string(line) {
	case "DATA", "RSET", "NOOP", "STARTTLS":
		return whole
	}
	return whole && (bytes.HasPrefix(line, []byte("RCPT TO:")) || bytes.HasPrefix(line, []byte("BDAT ")) || bytes.HasPrefix(line, []byte("AUTH ")) || bytes.HasPrefix(line, []byte("XCLIENT ")))
}

// isSOCKS reports whether p is what a client first says to a proxy of SOCKS: the methods of
// version 5, which it then awaits an answer to (RFC 1928, section 3), or a request of version 4
// (https://www.openssh.com/txt/socks4.protocol).
func isSOCKS(p []byte) bool {
	switch {
	case len(p) > 2 && p[0] == 5:
		return len(p) == 2+int(p[1]) && !bytes.ContainsFunc(p[2:], func(r rune) bool { return r > 9 && r < 0x80 })
	case len(p) > 8 && p[0] == 4:
		return (p[1] == 1 || p[1] == 2) && len(p) < 1024 && p[len(p)-1] == 0
	}
	return false
}

// isTLSRecord reports whether p begins with a record of TLS: RFC 8446, section 5.1.
func isTLSRecord(p []byte) bool {
	return len(p) >= 5 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4
}

// isFrames reports whether p is frames of HTTP/2, the last of which may go on: RFC 9113,
// sections 4.1 and 6. Of a single frame it wants the whole.
func isFrames(p []byte) bool {
	for n := 0; len(p) > 0; n++ {
		if len(p) < 9 {
			return n > 0
		}
		size, kind, stream := int(p[0])<<16|int(p[1])<<8|int(p[2]), p[3], binary.BigEndian.Uint32(p[5:])
		const data, headers, priority, reset, settings, push, ping, away, window, more = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
		ok := size <= 1<<14 && stream>>31 == 0
		switch kind {
		case data, headers, push, more:
			ok = ok && stream > 0
		case priority:
			ok = ok && stream > 0 && size == 5
		case reset:
			ok = ok && stream > 0 && size == 4
		case settings:
			ok = ok && stream == 0 && size%6 == 0
		case ping:
			ok = ok && stream == 0 && size == 8
		case away:
			ok = ok && stream == 0 && size >= 8
		case window:
			ok = ok && size == 4
		default:
			return false
		}
		if !ok {
			return false
		}
		if p = p[9:]; len(p) < size {
			return n > 0
		}
		p = p[size:]
	}
	return true
}

// isMailReply reports whether p begins with a reply by which a server of SMTP takes a
// recipient or a mail.
func isMailReply(p []byte) bool {
	for _, code := range []string{"250", "354"} {
		if bytes.HasPrefix(p, []byte(code)) && len(p) > 3 && (p[3] == ' ' || p[3] == '-') && bytes.IndexByte(p, '\n') > 0 {
			return true
		}
	}
	return false
}

// beginsWith is isOther where p cannot begin with text, and isMore where it does not yet.
func beginsWith(p []byte, text string) opening {
	switch {
	case len(p) >= len(text) && string(p[:len(text)]) == text:
		return isRequest // any that is neither of the two
	case len(p) < len(text) && text[:len(p)] == string(p):
		return isMore
	}
	return isOther
}

func atLeast(is, found opening) opening {
	if is == isMore {
		return isMore
	}
	return found
}
