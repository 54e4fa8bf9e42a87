package pseudonym

import (
	"bytes"
	"net/netip"
)

// clients gives the spans of the addresses of clients in the value of a field such as
// X-Forwarded-For (RFC 7239), which are then looked for elsewhere too.
func (w *item) clients(t []byte) []span {
	var spans []span
	inAddress := func(c byte) bool { return isHex(c) || c == ':' || c == '.' }
	for i := 0; i < len(t); i++ {
		if !inAddress(t[i]) || i > 0 && (isAlnum(t[i-1]) || t[i-1] == '_') {
			continue
		}
		j := i
		for j < len(t) && inAddress(t[j]) {
			j++
		}
		text := string(bytes.TrimRight(t[i:j], ".:"))
		a, err := netip.ParseAddr(text)
		if err != nil {
			if p, err := netip.ParseAddrPort(text); err == nil && p.Addr().Is4() {
				a, text = p.Addr(), p.Addr().String()
			}
		}
		if a.IsValid() && (j == len(t) || !isAlnum(t[j])) {
			if out := w.c.client(a); out != a {
				w.exactly(text, out.String())
				w.exactly(a.String(), out.String())
				spans = append(spans, span{i, i + len(text), aRecord, []byte(out.String())})
			}
		}
		i = j
	}
	return spans
}

// isOwn reports whether an address is of a network's own machines, or of none.
func isOwn(a netip.Addr) bool {
	return !a.IsGlobalUnicast() || a.IsPrivate() || a.Is4() && a.As4()[0] == 100 && a.As4()[1]&0xc0 == 64 // RFC 6598
}

// client is the pseudonym of a client's address: one that begins with the same octet, or the
// same two of IPv6. Addresses that are of no use outside a network stay.
func (c *Cleaner) client(a netip.Addr) netip.Addr {
	if a.Is4In6() {
		return netip.AddrFrom16(netip.AddrFrom4(c.client(a.Unmap()).As4()).As16())
	}
	if isOwn(a) {
		return a
	}
	raw := a.AsSlice()
	kept := 1
	if a.Is6() {
		kept = 2
	}
	list := make([]symbol, len(raw)-kept)
	for range maxWalk {
		for i := range list {
			list[i] = symbol{uint32(raw[kept+i]), 256}
		}
		c.perm.permute(ofHost, c.hash(ofHost, string(raw[:kept])), list)
		for i := range list {
			raw[kept+i] = byte(list[i].value)
		}
		if out, ok := netip.AddrFromSlice(raw); ok && out != a && !isOwn(out) {
			return out
		}
	}
	return netip.IPv4Unspecified()
}
