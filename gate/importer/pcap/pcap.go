// Package pcap reads captures of packets, pcap and pcapng, plain or in gzip, for
// plaintext HTTP/1 and SMTP on TCP.
//
// Packets are taken off Ethernet (link type 1; with VLAN tags, MPLS and PPPoE), Linux cooked
// captures (113 and 276), loopback (0 and 108) and raw IP (12, 14, 101, 228 and 229); IPv4
// and IPv6. Tunnels are undone: IP in IP, GRE, ERSPAN of types I to III, VXLAN (ports 4789
// and 8472) and VXLAN-GPE, Geneve, EtherIP, GTP-U, GRE and MPLS in UDP. What is within
// counts, with its own addresses; where a capture holds a packet inside and outside of its
// tunnel, it is read once. TCP is reassembled: retransmissions,
// packets out of order and connections that began before the capture are as in life.
// Checksums are not looked at: network cards make them after the capture was made.
//
// What a connection speaks is told by its first bytes, and not by its port: a request
// line of HTTP/1; EHLO, HELO or MAIL from the client.
//
// # Stimuli and messages
//
// Sites ([importer.Options].Sites) are addresses with or without a port, or ports alone.
// A connection to one of them is received by production: its requests and mails are
// stimuli. One from the address of a site to elsewhere is production's own, and so is,
// where sites are ports alone, any that is not to one: its requests and mails are
// messages. All other connections are passed over ("elsewhere"). Without sites, every
// connection is taken for one that production received.
//
// Stimuli have the key of the client's address, which is numbered and not named: that of the
// connection, or which a header of the PROXY protocol tells, as balancers of load put it
// before what a client says. They
// stand in the order in which requests were whole, and mails were answered. What was
// answered to a request is its outcome, where it follows within some thousands of
// requests and some megabytes. Mails of production that were refused after their content
// are passed over ("refused"), as a sink counts them and keeps none; so are transactions in
// which nobody was accepted.
//
// # What is missing
//
// Gaps are: bytes that the capture has lost or cut short (snaplen) within what production
// received or sent, connections whose beginning or end is missing within a message,
// connections in TLS, HTTP/2 and HTTP/3, LMTP, WebSockets, tunnels of HTTP and SOCKS, what follows
// STARTTLS, fragments of IP that carry TCP or a tunnel, tunnels that are not undone (IPsec,
// WireGuard, L2TP, PPTP, MACsec), packets of a link type that is not read (one gap for each
// interface, and the others are read), and what two readers could take differently. Of answers, what is
// missing leaves the status unknown and is no gap. Where only one direction was captured,
// requests of HTTP are kept and mails are a gap: nothing says which recipients were
// accepted. So are answers of HTTP and of SMTP whose other direction is not there, and a
// mail that the server took and whose envelope was not captured.
//
// A request names its host in Host, or in a target of absolute form (RFC 9112, section
// 3.3). Where it has neither, it is the address that the connection is to.
//
// Passed over are other protocols ("other-protocol"), packets other than TCP ("not-tcp"),
// and packets that carry no part of a message ("no-content": handshakes,
// acknowledgements). Each packet is accounted for with the record that it is in; those
// of one message together.
package pcap

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is pcap and pcapng.
var Format = importer.Format{
	Name:  "pcap",
	Doc:   "captured packets, pcap or pcapng: HTTP/1 and SMTP in plain text (gzip undone)",
	Sniff: func(_ string, head []byte) bool { return kindOf(head) != unknown },
	Read:  read,
}

type fileKind int

const (
	unknown fileKind = iota
	classic
	nextGeneration
)

// kindOf tells a file by its magic number.
func kindOf(head []byte) fileKind {
	if len(head) < 4 {
		return unknown
	}
	switch binary.BigEndian.Uint32(head) {
	case 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1:
		return classic
	case 0x0a0d0d0a:
		return nextGeneration
	}
	return unknown
}

// Bounds of reassembly.
const (
	pageBytes    = 1900 // of one page of the library
	maxPages     = (16 << 20) / pageBytes
	maxPagesEach = (2 << 20) / pageBytes
	patience     = 15 * time.Second // of capture, after which bytes that are missing stay so
	idle         = 10 * time.Minute // of capture, after which a connection is over
	flushEvery   = time.Second      // of capture
	maxOpen      = 50_000           // connections at once; where there are more, all are taken for over
	maxSnaplen   = 256 << 10
)

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		r := &reader{path: path, options: o, out: importer.NewOutput("pcap", path, o, yield)}
		r.pool = reassembly.NewStreamPool(r)
		r.assembler = reassembly.NewAssembler(r.pool)
		r.assembler.MaxBufferedPagesTotal, r.assembler.MaxBufferedPagesPerConnection = maxPages, maxPagesEach
		if err := r.read(); err != nil {
			r.out.Fail(err)
		}
	}
}

type reader struct {
	path      string
	options   importer.Options
	out       *importer.Output
	pool      *reassembly.StreamPool
	assembler *reassembly.Assembler
	window    importer.Window
	clients   importer.Clients

	conns    uint64 // how many there were
	open     int    // connections that are not over
	flushing bool
	flushed  []*conn   // those that something came of while flushing
	crowded  bool      // there are too many of them
	last     time.Time // of the last flush
	packet   packet    // the one at hand
	frame    frame     // and what is within it
	lost     []*tally  // packets that cannot be read
}

// A packet is where one is, and whether it was accounted for.
type packet struct {
	info         gopacket.CaptureInfo
	offset, size int64
	taken        bool
}

// GetCaptureInfo makes a packet the context that reassembly asks for.
func (p *packet) GetCaptureInfo() gopacket.CaptureInfo { return p.info }

// A tally counts packets that cannot be read, for one reason.
type tally struct {
	detail        string
	count         uint64
	offset, bytes int64
}

// A source gives packets.
type source interface {
	ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// A counter counts what is read, and remembers how it ended.
type counter struct {
	in  io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (r *reader) read() (err error) {
	file, err := importer.Open(r.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	count := &counter{in: file}
	in := bufio.NewReaderSize(count, 64<<10) // the library takes it as it is: what it has read is known
	at := func() int64 { return count.n - int64(in.Buffered()) }
	src, link, err := open(in)
	if err != nil {
		return errors.Join(fmt.Errorf("import %s: %w", r.path, err), count.err)
	}
	if len(r.options.Sites) == 0 && !r.options.Sent {
		r.options.Tell("every connection is taken for one that production received: --site ADDRESS:PORT says where production listens, and what it sent itself becomes messages then")
	}
	var offset int64 // what stands before the first packet goes with it
	for !r.out.Stopped() {
		data, info, err := src.ZeroCopyReadPacketData()
		end := at()
		if err == io.EOF {
			break
		}
		if err != nil {
			if count.err == nil && errors.Is(err, io.ErrUnexpectedEOF) {
				r.finish()
				r.out.Put(importer.Missing("the capture ends within a packet: it was not written whole", offset, count.n-offset))
				return nil
			}
			return fmt.Errorf("import %s: at byte %d: %w", r.path, offset, errors.Join(err, count.err))
		}
		r.packet = packet{info: info, offset: offset, size: end - offset}
		offset = end
		layer, err := link(info)
		if err != nil {
			return fmt.Errorf("import %s: at byte %d: %w", r.path, offset, err)
		}
		r.take(data, layer)
	}
	r.finish()
	if rest := count.n - offset; rest > 0 {
		r.out.Put(importer.Skipped("frame", "what stands around packets", offset, rest))
	}
	return nil
}

// open reads the header of a file. The function that it returns gives the link type of a
// packet.
func open(in *bufio.Reader) (source, func(gopacket.CaptureInfo) (layers.LinkType, error), error) {
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch kindOf(head) {
	case classic:
		p, err := pcapgo.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("read the header of a pcap file: %w", err)
		}
		if p.Snaplen() < maxSnaplen {
			p.SetSnaplen(maxSnaplen) // many writers keep to none that they declare
		}
		return p, func(gopacket.CaptureInfo) (layers.LinkType, error) { return p.LinkType(), nil }, nil
	case nextGeneration:
		p, err := pcapgo.NewNgReader(in, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			return nil, nil, fmt.Errorf("read the header of a pcapng file: %w", err)
		}
		return p, func(info gopacket.CaptureInfo) (layers.LinkType, error) {
			for _, a := range info.AncillaryData {
				if link, ok := a.(layers.LinkType); ok {
					return link, nil
				}
			}
			return 0, errors.New("a packet has no link type")
		}, nil
	}
	return nil, nil, errors.New("it is neither pcap nor pcapng")
}

// take takes one packet.
func (r *reader) take(data []byte, link layers.LinkType) {
	p := &r.packet
	r.frame = frame{p: data}
	switch r.frame.link(link) {
	case isSegment:
	case isBroken:
		r.lose("packets are fragments of TCP or of a tunnel, or were cut within their headers")
		return
	case isTunnel:
		r.lose("packets are in a tunnel that is not undone: it is encrypted, or of a form that is not read")
		return
	case isQUIC:
		if !r.concerns(r.frame.flow) {
			r.pass("elsewhere", elsewhere)
			return
		}
		r.lose("HTTP/3 is not read")
		return
	case isUnlinked:
		r.lose(fmt.Sprintf("packets of interface %d are of link type %d, which is not read", p.info.InterfaceIndex, link))
		return
	default:
		r.pass("not-tcp", "packets of other protocols")
		return
	}
	if now := p.info.Timestamp; now.Sub(r.last) >= flushEvery || r.last.IsZero() {
		if !r.last.IsZero() {
			r.flush(func() {
				r.assembler.FlushWithOptions(reassembly.FlushOptions{T: now.Add(-patience), TC: now.Add(-idle)})
			})
		}
		r.last = now
	}
	if r.crowded {
		r.flush(func() { r.assembler.FlushAll() })
		r.crowded = false
	}
	r.assembler.AssembleWithContext(r.frame.flow, &r.frame.tcp, p)
	if !p.taken {
		r.pass("no-content", noContent)
	}
	r.window.Release(r.out, false)
}

const noContent = "packets that carry no part of a message: handshakes, acknowledgements"

// pass passes the packet at hand over.
func (r *reader) pass(reason, detail string) {
	r.packet.taken = true
	r.out.Put(importer.Skipped(reason, detail, r.packet.offset, r.packet.size))
}

// flush lets f end connections, or give up on bytes of them. The library keeps these in no
// order: what comes of each is handed out in the order in which they began.
func (r *reader) flush(f func()) {
	r.flushing = true
	f()
	r.flushing = false
	slices.SortFunc(r.flushed, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	for _, c := range r.flushed {
		for _, e := range c.held {
			r.window.Begin(e)
		}
		c.held = nil
	}
	r.flushed = nil
}

// finish ends all connections.
func (r *reader) finish() {
	r.flush(func() { r.assembler.FlushAll() })
	r.window.Release(r.out, true)
	for _, t := range r.lost {
		item := importer.Missing(t.detail, t.offset, t.bytes)
		item.Record.Gap.Count = t.count
		r.out.Put(item)
	}
}

// lose counts the packet at hand among those that cannot be read.
func (r *reader) lose(detail string) {
	i := slices.IndexFunc(r.lost, func(t *tally) bool { return t.detail == detail })
	if i < 0 {
		i = len(r.lost)
		r.lost = append(r.lost, &tally{detail: detail, offset: r.packet.offset})
	}
	r.lost[i].count++
	r.lost[i].bytes += r.packet.size
	r.packet.taken = true
}

// concerns reports whether a packet between two addresses may be to a site or from one.
func (r *reader) concerns(flow gopacket.Flow) bool {
	ports := true
	for _, s := range r.options.Sites {
		site := importer.Sites{{Host: s.Host}}
		if s.Host != "" && (site.Has(flow.Src().String(), 0) || site.Has(flow.Dst().String(), 0)) {
			return true
		}
		ports = ports && s.Host == ""
	}
	return ports || r.options.Sent
}
