package pcap_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/pcap"
)

var update = flag.Bool("update", false, "write what the golden cases give")

func sites(t testing.TB, list ...string) importer.Sites {
	t.Helper()
	s, err := importer.ParseSites(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What real captures come to stands beside them: of tcpdump, on one interface, on all of
// them (SLL2), and with packets cut short. Production is 127.0.0.2, and sends to 127.0.0.3.
func TestGolden(t *testing.T) {
	importertest.Golden(t, pcap.Format, "testdata/*.pcap", importer.Options{Sites: sites(t, "127.0.0.2:18080", "127.0.0.2:18025")}, *update)
}

func TestSuite(t *testing.T) {
	own := importer.Options{Sites: sites(t, "127.0.0.2:18080", "127.0.0.2:18025")}
	sample := func(name string, stimuli, messages, gaps int, skips map[string]int) importertest.Sample {
		path := filepath.Join("testdata", name)
		return importertest.Sample{Path: path, Options: own, Stimuli: stimuli, Messages: messages, Gaps: gaps, Skips: skips, Size: importertest.SizeOf(t, path)}
	}
	importertest.Run(t, importertest.Suite{
		Format: pcap.Format,
		Samples: []importertest.Sample{
			sample("loopback.pcap", 7, 1, 0, map[string]int{"no-content": 13}),
			sample("any.pcap", 7, 1, 0, map[string]int{"no-content": 14}),
			sample("snaplen.pcap", 5, 1, 2, map[string]int{"no-content": 7}),
		},
		Many: many,
	})
}

// many writes n requests and answers on one connection.
func many(t *testing.T, dir string, n int, body []byte) string {
	path := filepath.Join(dir, "many.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	w := pcapgo.NewWriter(out)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	s := newScript(t)
	k := s.connect("192.0.2.1", 4000, "192.0.2.2", 80)
	flush := func() {
		for i, frame := range s.frame {
			if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: s.times[i], CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
				t.Fatal(err)
			}
		}
		s.frame, s.times, s.full = nil, nil, nil
	}
	for range n {
		for _, client := range []bool{true, false} {
			head := "HTTP/1.1 200 OK"
			if client {
				head = "POST / HTTP/1.1"
			}
			text := fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
			for len(text) > 0 {
				size := min(len(text), 16<<10)
				k.segment(client, text[:size])
				text = text[size:]
			}
			flush()
		}
	}
	k.end()
	flush()
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	client = "192.0.2.1"
	server = "192.0.2.2"
	get    = "GET /one HTTP/1.1\r\nHost: portal.example.org\r\n\r\n"
	ok     = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)

func post(body string) string {
	return fmt.Sprintf("POST /ask HTTP/1.1\r\nHost: portal.example.org\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// summary is what items come to, without places: the first line and the status of each
// record, with the end of its body, and the details of gaps.
func summary(items []importer.Item) (out []string) {
	first := func(head []byte) string { line, _, _ := strings.Cut(string(head), "\r\n"); return line }
	for _, item := range items {
		switch r := item.Record; {
		case r.Stimulus != nil:
			out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Stimulus.Status, first(r.Stimulus.Head), bytes.ReplaceAll(r.Stimulus.Body, []byte("\r\n"), []byte("|")))))
		case r.Message != nil:
			out = append(out, strings.TrimSpace(fmt.Sprintf("sent to %s%v: %s %s", r.Message.Host, r.Message.Replies, first(r.Message.Head), r.Message.Body)))
		case r.Gap != nil:
			out = append(out, "gap: "+r.Gap.Detail)
		case item.Skip.Reason != "no-content":
			out = append(out, "skip: "+item.Skip.Reason)
		}
	}
	return out
}

func readAll(t testing.TB, data []byte, o importer.Options) []importer.Item {
	t.Helper()
	items := importertest.Read(t, pcap.Format, importertest.Write(t, "x.pcap", data), o)
	if n := importertest.Size(items); n != int64(len(data)) {
		t.Errorf("%d bytes are accounted for, of %d", n, len(data))
	}
	return items
}

func TestConnections(t *testing.T) {
	const (
		missing = "gap: bytes of requests are missing in the capture"
		middle  = "gap: a request ends in the middle, with its connection or with the capture"
		lateOn  = "gap: the beginning of a connection is not in the capture"
	)
	long := strings.Repeat("a line of a long body\n", 40)
	web := func(s *script) *talk { return s.connect(client, 4000, server, 80) }
	smtp := func(s *script, lines ...string) {
		k := s.connect(client, 4000, server, 25)
		for _, line := range lines {
			who, text, _ := strings.Cut(line, " ")
			k.say(who == "C", strings.ReplaceAll(text, "|", "\r\n"))
		}
		k.end()
	}
	envelope := []string{"S 220 mail ESMTP|", "C EHLO c|", "S 250-mail|250 PIPELINING|", "C MAIL FROM:<a@x>|", "S 250 ok|", "C RCPT TO:<b@x>|", "S 250 ok|"}
	mail := func(more ...string) []string { return append(append([]string{}, envelope...), more...) }
	for name, c := range map[string]struct {
		make func(s *script)
		want []string
	}{
		"one": {func(s *script) { k := web(s); k.say(true, get); k.say(false, ok); k.end() }, []string{"200 GET /one HTTP/1.1"}},
		"pipelined": {func(s *script) {
			k := web(s)
			k.segment(true, get+strings.Replace(get, "one", "two", 1))
			k.segment(false, ok+strings.Replace(ok, "200", "201", 1))
			k.end()
		}, []string{"200 GET /one HTTP/1.1", "201 GET /two HTTP/1.1"}},
		"out of order": {func(s *script) {
			k := web(s)
			k.say(true, post(long))
			k.say(false, ok)
			s.move(5, 3)
			s.move(9, 4)
		}, []string{"200 POST /ask HTTP/1.1 " + strings.TrimSpace(long)}},
		"retransmitted": {func(s *script) {
			k := web(s)
			k.say(true, post(long))
			for _, i := range []int{4, 3, 6} {
				s.frame, s.times, s.full = append(s.frame, s.frame[i]), append(s.times, s.now), append(s.full, s.full[i])
			}
			k.say(false, ok)
		}, []string{"200 POST /ask HTTP/1.1 " + strings.TrimSpace(long)}},
		"lost in a body": {func(s *script) {
			k := web(s)
			k.say(true, post(long))
			k.say(false, ok)
			k.say(true, get)
			k.say(false, ok)
			k.end()
			s.drop(6)
		}, []string{"gap: 100 bytes of the body of a request are missing in the capture", "200 GET /one HTTP/1.1"}},
		"lost in a head": {func(s *script) {
			k := web(s)
			k.say(true, "GET / HTTP/1.1\r\nX-Long: "+strings.Repeat("x", 400)+"\r\n\r\n")
			k.say(false, ok)
			s.now = s.now.Add(time.Minute)
			s.connect(client, 4001, server, 80)
			k.say(true, get)
			k.say(false, ok)
			k.end()
			s.drop(4)
		}, []string{missing, "0 GET /one HTTP/1.1"}},
		"lost in a request line": {func(s *script) {
			k := web(s)
			k.say(true, "GET /"+strings.Repeat("x", 400)+" HTTP/1.1\r\n\r\n")
			k.end()
			s.drop(3)
		}, []string{"gap: bytes at the beginning of a connection are missing in the capture, by which to tell what it spoke"}},
		"lost in an answer": {func(s *script) {
			k := web(s)
			k.say(true, get)
			k.say(false, "HTTP/1.1 200 OK\r\nContent-Length: 150\r\n\r\n"+strings.Repeat("x", 150))
			k.say(true, get)
			k.say(false, ok)
			k.end()
			s.drop(5)
		}, []string{"200 GET /one HTTP/1.1", "200 GET /one HTTP/1.1"}},
		"begun before": {func(s *script) {
			k := s.midstream(client, 4000, server, 80)
			k.say(true, get)
			k.say(false, ok)
		}, []string{"200 GET /one HTTP/1.1"}},
		"begun before, within a body": {func(s *script) {
			k := s.midstream(client, 4000, server, 80)
			k.segment(true, "the end of a body\nin lower case")
			k.say(false, ok)
			k.segment(true, get)
			k.say(false, ok)
		}, []string{lateOn, "200 GET /one HTTP/1.1"}},
		"begun before, within an answer": {func(s *script) {
			k := s.midstream(client, 4000, server, 80)
			k.segment(false, "<p>the end of a page</p>")
			k.segment(true, get)
			k.say(false, ok)
		}, []string{"200 GET /one HTTP/1.1"}},
		"one direction": {func(s *script) {
			k := web(s)
			k.say(true, get)
			s.drop(1)
			k.lose(false, 100)
			k.say(true, get)
		}, []string{"0 GET /one HTTP/1.1", "0 GET /one HTTP/1.1"}},
		"cut off": {func(s *script) { web(s).say(true, post(long)[:200]) }, []string{middle}},
		"early answer": {func(s *script) {
			k := web(s)
			text := post(long)
			k.segment(true, text[:200])
			k.segment(false, strings.Replace(ok, "200 OK", "413 No", 1))
			k.segment(true, text[200:])
			k.end()
		}, []string{"413 POST /ask HTTP/1.1 " + strings.TrimSpace(long)}},
		"until close": {func(s *script) {
			k := web(s)
			k.say(true, get)
			k.say(false, "HTTP/1.0 203 OK\r\n\r\nall of it")
			k.end()
		}, []string{"203 GET /one HTTP/1.1"}},
		"continued": {func(s *script) {
			k := web(s)
			k.say(true, get)
			k.say(false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+ok)
		}, []string{"200 GET /one HTTP/1.1"}},
		"websocket": {func(s *script) {
			k := web(s)
			k.say(true, "GET /live HTTP/1.1\r\nHost: portal.example.org\r\nUpgrade: websocket\r\n\r\n")
			k.say(false, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi")
			k.say(true, "\x81\x02hi")
			k.end()
		}, []string{"gap: what went over a WebSocket is not kept", "skip: unread"}},
		"upgraded": {func(s *script) {
			k := web(s)
			k.say(true, "GET / HTTP/1.1\r\nHost: portal.example.org\r\nUpgrade: h2c\r\n\r\n")
			k.say(false, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			k.say(true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			k.end()
		}, []string{"101 GET / HTTP/1.1", "gap: what followed a switch to another protocol is not kept"}},
		"smuggled": {func(s *script) {
			web(s).say(true, "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		}, []string{"gap: a request cannot be read: a message has both Content-Length and Transfer-Encoding"}},
		"http2": {func(s *script) { web(s).say(true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") }, []string{"gap: HTTP/2 is not read"}},
		"tls":   {func(s *script) { web(s).say(true, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }, []string{"gap: what went through a connection of TLS is not seen"}},
		"any method": {func(s *script) {
			k := web(s)
			k.say(true, "purge:x /one HTTP/1.1\r\nHost: portal.example.org\r\n\r\n")
			k = s.connect(client, 4001, server, 80)
			k.say(true, "purge.2 /one HTTP/1.1\r\nHost: portal.example.org\r\n\r\n")
			k.say(false, ok)
		}, []string{"200 purge.2 /one HTTP/1.1", "skip: other-protocol"}},
		"SOCKS 5": {func(s *script) {
			k := web(s)
			k.say(true, "\x05\x02\x00\x02")
			k.say(false, "\x05\x00")
			k.say(true, "\x05\x01\x00\x01\xc0\x00\x02\x09\x00\x50")
			k.say(false, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
			k.say(true, get)
			k.say(false, ok)
		}, []string{"gap: what went through a proxy of SOCKS is not read", "skip: unread"}},
		"SOCKS 4": {func(s *script) {
			k := web(s)
			k.say(true, "\x04\x01\x00\x50\xc0\x00\x02\x09\x00")
			k.say(false, "\x00\x5a\x00\x00\x00\x00\x00\x00")
			k.say(true, get)
		}, []string{"gap: what went through a proxy of SOCKS is not read", "skip: unread"}},
		"the rest of a mail, one way": {func(s *script) {
			k := s.midstream(client, 4000, server, 25)
			k.say(true, "Subject: two\r\n\r\nDear Bob\r\n.\r\n")
			k.say(true, "QUIT\r\n")
		}, []string{"gap: a connection to a port of mail or of the web began before the capture, and nothing tells what it carried"}},
		"the rest of a request, one way": {func(s *script) {
			k := s.midstream(client, 4000, server, 80)
			k.say(true, "=bob&letter=two")
		}, []string{"gap: a connection to a port of mail or of the web began before the capture, and nothing tells what it carried"}},
		"the rest of something else": {func(s *script) {
			k := s.midstream(client, 4000, server, 5432)
			k.say(true, "=bob&letter=two")
		}, []string{"skip: other-protocol"}},
		"ssh": {func(s *script) {
			k := s.connect(client, 4000, server, 22)
			k.say(false, "SSH-2.0-OpenSSH_9.2\r\n")
			k.say(true, "SSH-2.0-OpenSSH_9.2\r\n")
		}, []string{"skip: other-protocol"}},
		"ftp": {func(s *script) {
			k := s.connect(client, 4000, server, 21)
			k.say(false, "220 ready\r\n")
			k.say(true, "USER anonymous\r\n")
		}, []string{"skip: other-protocol"}},
		"udp": {func(s *script) {
			ip, udp := &layers.IPv4{Version: 4, Protocol: layers.IPProtocolUDP, SrcIP: []byte{192, 0, 2, 1}, DstIP: []byte{192, 0, 2, 2}}, &layers.UDP{SrcPort: 53, DstPort: 53}
			if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
			s.send(layers.EthernetTypeIPv4, ip, udp, gopacket.Payload("x"))
		}, []string{"skip: not-tcp"}},
		"fragment": {func(s *script) {
			s.send(layers.EthernetTypeIPv4, &layers.IPv4{Version: 4, Protocol: layers.IPProtocolTCP, FragOffset: 10, SrcIP: []byte{192, 0, 2, 1}, DstIP: []byte{192, 0, 2, 2}}, gopacket.Payload("part of a segment"))
		}, []string{"gap: packets are fragments of TCP or of a tunnel, or were cut within their headers"}},
		"mail": {func(s *script) {
			smtp(s, mail("C DATA|", "S 354 go|", "C Subject: x||.. dots|..|.|", "S 250 ok|", "C QUIT|", "S 221 bye|")...)
		}, []string{"250 EHLO c Subject: x||. dots|.|"}},
		"mail of many pieces": {func(s *script) {
			smtp(s, mail("C DATA|", "S 354 go|", "C Subj", "C ect: x|", "C |.", "C .|", "C a\rb\nc|", "C .", "C |", "S 250 ok|")...)
		}, []string{"250 EHLO c Subject: x||.|a\rb\nc|"}},
		"two mails": {func(s *script) {
			smtp(s, mail("C DATA|", "S 354 go|", "C one|.|", "S 250 ok|", "C MAIL FROM:<c@x>|RCPT TO:<d@x>|DATA|", "S 250 ok|250 ok|354 go|", "C two|.|", "S 451 later|")...)
		}, []string{"250 EHLO c one|", "451 EHLO c two|"}},
		"pipelined behind the end": {func(s *script) {
			smtp(s, mail("C DATA|", "S 354 go|", "C one|.|MAIL FROM:<c@x>|RCPT TO:<d@x>|DATA|", "S 250 ok|250 ok|250 ok|354 go|", "C two|.|", "S 250 ok|")...)
		}, []string{"250 EHLO c one|", "250 EHLO c two|"}},
		"chunks": {func(s *script) {
			smtp(s, mail("C BDAT 3|abcBDAT 6 LAST|d.||RSET|MAIL FROM:<c@x>|", "S 250 3|250 ok|250 ok|250 ok|")...)
		}, []string{"250 EHLO c abcd.||"}},
		"login": {func(s *script) {
			smtp(s, append([]string{"S 220 mail|", "C EHLO c|", "S 250 AUTH LOGIN|", "C AUTH LOGIN|", "S 334 VXNlcm5hbWU6|", "C TUFJTA==|", "S 334 UGFzc3dvcmQ6|", "C ZGF0YQ==|", "S 235 ok|"}, mail("C DATA|", "S 354 go|", "C x|.|", "S 250 ok|")[3:]...)...)
		}, []string{"250 EHLO c x|"}},
		"starttls": {func(s *script) {
			smtp(s, "S 220 mail|", "C EHLO c|", "S 250 STARTTLS|", "C STARTTLS|", "S 220 go|", "C \x16\x03\x01")
		}, []string{"gap: what follows STARTTLS is not seen", "skip: unread"}},
		"refused": {func(s *script) {
			smtp(s, append(envelope[:5:5], "C RCPT TO:<b@x>|", "S 550 who|", "C DATA|", "S 554 nobody|", "C RSET|", "S 250 ok|")...)
		}, nil},
		"mail cut off":      {func(s *script) { smtp(s, mail("C DATA|", "S 354 go|", "C Subject: x|")...) }, []string{"gap: a mail ends in the middle, with its connection or with the capture"}},
		"mail not answered": {func(s *script) { smtp(s, mail("C DATA|", "S 354 go|", "C x|.|")...) }, []string{"gap: a mail has no reply in the capture"}},
		"mail, one direction": {func(s *script) {
			k := s.connect(client, 4000, server, 25)
			k.say(true, "EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
			k.say(true, "x\r\n.\r\n")
			k.end()
		}, []string{"gap: a mail has no reply in the capture"}},
		"mail, bytes lost": {func(s *script) {
			smtp(s, mail("C DATA|", "S 354 go|", "C "+strings.Repeat("a line of mail|", 30)+".|", "S 250 ok|")...)
			s.drop(13)
		}, []string{"gap: bytes of a connection of SMTP are missing in the capture"}},
	} {
		for _, link := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw, layers.LinkTypeNull, layers.LinkTypeLinuxSLL, layers.LinkTypeLinuxSLL2} {
			s := newScript(t)
			s.link, s.vlan = link, len(name)%2 == 0
			c.make(s)
			for form, data := range map[string][]byte{"pcap": s.pcap(), "pcapng": s.pcapng()} {
				if d := cmp.Diff(c.want, summary(readAll(t, data, importer.Options{}))); d != "" {
					t.Errorf("%s, %s of %s (-want +got):\n%s", name, form, link, d)
				}
			}
		}
	}
}

// Sites tell what production received from what it sent.
func TestSites(t *testing.T) {
	s := newScript(t)
	s.six = true
	for i, to := range []struct {
		from, to string
		port     int
	}{
		{"2001:db8::1", "2001:db8::2", 80},   // to production
		{"2001:db8::2", "2001:db8::3", 80},   // from it
		{"2001:db8::1", "2001:db8::2", 8080}, // to another door of it
		{"2001:db8::7", "2001:db8::8", 80},   // of others
	} {
		k := s.connect(to.from, 4000+i, to.to, to.port)
		k.say(true, strings.Replace(get, "one", fmt.Sprint(i), 1))
		k.say(false, ok)
		k.end()
	}
	k := s.connect("2001:db8::2", 5000, "2001:db8::3", 25)
	for _, line := range []string{"S 220 x", "C HELO c", "S 250 x", "C MAIL FROM:<a@x>", "S 250 x", "C RCPT TO:<b@x>", "S 250 x", "C RCPT TO:<c@x>", "S 550 x", "C DATA", "S 354 x", "C ok", "C .", "S 250 x"} {
		k.say(line[0] == 'C', line[2:]+"\r\n")
	}
	k.end()
	sent := "sent to portal.example.org[]: GET /1 HTTP/1.1"
	mail := "sent to [250 250 250 550]: HELO c ok"
	for site, want := range map[string][]string{
		"":                 {"200 GET /0 HTTP/1.1", "200 GET /1 HTTP/1.1", "200 GET /2 HTTP/1.1", "200 GET /3 HTTP/1.1", "250 HELO c ok|"},
		"[2001:db8::2]:80": {"200 GET /0 HTTP/1.1", sent, "skip: elsewhere", "skip: elsewhere", mail},
		"2001:db8::2":      {"200 GET /0 HTTP/1.1", sent, "200 GET /2 HTTP/1.1", "skip: elsewhere", mail},
		":8080":            {"sent to portal.example.org[]: GET /0 HTTP/1.1", sent, "200 GET /2 HTTP/1.1", "sent to portal.example.org[]: GET /3 HTTP/1.1", mail},
	} {
		var o importer.Options
		if site != "" {
			o.Sites = sites(t, site)
		}
		if d := cmp.Diff(want, summary(readAll(t, s.pcap(), o))); d != "" {
			t.Errorf("site %q (-want +got):\n%s", site, d)
		}
	}
}

// However a connection is cut into segments, and however they are mixed and repeated on
// the way, it comes to the same.
func TestSegments(t *testing.T) {
	requests := get + post("May I run?\r\n\r\nGET / HTTP/1.1\r\n") + "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n" + get
	answers := ok + "HTTP/1.1 204 No Content\r\n\r\n" + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + ok
	want := []string{"200 GET /one HTTP/1.1", "204 POST /ask HTTP/1.1 May I run?||GET / HTTP/1.1|", "200 PUT /c HTTP/1.1 abcde", "200 GET /one HTTP/1.1"}
	rapid.Check(t, func(rt *rapid.T) {
		s := newScript(t)
		k := s.connect(client, 4000, server, 80)
		for _, part := range []struct {
			client bool
			text   string
		}{{true, requests}, {false, answers}} {
			begin := len(s.frame)
			for text := part.text; len(text) > 0; {
				n := rapid.IntRange(1, min(len(text), 60)).Draw(rt, "segment")
				k.segment(part.client, text[:n])
				text = text[n:]
			}
			for range rapid.IntRange(0, 4).Draw(rt, "moves") {
				i := rapid.IntRange(begin, len(s.frame)-1).Draw(rt, "from")
				s.move(i, rapid.IntRange(begin, len(s.frame)-1).Draw(rt, "to"))
			}
			if i := rapid.IntRange(begin, len(s.frame)-1).Draw(rt, "again"); rapid.Bool().Draw(rt, "repeat") {
				s.frame, s.times, s.full = append(s.frame, s.frame[i]), append(s.times, s.now), append(s.full, s.full[i])
			}
		}
		k.end()
		if d := cmp.Diff(want, summary(readAll(t, s.pcap(), importer.Options{}))); d != "" {
			rt.Fatalf("(-want +got):\n%s", d)
		}
	})
}

// A packet that was cut short leaves a gap even where nothing follows for long.
func TestPatience(t *testing.T) {
	s := newScript(t)
	k := s.connect(client, 4000, server, 80)
	k.say(true, post(strings.Repeat("x", 300)))
	s.drop(4)
	s.now = s.now.Add(time.Minute)
	other := s.connect(client, 4001, server, 80)
	other.say(true, get)
	other.say(false, ok)
	s.now = s.now.Add(time.Hour)
	third := s.connect(client, 4002, server, 80)
	third.say(true, get)
	got := summary(readAll(t, s.pcap(), importer.Options{}))
	want := []string{"gap: 100 bytes of the body of a request are missing in the capture", "200 GET /one HTTP/1.1", "0 GET /one HTTP/1.1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCaptureEndsWithinAPacket(t *testing.T) {
	s := newScript(t)
	k := s.connect(client, 4000, server, 80)
	k.say(true, get)
	k.say(false, ok)
	data := s.pcap()
	for cut := 1; cut < 40; cut++ {
		short := data[:len(data)-cut]
		items := readAll(t, short, importer.Options{})
		if got := summary(items); len(got) != 2 || !strings.HasPrefix(got[0], "0 GET") || !strings.Contains(got[1], "ends within a packet") {
			t.Fatalf("cut by %d: %q", cut, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, data := range map[string][]byte{
		"neither pcap": []byte("not a capture"), "header": {0xd4, 0xc3, 0xb2, 0xa1, 2, 0}, "": {},
	} {
		path := importertest.Write(t, "x.pcap", data)
		var got error
		for _, err := range pcap.Format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), path) {
			t.Errorf("error %v, want %q", got, want)
		}
	}
}

// Where two captures are compared, all requests are what was sent.
func TestSent(t *testing.T) {
	importertest.Sent(t, pcap.Format, "testdata/loopback.pcap", importer.Options{})
	importertest.Sent(t, pcap.Format, "testdata/any.pcap", importer.Options{Sites: sites(t, ":18080")})
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzPcap(f *testing.F) {
	for _, name := range []string{"loopback.pcap", "any.pcap", "snaplen.pcap"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	s := newScript(f)
	s.connect(client, 4000, server, 80).say(true, post("x"))
	f.Add(s.pcap())
	f.Add(s.pcapng())
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := importertest.Write(t, "x.pcap", data)
		var n int64
		for item, err := range pcap.Format.Read(path, importer.Options{MaxBody: 100}) {
			if err != nil {
				return
			}
			n += item.Bytes
		}
		if n != int64(len(data)) {
			t.Errorf("%d bytes are accounted for, of %d", n, len(data))
		}
	})
}

// Whatever two parties say, what comes of it is well formed.
func FuzzConversation(f *testing.F) {
	f.Add([]byte(get), []byte(ok))
	f.Add([]byte(post("x")+get), []byte("HTTP/1.1 100 Continue\r\n\r\n"+ok))
	f.Add([]byte("EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 3 LAST\r\nabcQUIT\r\n"), []byte("220 x\r\n250 x\r\n250 x\r\n250 x\r\n250 x\r\n221 x\r\n"))
	f.Add([]byte("HELO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\n"), []byte("220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 x\r\n"))
	f.Fuzz(func(t *testing.T, said, answered []byte) {
		if len(said)+len(answered) > 4000 {
			t.Skip()
		}
		s := newScript(t)
		k := s.connect(client, 4000, server, 80)
		for len(said)+len(answered) > 0 { // by turns, so that commands meet replies
			n := min(len(answered), 37)
			k.say(false, string(answered[:n]))
			answered = answered[n:]
			n = min(len(said), 61)
			k.say(true, string(said[:n]))
			said = said[n:]
		}
		k.end()
		for _, item := range readAll(t, s.pcap(), importer.Options{MaxBody: 100}) {
			if r := item.Record; r.Stimulus != nil {
				if len(r.Stimulus.Body) > 100 || bytes.Contains(bytes.ReplaceAll(r.Stimulus.Head, []byte("\r\n"), nil), []byte("\n")) {
					t.Errorf("%+v", r.Stimulus)
				}
				if r.Stimulus.Channel == "smtp" && !bytes.Contains(r.Stimulus.Head, []byte("RCPT")) && !bytes.Contains(bytes.ToUpper(r.Stimulus.Head), []byte("RCPT")) {
					t.Errorf("%q", r.Stimulus.Head)
				}
			} else if item.Skip == nil && (r.Gap == nil || r.Gap.Kind != gate.GapNotRecorded && r.Gap.Kind != gate.GapCutBody) {
				t.Errorf("%+v", item)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	s := newScript(b)
	k := s.connect(client, 4000, server, 80)
	body := strings.Repeat("a line of a body, of usual length.\n", 100)
	for range 500 {
		k.segment(true, post(body)[:1400])
		k.segment(true, post(body)[1400:])
		k.segment(false, ok)
	}
	data := s.pcap()
	path := importertest.Write(b, "x.pcap", data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(importertest.Stimuli(importertest.Read(b, pcap.Format, path, importer.Options{}))); n != 500 {
			b.Fatal(n)
		}
	}
}
