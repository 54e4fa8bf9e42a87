package pcap_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A script makes the packets of connections, as they pass a network card.
type script struct {
	t     testing.TB
	link  layers.LinkType
	six   bool // IPv6
	vlan  bool
	now   time.Time
	frame [][]byte
	times []time.Time
	full  []int // length of each before it was cut
}

func newScript(t testing.TB) *script {
	return &script{t: t, link: layers.LinkTypeEthernet, now: time.Unix(1_700_000_000, 0)}
}

// A talk is one connection of a script.
type talk struct {
	s              *script
	client, server string
	from, to       layers.TCPPort
	seq, ack       uint32 // next of the client, next of the server
}

// connect begins a connection with its handshake.
func (s *script) connect(client string, from int, server string, to int) *talk {
	k := s.midstream(client, from, server, to)
	k.packet(true, layers.TCP{SYN: true}, "")
	k.seq++
	k.packet(false, layers.TCP{SYN: true, ACK: true}, "")
	k.ack++
	k.packet(true, layers.TCP{ACK: true}, "")
	return k
}

// midstream is a connection whose beginning is not in the capture.
func (s *script) midstream(client string, from int, server string, to int) *talk {
	return &talk{s: s, client: client, server: server, from: layers.TCPPort(from), to: layers.TCPPort(to), seq: 0xfffffff0, ack: 77}
}

func (k *talk) packet(client bool, tcp layers.TCP, payload string) {
	k.at(client, tcp, payload, k.seq, k.ack)
}

// say sends text in segments of 100 bytes.
func (k *talk) say(client bool, text string) {
	for len(text) > 0 {
		n := min(len(text), 100)
		k.segment(client, text[:n])
		text = text[n:]
	}
}

func (k *talk) segment(client bool, text string) {
	k.packet(client, layers.TCP{ACK: true, PSH: true}, text)
	k.lose(client, len(text))
}

// lose sends n bytes that the capture does not have.
func (k *talk) lose(client bool, n int) {
	if client {
		k.seq += uint32(n)
	} else {
		k.ack += uint32(n)
	}
}

// end closes both directions.
func (k *talk) end() {
	k.packet(true, layers.TCP{FIN: true, ACK: true}, "")
	k.seq++
	k.packet(false, layers.TCP{FIN: true, ACK: true}, "")
	k.ack++
	k.packet(true, layers.TCP{ACK: true}, "")
}

func (k *talk) at(client bool, tcp layers.TCP, payload string, seq, ack uint32) {
	src, dst := k.client, k.server
	tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Ack, tcp.Window = k.from, k.to, seq, ack, 65535
	if !client {
		src, dst = dst, src
		tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Ack = k.to, k.from, ack, seq
	}
	var network gopacket.SerializableLayer
	var ethernet layers.EthernetType
	if k.s.six {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst)}
		ethernet, network = layers.EthernetTypeIPv6, ip
		if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
			k.s.t.Fatal(err)
		}
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst)}
		ethernet, network = layers.EthernetTypeIPv4, ip
		if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
			k.s.t.Fatal(err)
		}
	}
	k.s.send(ethernet, network, &tcp, gopacket.Payload(payload))
}

// send puts layers of IP onto the wire.
func (s *script) send(ethernet layers.EthernetType, ip ...gopacket.SerializableLayer) {
	var first []gopacket.SerializableLayer
	switch s.link {
	case layers.LinkTypeEthernet:
		e := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: ethernet}
		first = append(first, e)
		if s.vlan {
			e.EthernetType = layers.EthernetTypeDot1Q
			first = append(first, &layers.Dot1Q{VLANIdentifier: 7, Type: ethernet})
		}
	case layers.LinkTypeNull:
		family := []byte{2, 0, 0, 0}
		if ethernet == layers.EthernetTypeIPv6 {
			family[0] = 30
		}
		first = append(first, gopacket.Payload(family))
	case layers.LinkTypeLinuxSLL:
		first = append(first, gopacket.Payload(append(make([]byte, 14), byte(ethernet>>8), byte(ethernet))))
	case layers.LinkTypeLinuxSLL2:
		first = append(first, gopacket.Payload(append([]byte{byte(ethernet >> 8), byte(ethernet)}, make([]byte, 18)...)))
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(first, ip...)...); err != nil {
		s.t.Fatal(err)
	}
	s.frame = append(s.frame, bytes.Clone(b.Bytes()))
	s.full = append(s.full, len(b.Bytes()))
	s.times = append(s.times, s.now)
	s.now = s.now.Add(time.Millisecond)
}

// move puts packet i in the place of packet j.
func (s *script) move(i, j int) {
	f := s.frame[i]
	s.frame = append(s.frame[:i], s.frame[i+1:]...)
	s.frame = append(s.frame[:j], append([][]byte{f}, s.frame[j:]...)...)
}

// drop takes packet i out.
func (s *script) drop(i int) {
	s.frame = append(s.frame[:i], s.frame[i+1:]...)
	s.times = append(s.times[:i], s.times[i+1:]...)
	s.full = append(s.full[:i], s.full[i+1:]...)
}

// pcap is the capture as a file of the old form.
func (s *script) pcap() []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65536, s.link); err != nil {
		s.t.Fatal(err)
	}
	for i, f := range s.frame {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: s.times[i], CaptureLength: len(f), Length: max(s.full[i], len(f))}, f); err != nil {
			s.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// pcapng is the capture as a file of the new form.
func (s *script) pcapng() []byte {
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, s.link)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, f := range s.frame {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: s.times[i], CaptureLength: len(f), Length: max(s.full[i], len(f))}, f); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}
