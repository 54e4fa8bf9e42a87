package pcap

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// A fate is what became of a packet.
type fate int

const (
	isSegment  fate = iota // of TCP
	isNotTCP               // another protocol, which is not looked into
	isBroken               // of TCP, or of a tunnel: a fragment, or cut within its headers
	isTunnel               // in a tunnel that is not undone: encrypted, or of a form that is not read
	isQUIC                 // HTTP/3, as far as its first packets tell
	isUnlinked             // of a link type that is not read
)

// A frame takes headers off a packet until a segment of TCP is left. Tunnels are undone:
// what is within them has addresses of its own.
type frame struct {
	p     []byte
	flow  gopacket.Flow // of the innermost IP
	tcp   layers.TCP
	depth int
}

// maxDepth is how many headers of IP, MPLS, VLAN and tunnels may stand in one packet.
const maxDepth = 32

// Numbers of https://www.iana.org/assignments/ieee-802-numbers, protocol-numbers and
// service-names-port-numbers, and of https://www.tcpdump.org/linktypes.html.
const (
	rawOld = layers.LinkType(12)
	rawBSD = layers.LinkType(14)

	etherIPv4, etherIPv6                       = 0x0800, 0x86dd
	etherVLAN, etherQinQ, etherQinQOld         = 0x8100, 0x88a8, 0x9100
	etherMPLS, etherMPLSMulticast, etherPPPoE  = 0x8847, 0x8848, 0x8864
	etherBridged, etherERSPAN, etherERSPANIII  = 0x6558, 0x88be, 0x22eb
	etherMACsec, etherProvider, etherPPP       = 0x88e5, 0x88e7, 0x880b
	etherLeast                                 = 0x0600 // below, it is a length
	protoHop, protoRouting, protoFragment      = 0, 43, 44
	protoOptions, protoMobility, protoHIP      = 60, 135, 139
	protoIPv4, protoTCP, protoUDP, protoIPv6   = 4, 6, 17, 41
	protoGRE, protoESP, protoAH, protoEtherIP  = 47, 50, 51, 97
	protoL2TP, protoMPLS                       = 115, 137
	portVXLAN, portVXLANLinux, portVXLANGPE    = 4789, 8472, 4790
	portGeneve, portGTP, portL2TP, portGRE     = 6081, 2152, 1701, 4754
	portMPLS, portIPsec, portWireGuard, portH3 = 6635, 4500, 51820, 443
)

// cut takes n bytes off, or none where there are fewer.
func (f *frame) cut(n int) bool {
	if n > len(f.p) {
		return false
	}
	f.p = f.p[n:]
	return true
}

func (f *frame) u16(at int) int { return int(binary.BigEndian.Uint16(f.p[at:])) }

// link reads the packet, which begins with the header of a link type.
func (f *frame) link(link layers.LinkType) fate {
	switch link {
	case layers.LinkTypeEthernet:
		return f.ethernet()
	case layers.LinkTypeRaw, layers.LinkTypeIPv4, layers.LinkTypeIPv6, rawOld, rawBSD:
		return f.ip()
	case layers.LinkTypeNull, layers.LinkTypeLoop:
		if len(f.p) < 4 {
			return isBroken
		}
		family := max(f.u16(0), f.u16(2)) // in the order of bytes of the machine that captured
		if family > 0xff {
			family = int(max(f.p[0], f.p[3]))
		}
		f.cut(4)
		switch family {
		case 2, 10, 23, 24, 28, 30: // AF_INET, and AF_INET6 of each system
			return f.ip()
		}
		return isNotTCP
	case layers.LinkTypeLinuxSLL:
		return f.cooked(2, 14, 16)
	case layers.LinkTypeLinuxSLL2:
		return f.cooked(8, 0, 20)
	}
	return isUnlinked
}

// cooked reads what Linux writes in the place of the header of a link: the type of the
// device, and the protocol.
func (f *frame) cooked(device, protocol, size int) fate {
	if len(f.p) < size {
		return isBroken
	}
	const radiotap, netlink = 803, 824
	kind, ether := f.u16(device), f.u16(protocol)
	f.cut(size)
	switch {
	case kind == radiotap:
		return isUnlinked
	case kind == netlink:
		return isNotTCP
	case ether == 4:
		return f.llc()
	}
	return f.ether(ether)
}

func (f *frame) ethernet() fate {
	if len(f.p) < 14 {
		return isBroken
	}
	ether := f.u16(12)
	f.cut(14)
	if ether < etherLeast {
		return f.llc()
	}
	return f.ether(ether)
}

// llc reads IEEE 802.2, in which SNAP carries what else Ethernet does.
func (f *frame) llc() fate {
	if len(f.p) < 8 || string(f.p[:6]) != "\xaa\xaa\x03\x00\x00\x00" {
		return isNotTCP
	}
	ether := f.u16(6)
	f.cut(8)
	return f.ether(ether)
}

// ether reads what stands behind a type of Ethernet.
func (f *frame) ether(ether int) fate {
	if f.depth++; f.depth > maxDepth {
		return isTunnel
	}
	switch ether {
	case etherIPv4, etherIPv6:
		return f.ip()
	case etherVLAN, etherQinQ, etherQinQOld:
		if len(f.p) < 4 {
			return isBroken
		}
		inner := f.u16(2)
		f.cut(4)
		if inner < etherLeast {
			return f.llc()
		}
		return f.ether(inner)
	case etherMPLS, etherMPLSMulticast:
		return f.mpls()
	case etherPPPoE:
		if len(f.p) < 8 {
			return isBroken
		}
		protocol := f.u16(6)
		f.cut(8)
		if protocol == 0x0021 || protocol == 0x0057 {
			return f.ip()
		}
		return isNotTCP
	case etherBridged:
		return f.ethernet()
	case etherMACsec, etherProvider, etherPPP:
		return isTunnel
	}
	return isNotTCP
}

// mpls takes labels off (RFC 3032). Nothing says what follows them: IP, or Ethernet behind a
// control word (RFC 4385, section 3).
func (f *frame) mpls() fate {
	for {
		if len(f.p) < 4 {
			return isBroken
		}
		last := f.p[2]&1 == 1
		f.cut(4)
		if last {
			break
		}
	}
	switch {
	case len(f.p) == 0:
		return isBroken
	case f.p[0]>>4 == 4, f.p[0]>>4 == 6:
		return f.ip()
	case f.p[0]>>4 == 0 && f.cut(4):
		return f.ethernet()
	}
	return isTunnel
}

// ip reads IP of the version that it says.
func (f *frame) ip() fate {
	if f.depth++; f.depth > maxDepth {
		return isTunnel
	}
	if len(f.p) == 0 {
		return isBroken
	}
	switch f.p[0] >> 4 {
	case 4:
		return f.ipv4()
	case 6:
		return f.ipv6()
	}
	return isBroken
}

func (f *frame) ipv4() fate {
	size := int(f.p[0]&15) * 4
	if size < 20 || len(f.p) < size {
		return isBroken
	}
	if total := f.u16(2); total >= size && total < len(f.p) { // 0 is left to the network card
		f.p = f.p[:total]
	}
	f.flow = gopacket.NewFlow(layers.EndpointIPv4, f.p[12:16], f.p[16:20])
	protocol, fragment := int(f.p[9]), f.u16(6)
	f.cut(size)
	if fragment&0x3fff != 0 {
		return f.fragment(protocol, fragment&0x1fff == 0)
	}
	return f.protocol(protocol)
}

func (f *frame) ipv6() fate {
	if len(f.p) < 40 {
		return isBroken
	}
	if n := f.u16(4); n > 0 && 40+n < len(f.p) { // 0: a jumbogram, or left to the network card
		f.p = f.p[:40+n]
	}
	f.flow = gopacket.NewFlow(layers.EndpointIPv6, f.p[8:24], f.p[24:40])
	next := int(f.p[6])
	f.cut(40)
	for {
		size := 8
		switch next {
		case protoHop, protoRouting, protoOptions, protoMobility, protoHIP:
			if len(f.p) >= 8 {
				size = int(f.p[1])*8 + 8
			}
		case protoFragment:
		default:
			return f.protocol(next)
		}
		if len(f.p) < size {
			return isBroken
		}
		kind, fragment := next, f.u16(2)
		next = int(f.p[0])
		f.cut(size)
		if kind == protoFragment && fragment&^6 != 0 {
			return f.fragment(next, fragment>>3 == 0)
		}
	}
}

// fragment is the fate of a part of a packet of IP. first is whether it is the first part.
func (f *frame) fragment(protocol int, first bool) fate {
	switch protocol {
	case protoTCP, protoIPv4, protoIPv6, protoGRE, protoESP, protoAH, protoEtherIP, protoL2TP, protoMPLS,
		protoHop, protoRouting, protoOptions:
		return isBroken
	case protoUDP:
		if first && len(f.p) >= 8 && isTunnelPort(f.u16(2)) {
			return isBroken
		}
	}
	return isNotTCP
}

// protocol reads what stands behind a protocol number of IP.
func (f *frame) protocol(protocol int) fate {
	switch protocol {
	case protoTCP:
		if f.tcp.DecodeFromBytes(f.p, gopacket.NilDecodeFeedback) != nil {
			return isBroken
		}
		return isSegment
	case protoIPv4, protoIPv6:
		return f.ip()
	case protoGRE:
		return f.gre()
	case protoUDP:
		return f.udp()
	case protoMPLS:
		return f.mpls()
	case protoAH: // signed, and not encrypted: RFC 4302, section 2
		if len(f.p) < 12 || len(f.p) < int(f.p[1])*4+8 {
			return isBroken
		}
		next := int(f.p[0])
		f.cut(int(f.p[1])*4 + 8)
		if f.depth++; f.depth > maxDepth {
			return isTunnel
		}
		return f.protocol(next)
	case protoEtherIP:
		if !f.cut(2) {
			return isBroken
		}
		return f.ethernet()
	case protoESP, protoL2TP:
		return isTunnel
	}
	return isNotTCP
}

// gre reads RFC 2784 and RFC 2890. Version 1 is PPP, which is not read (RFC 2637).
func (f *frame) gre() fate {
	if len(f.p) < 4 {
		return isBroken
	}
	flags, ether := f.u16(0), f.u16(2)
	if flags&0x4007 != 0 {
		return isTunnel
	}
	size := 4
	for _, option := range []int{0x8000, 0x2000, 0x1000} {
		if flags&option != 0 {
			size += 4
		}
	}
	if !f.cut(size) {
		return isBroken
	}
	switch ether {
	case 0: // keepalives
		return isNotTCP
	case etherERSPAN:
		// Type I has no header of its own, and no sequence number to tell it by:
		// draft-foschiano-erspan-03, section 4.
		if flags&0x1000 != 0 && !f.cut(8) {
			return isBroken
		}
		return f.bridged()
	case etherERSPANIII:
		if len(f.p) < 12 {
			return isBroken
		}
		size := 12
		if f.p[11]&1 != 0 {
			size += 8
		}
		if !f.cut(size) {
			return isBroken
		}
		return f.bridged()
	case etherIPv4, etherIPv6, etherBridged, etherMPLS, etherMPLSMulticast, etherVLAN, etherQinQ:
		return f.ether(ether)
	}
	return isTunnel
}

// bridged reads Ethernet within a tunnel.
func (f *frame) bridged() fate { return f.ether(etherBridged) }

func isTunnelPort(port int) bool {
	switch port {
	case portVXLAN, portVXLANLinux, portVXLANGPE, portGeneve, portGTP, portL2TP, portGRE, portMPLS, portIPsec, portWireGuard:
		return true
	}
	return false
}

// udp looks for tunnels, by the port that packets go to.
func (f *frame) udp() fate {
	if len(f.p) < 8 {
		return isNotTCP
	}
	from, to := f.u16(0), f.u16(2)
	f.cut(8)
	if f.depth++; f.depth > maxDepth {
		return isTunnel
	}
	switch to {
	case portVXLAN, portVXLANLinux: // RFC 7348, section 5
		if len(f.p) < 8 {
			return isBroken
		}
		if f.p[0] != 0x08 && f.p[0] != 0x88 { // the second with a group policy
			return isTunnel
		}
		f.cut(8)
		return f.bridged()
	case portVXLANGPE:
		return f.gpe()
	case portGeneve:
		return f.geneve()
	case portGTP:
		return f.gtp()
	case portGRE:
		return f.gre()
	case portMPLS:
		return f.mpls()
	case portL2TP:
		if len(f.p) > 0 && f.p[0]&0x80 != 0 { // control messages: RFC 2661, section 3.1
			return isNotTCP
		}
		return isTunnel
	case portIPsec:
		if len(f.p) < 8 || string(f.p[:4]) == "\x00\x00\x00\x00" { // keepalives, and IKE: RFC 3948, section 2
			return isNotTCP
		}
		return isTunnel
	case portWireGuard:
		if len(f.p) > 0 && f.p[0] == 4 { // data: https://www.wireguard.com/protocol/
			return isTunnel
		}
	}
	// A long header of version 1 or 2: RFC 9000, section 17.2, and RFC 9369.
	if (to == portH3 || from == portH3) && len(f.p) >= 7 && f.p[0]&0xc0 == 0xc0 {
		switch binary.BigEndian.Uint32(f.p[1:]) {
		case 1, 0x6b3343cf:
			return isQUIC
		}
	}
	return isNotTCP
}

// gpe reads draft-ietf-nvo3-vxlan-gpe-13, section 3.
func (f *frame) gpe() fate {
	if len(f.p) < 8 {
		return isBroken
	}
	flags, next := f.p[0], f.p[3]
	f.cut(8)
	switch {
	case flags&0x04 == 0 || next == 3:
		return f.bridged()
	case next == 1, next == 2:
		return f.ip()
	}
	return isTunnel
}

// geneve reads RFC 8926, section 3.4.
func (f *frame) geneve() fate {
	if len(f.p) < 8 {
		return isBroken
	}
	first, control, ether := f.p[0], f.p[1]&0x80 != 0, f.u16(2)
	switch {
	case first>>6 != 0:
		return isTunnel
	case control:
		return isNotTCP
	case !f.cut(8 + int(first&0x3f)*4):
		return isBroken
	}
	switch ether {
	case etherIPv4, etherIPv6, etherBridged, etherMPLS:
		return f.ether(ether)
	}
	return isTunnel
}

// gtp reads packets of users in GTPv1 (3GPP TS 29.281, section 5).
func (f *frame) gtp() fate {
	if len(f.p) < 8 {
		return isBroken
	}
	flags, kind := f.p[0], f.p[1]
	switch {
	case flags>>5 != 1:
		return isTunnel
	case kind != 255:
		return isNotTCP
	}
	f.cut(8)
	if flags&7 == 0 {
		return f.ip()
	}
	if len(f.p) < 4 {
		return isBroken
	}
	next := f.p[3]
	f.cut(4)
	for flags&4 != 0 && next != 0 {
		if len(f.p) == 0 || f.p[0] == 0 || len(f.p) < int(f.p[0])*4 {
			return isBroken
		}
		size := int(f.p[0]) * 4
		next = f.p[size-1]
		f.cut(size)
	}
	return f.ip()
}
