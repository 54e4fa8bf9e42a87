package pcap

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
)

// signature begins the second version of the PROXY protocol.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// maxProxied is how long a header of the PROXY protocol may be, in bytes.
const maxProxied = 4096

// proxied takes the header off a direction that a balancer of load put before it
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). from is the address of the
// client that it tells, "" where it tells none. whole is false where more of it is to come.
func proxied(p []byte) (rest []byte, from string, whole bool) {
	if is := beginsWith(p, "PROXY "); is != isOther {
		line, rest, ended := bytes.Cut(p, []byte("\r\n"))
		switch words := strings.Fields(string(line)); {
		case is == isMore || !ended && len(p) < maxProxied:
			return p, "", false
		case !ended:
			return p, "", true
		case len(words) == 6 && net.ParseIP(words[2]) != nil:
			return rest, words[2], true
		default:
			return rest, "", true
		}
	}
	if len(p) > 0 && beginsWith(p, signature) != isOther {
		if len(p) < 16 {
			return p, "", false
		}
		size := 16 + int(binary.BigEndian.Uint16(p[14:]))
		if len(p) < size {
			return p, "", size > maxProxied
		}
		switch family := p[13] >> 4; {
		case p[12]&15 == 0: // the balancer's own
		case family == 1 && size >= 28:
			from = net.IP(p[16:20]).String()
		case family == 2 && size >= 52:
			from = net.IP(p[16:32]).String()
		}
		return p[size:], from, true
	}
	return p, "", true
}
