package pcap_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/layers"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/pcap"
)

// bare are the packets of one request and its answer, as IP alone.
func bare(t testing.TB, six bool) [][]byte {
	s := newScript(t)
	s.link, s.six = layers.LinkTypeRaw, six
	from, to := client, server
	if six {
		from, to = "2001:db8::1", "2001:db8::2"
	}
	k := s.connect(from, 4000, to, 80)
	k.say(true, get)
	k.say(false, ok)
	k.end()
	return s.frame
}

// capture is a file of frames of a link type, as tcpdump writes it.
func capture(link uint32, frames [][]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 262144)
	b = binary.LittleEndian.AppendUint32(b, link)
	for i, f := range frames {
		for _, n := range []int{1_700_000_000 + i, 0, len(f), len(f)} {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
		b = append(b, f...)
	}
	return b
}

func before(head []byte, frames [][]byte) (out [][]byte) {
	for _, f := range frames {
		out = append(out, append(append([]byte{}, head...), f...))
	}
	return out
}

// Packets of each link type that is read come to the same.
func TestLinkTypes(t *testing.T) {
	four := bare(t, false)
	for name, c := range map[string]struct {
		link   uint32
		frames [][]byte
	}{
		"null":                 {0, before([]byte{2, 0, 0, 0}, four)},
		"null, big-endian":     {0, before([]byte{0, 0, 0, 2}, four)},
		"null, IPv6 of macOS":  {0, before([]byte{30, 0, 0, 0}, bare(t, true))},
		"ethernet":             {1, before(append(make([]byte, 12), 8, 0), four)},
		"ethernet, two VLANs":  {1, before(append(make([]byte, 12), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0), four)},
		"ethernet, SNAP":       {1, before(append(make([]byte, 12), 0, 200, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0), four)},
		"ethernet, MPLS":       {1, before(append(make([]byte, 12), 0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64), four)},
		"ethernet, PPPoE":      {1, before(append(make([]byte, 12), 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21), four)},
		"raw of old":           {12, four},
		"raw of BSD":           {14, four},
		"raw":                  {101, four},
		"raw, IPv6":            {101, bare(t, true)},
		"loop":                 {108, before([]byte{0, 0, 0, 2}, four)},
		"cooked":               {113, before(append(make([]byte, 14), 8, 0), four)},
		"IPv4":                 {228, four},
		"IPv6":                 {229, bare(t, true)},
		"cooked, second":       {276, before(append([]byte{8, 0}, make([]byte, 18)...), four)},
		"ethernet, padded":     {1, padded(before(append(make([]byte, 12), 8, 0), four))},
		"IPv6 with extensions": {229, extended(bare(t, true))},
	} {
		if d := cmp.Diff([]string{"200 GET /one HTTP/1.1"}, summary(readAll(t, capture(c.link, c.frames), importer.Options{}))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// padded makes short frames as long as Ethernet wants them.
func padded(frames [][]byte) (out [][]byte) {
	for _, f := range frames {
		out = append(out, append(append([]byte{}, f...), make([]byte, max(0, 60-len(f))+4)...))
	}
	return out
}

// extended puts options and a whole fragment before TCP.
func extended(frames [][]byte) (out [][]byte) {
	for _, f := range frames {
		head := append([]byte{}, f[:40]...)
		binary.BigEndian.PutUint16(head[4:], uint16(len(f)-40+16))
		head[6] = 0
		head = append(head, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 1)
		out = append(out, append(head, f[40:]...))
	}
	return out
}

// carried is packets of IP that carry frames by a protocol, each behind a head.
func carried(protocol byte, head []byte, frames [][]byte) (out [][]byte) {
	for _, f := range frames {
		ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2}
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(head)+len(f)))
		out = append(out, append(append(ip, head...), f...))
	}
	return out
}

func inUDP(port int, head []byte, frames [][]byte) [][]byte {
	udp := binary.BigEndian.AppendUint16([]byte{0xc0, 0}, uint16(port))
	return carried(17, append(append(udp, 0, 0, 0, 0), head...), frames)
}

// Tunnels are undone, or their packets are a gap.
func TestTunnels(t *testing.T) {
	const (
		sealed = "gap: packets are in a tunnel that is not undone: it is encrypted, or of a form that is not read"
		broken = "gap: packets are fragments of TCP or of a tunnel, or were cut within their headers"
		read   = "200 GET /one HTTP/1.1"
	)
	four := bare(t, false)
	ether := before(append(make([]byte, 12), 8, 0), four)
	gre := func(flags, protocol int, more ...byte) []byte {
		return append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(flags)), uint16(protocol)), more...)
	}
	for name, c := range map[string]struct {
		frames [][]byte
		want   string
	}{
		"IP in IP":               {carried(4, nil, four), read},
		"IPv6 in IP":             {carried(41, nil, bare(t, true)), read},
		"GRE":                    {carried(47, gre(0, 0x0800), four), read},
		"GRE, key and sequence":  {carried(47, gre(0x3000, 0x0800, 0, 0, 0, 1, 0, 0, 0, 2), four), read},
		"GRE of Ethernet":        {carried(47, gre(0, 0x6558), ether), read},
		"GRE, keepalive":         {carried(47, gre(0, 0), [][]byte{nil}), "skip: not-tcp"},
		"GRE of PPP":             {carried(47, gre(0x3001, 0x880b, 0, 0, 0, 0), four), sealed},
		"GRE, source routes":     {carried(47, gre(0x4000, 0x0800, 0, 0, 0, 0), four), sealed},
		"GRE of something":       {carried(47, gre(0, 0x4321), four), sealed},
		"ERSPAN I":               {carried(47, gre(0, 0x88be), ether), read},
		"ERSPAN II":              {carried(47, gre(0x1000, 0x88be, append([]byte{0, 0, 0, 1}, 0x10, 0, 0, 7, 0, 0, 0, 0)...), ether), read},
		"ERSPAN III":             {carried(47, gre(0x1000, 0x22eb, append([]byte{0, 0, 0, 1}, make([]byte, 12)...)...), ether), read},
		"ERSPAN III, platform":   {carried(47, gre(0x1000, 0x22eb, append(append([]byte{0, 0, 0, 1}, make([]byte, 11)...), 1, 0, 0, 0, 0, 0, 0, 0, 0)...), ether), read},
		"VXLAN":                  {inUDP(4789, []byte{8, 0, 0, 0, 0, 0, 7, 0}, ether), read},
		"VXLAN of Linux":         {inUDP(8472, []byte{8, 0, 0, 0, 0, 0, 7, 0}, ether), read},
		"VXLAN without a number": {inUDP(4789, make([]byte, 8), ether), sealed},
		"VXLAN-GPE":              {inUDP(4790, []byte{0x0c, 0, 0, 1, 0, 0, 7, 0}, four), read},
		"VXLAN in VXLAN":         {inUDP(4789, []byte{8, 0, 0, 0, 0, 0, 7, 0}, before(append(make([]byte, 12), 8, 0), inUDP(4789, []byte{8, 0, 0, 0, 0, 0, 8, 0}, ether))), read},
		"Geneve":                 {inUDP(6081, []byte{1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 0x80, 0}, ether), read},
		"Geneve of IP":           {inUDP(6081, []byte{0, 0, 8, 0, 0, 0, 7, 0}, four), read},
		"Geneve, control":        {inUDP(6081, []byte{0, 0x80, 8, 0, 0, 0, 7, 0}, four), "skip: not-tcp"},
		"GTP":                    {inUDP(2152, []byte{0x30, 255, 0, 0, 0, 0, 0, 1}, four), read},
		"GTP with an extension":  {inUDP(2152, []byte{0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0}, four), read},
		"GRE in UDP":             {inUDP(4754, gre(0, 0x0800), four), read},
		"Ethernet in IP":         {carried(97, []byte{0x30, 0}, ether), read},
		"signed IP":              {signed(four), read},
		"IPsec":                  {carried(50, nil, four), sealed},
		"IPsec in UDP":           {inUDP(4500, []byte{1, 2, 3, 4}, four), sealed},
		"IKE":                    {inUDP(4500, make([]byte, 4), four), "skip: not-tcp"},
		"WireGuard":              {inUDP(51820, []byte{4, 0, 0, 0}, four), sealed},
		"L2TP":                   {inUDP(1701, []byte{0, 2, 0, 1, 0, 1}, four), sealed},
		"MACsec":                 {before(append(make([]byte, 12), 0x88, 0xe5), four), sealed},
		"QUIC":                   {inUDP(443, []byte{0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4}, four), "gap: HTTP/3 is not read"},
		"a fragment of a tunnel": {fragments(inUDP(4789, []byte{8, 0, 0, 0, 0, 0, 7, 0}, ether)), broken},
		"a fragment of GRE":      {fragments(carried(47, gre(0, 0x0800), four)), broken},
		"cut within a tunnel":    {inUDP(4789, []byte{8, 0, 0}, [][]byte{nil}), broken},
		"of no end":              {deep(40), sealed},
	} {
		link, frames := uint32(101), c.frames
		if name == "MACsec" {
			link = 1
		}
		got := summary(readAll(t, capture(link, frames), importer.Options{}))
		if len(got) == 0 {
			t.Errorf("%s: nothing came of it", name)
		}
		for _, line := range got {
			if line != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
				break
			}
		}
	}
}

// signed puts a header that authenticates before TCP.
func signed(frames [][]byte) (out [][]byte) {
	for _, f := range frames {
		f = append(append(append([]byte{}, f[:20]...), append([]byte{6, 4}, make([]byte, 22)...)...), f[20:]...)
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		f[9] = 51
		out = append(out, f)
	}
	return out
}

func fragments(frames [][]byte) [][]byte {
	for _, f := range frames {
		f[6] |= 0x20
	}
	return frames
}

// deep is one packet in n of another.
func deep(n int) [][]byte {
	frames := [][]byte{{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2}}
	for range n {
		frames = carried(4, nil, frames)
	}
	return frames
}

// A packet that was captured inside and outside of its tunnel is read once.
func TestTunnelAndWithin(t *testing.T) {
	four := bare(t, false)
	var both [][]byte
	for i, f := range carried(4, nil, four) {
		both = append(both, f, four[i])
	}
	if d := cmp.Diff([]string{"200 GET /one HTTP/1.1"}, summary(readAll(t, capture(101, both), importer.Options{}))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// interfaces is a file of the new form with an interface for each link type, and the frames
// of each by turns.
func interfaces(links []int, frames [][][]byte) []byte {
	u32 := binary.LittleEndian.AppendUint32
	block := func(kind uint32, body []byte) []byte {
		for len(body)%4 > 0 {
			body = append(body, 0)
		}
		size := uint32(len(body) + 12)
		return u32(append(u32(u32(nil, kind), size), body...), size)
	}
	out := block(0x0a0d0d0a, append(u32(nil, 0x1a2b3c4d), 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255))
	for _, link := range links {
		out = append(out, block(1, append(binary.LittleEndian.AppendUint16(nil, uint16(link)), 0, 0, 0, 0, 4, 0))...)
	}
	for n := range 100 {
		for i := range links {
			if n < len(frames[i]) {
				f := frames[i][n]
				head := u32(u32(u32(u32(u32(nil, uint32(i)), 0), uint32(n)), uint32(len(f))), uint32(len(f)))
				out = append(out, block(6, append(head, f...))...)
			}
		}
	}
	return out
}

// What is of a link type that is not read is a gap for each interface, and the others are read.
func TestInterfaces(t *testing.T) {
	four := bare(t, false)
	data := interfaces([]int{101, 105, 147, 228}, [][][]byte{four[:5], four[:2], four[:3], four[5:]})
	items := readAll(t, data, importer.Options{})
	want := []string{
		"200 GET /one HTTP/1.1",
		"gap: packets of interface 1 are of link type 105, which is not read",
		"gap: packets of interface 2 are of link type 147, which is not read",
	}
	if d := cmp.Diff(want, summary(items)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	var counts []uint64
	for _, g := range importertest.Gaps(items) {
		counts = append(counts, g.Count)
	}
	if fmt.Sprint(counts) != "[2 3]" {
		t.Errorf("counts %v", counts)
	}
	got := summary(readAll(t, capture(105, four), importer.Options{}))
	if d := cmp.Diff([]string{"gap: packets of interface 0 are of link type 105, which is not read"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A request goes to the host that RFC 9112 says, and to no other that it mentions.
func TestHosts(t *testing.T) {
	const address = "192.0.2.2"
	for head, want := range map[string]string{
		"GET /a HTTP/1.1\r\nHost: One.example\r\n":                                  "one.example",
		"GET /a HTTP/1.1\r\nHost: one.example:80\r\n":                               "one.example",
		"GET /a HTTP/1.1\r\nHost: one.example:8080\r\n":                             "one.example:8080",
		"GET /a?to=http://two.example/ HTTP/1.1\r\nHost: one.example\r\n":           "one.example",
		"GET /a?to=https://two.example/ HTTP/1.0\r\n":                               address,
		"GET /http://two.example/ HTTP/1.0\r\n":                                     address,
		"GET /a HTTP/1.1\r\nHost:\r\n":                                              address,
		"GET http://three.example/a?b=http://two.example HTTP/1.1\r\nHost: one\r\n": "three.example",
		"GET HTTP://user:word@three.example?a=/ HTTP/1.1\r\nHost: one\r\n":          "three.example",
		"GET /a HTTP/1.1\r\nReferer: http://two.example/\r\nHost: one.example\r\n":  "one.example",
		"GET /a HTTP/1.1\r\nX-Host: two.example\r\nHost: one.example\r\n":           "one.example",
	} {
		s := newScript(t)
		k := s.connect(client, 4000, server, 80)
		k.say(true, head+"\r\n")
		k.say(false, ok)
		k.end()
		messages := importertest.Messages(readAll(t, s.pcap(), importer.Options{Sent: true}))
		if len(messages) != 1 || messages[0].Host != want {
			t.Errorf("%q: %d messages, the first to %+v, want %q", head, len(messages), messages, want)
		}
	}
	s := newScript(t)
	k := s.connect(client, 4000, server, 80)
	k.say(true, "GET / HTTP/1.1\r\nHost: one.example\r\nHost: two.example\r\n\r\n")
	if d := cmp.Diff([]string{"gap: a request names two hosts"}, summary(readAll(t, s.pcap(), importer.Options{}))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A conversation of which a part was not captured is kept or a gap: nothing of it is passed
// over as if it had carried nothing.
func TestHalves(t *testing.T) {
	type line struct {
		client bool
		text   string
	}
	session := []line{
		{false, "220 mail\r\n"}, {true, "EHLO app\r\n"}, {false, "250 AUTH PLAIN\r\n"}, {true, "AUTH PLAIN AGEAYg==\r\n"}, {false, "235 in\r\n"},
		{true, "MAIL FROM:<a@x.example>\r\n"}, {false, "250 ok\r\n"}, {true, "RCPT TO:<b@x.example>\r\n"}, {false, "250 ok\r\n"},
		{true, "DATA\r\n"}, {false, "354 go\r\n"}, {true, "Subject: a fine day\r\n\r\nyes\r\n"}, {true, "indeed\r\n.\r\n"}, {false, "250 taken\r\n"},
		{true, "QUIT\r\n"}, {false, "221 bye\r\n"},
	}
	web := []line{{true, get}, {false, ok}, {true, post("x")}, {false, ok}}
	play := func(lines []line, from int, keep func(i int, l line) bool, open bool) []byte {
		s := newScript(t)
		k := s.midstream(client, 4000, server, 25)
		if open {
			k = s.connect(client, 4000, server, 25)
		}
		for i, l := range lines {
			if i >= from && keep(i, l) {
				k.segment(l.client, l.text)
			} else {
				k.lose(l.client, len(l.text))
			}
		}
		return s.pcap()
	}
	hasEvidence := func(name string, data []byte) {
		items := readAll(t, data, importer.Options{})
		if len(importertest.Stimuli(items))+len(importertest.Gaps(items)) == 0 {
			t.Errorf("%s: neither a record nor a gap: %q %v", name, summary(items), importertest.Skips(items))
		}
	}
	all := func(int, line) bool { return true }
	for _, open := range []bool{true, false} {
		for _, one := range []bool{true, false} {
			keep := func(_ int, l line) bool { return l.client == one }
			hasEvidence(fmt.Sprintf("mail, opened %t, client alone %t", open, one), play(session, 0, keep, open))
			hasEvidence(fmt.Sprintf("web, opened %t, client alone %t", open, one), play(web, 0, keep, open))
		}
		for i := range session {
			keep := func(j int, _ line) bool { return j != i }
			if i != 0 && i < 14 { // what the greeting says is not needed, nor what follows the mail
				hasEvidence(fmt.Sprintf("mail, opened %t, without %q", open, session[i].text), play(session, 0, keep, open))
			}
		}
	}
	for from := 1; from < 14; from++ {
		hasEvidence(fmt.Sprintf("mail, from %q on", session[from].text), play(session, from, all, false))
	}
	for until := 9; until < len(session); until++ {
		hasEvidence(fmt.Sprintf("mail, until %q", session[until].text), play(session[:until], 0, all, true))
	}
	for n := 5; n < len(get); n++ {
		hasEvidence(fmt.Sprintf("%d bytes of a request", n), play([]line{{true, get[:n]}}, 0, all, true))
	}
	for name, lines := range map[string][]line{
		"HTTP/2":                     {{true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}},
		"LMTP":                       {{false, "220 mail\r\n"}, {true, "LHLO app\r\n"}},
		"TLS, from the middle on":    {{true, "\x17\x03\x03\x00\x10" + strings.Repeat("x", 16)}},
		"TLS, the server alone":      {{false, "\x16\x03\x03\x00\x30\x02" + strings.Repeat("x", 47)}},
		"HTTP/2, the server alone":   {{false, "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"}},
		"HTTP/2, from the middle on": {{true, "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x01\x00\x00" + "\x00\x00\x03\x00\x01\x00\x00\x00\x05abc"}},
	} {
		for _, open := range []bool{false, !strings.Contains(name, "middle")} {
			hasEvidence(name, play(lines, 0, all, open))
		}
	}
}

// What a balancer of load puts before a request is taken off, and says who the client is.
func TestProxied(t *testing.T) {
	four := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), 203, 0, 113, 7, 192, 0, 2, 2, 15, 160, 0, 80)
	six := append(append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24"), make([]byte, 32)...), 15, 160, 0, 80)
	local := []byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	s := newScript(t)
	for i, head := range []string{
		"", "PROXY TCP4 203.0.113.7 192.0.2.2 4000 80\r\n", "PROXY TCP6 2001:db8::7 2001:db8::2 4000 80\r\n", "PROXY UNKNOWN\r\n", string(four), string(six), string(local),
	} {
		k := s.connect(client, 4000+i, server, 80)
		text := head + get
		for n := range len(text) { // byte by byte
			k.segment(true, text[n:n+1])
		}
		k.say(false, ok)
		k.end()
	}
	k := s.connect(client, 4100, server, 25)
	k.say(false, "220 mail\r\n")
	k.say(true, "NOOP\r\n")
	k.say(false, "250 ok\r\n")
	k.say(true, "MAIL FROM:<a@x>\r\n")
	items := readAll(t, s.pcap(), importer.Options{})
	var keys []string
	for _, s := range importertest.Stimuli(items) {
		keys = append(keys, s.Key)
	}
	want := []string{"client-1", "client-3", "client-4", "client-1", "client-3", "client-5", "client-1"}
	if d := cmp.Diff(want, keys); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if gaps := importertest.Gaps(items); len(gaps) != 1 || !strings.Contains(gaps[0].Detail, "no reply") {
		t.Errorf("gaps %+v", gaps)
	}
}

// Whatever stands in a packet of any link type, it is accounted for.
func FuzzFrame(f *testing.F) {
	for _, link := range []uint32{0, 1, 12, 101, 108, 113, 228, 229, 276} {
		for _, frames := range [][][]byte{
			carried(47, []byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, before(append(make([]byte, 12), 8, 0), bare(f, false))),
			inUDP(6081, []byte{1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 0x80, 0}, before(append(make([]byte, 12), 0x86, 0xdd), bare(f, true))),
			extended(bare(f, true)),
		} {
			f.Add(link, frames[3])
		}
	}
	f.Fuzz(func(t *testing.T, link uint32, frame []byte) {
		if len(frame) > 4000 {
			t.Skip()
		}
		data := capture(link, [][]byte{frame, frame})
		path := importertest.Write(t, "x.pcap", data)
		var n int64
		for item, err := range pcap.Format.Read(path, importer.Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			n += item.Bytes
		}
		if n != int64(len(data)) {
			t.Errorf("%d bytes are accounted for, of %d", n, len(data))
		}
	})
}
