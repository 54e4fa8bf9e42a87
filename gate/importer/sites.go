package importer

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Sites are production's own entrances.
type Sites []Site

// A Site is one of them: a host, a port, or both.
type Site struct {
	Host string // canonical, without a port; "" is any
	Port uint16 // 0 is any
}

// ParseSites reads entrances, each "host", "host:port" or ":port". A host is a name or
// an address; one of IPv6 with a port stands in brackets.
func ParseSites(list []string) (Sites, error) {
	var sites Sites
	for _, text := range list {
		host, port := text, ""
		if h, p, err := net.SplitHostPort(text); err == nil {
			host, port = h, p
		}
		var s Site
		if port != "" {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return nil, fmt.Errorf("site %q: its port is not in 1 to 65535", text)
			}
			s.Port = uint16(n)
		}
		if host != "" {
			var err error
			if s.Host, err = canonicalHost(host); err != nil {
				return nil, fmt.Errorf("site %q: give a host, host:port or :port: %w", text, err)
			}
		}
		if s == (Site{}) {
			return nil, fmt.Errorf("site %q: give a host, host:port or :port", text)
		}
		sites = append(sites, s)
	}
	return sites, nil
}

// canonicalHost is a name or address in the form of [gate.HostRecipient], brackets off.
func canonicalHost(host string) (string, error) {
	if strings.Contains(host, ":") {
		host = "[" + strings.Trim(host, "[]") + "]"
	}
	r, err := gate.HostRecipient(host)
	if err != nil {
		return "", err
	}
	return strings.Trim(r.Address, "[]"), nil
}

// Has reports whether host, a name or an address in any form, and port are of one of them.
func (s Sites) Has(host string, port uint16) bool {
	if canonical, err := canonicalHost(host); err == nil {
		host = canonical
	}
	for _, site := range s {
		if (site.Host == "" || site.Host == host) && (site.Port == 0 || site.Port == port) {
			return true
		}
	}
	return false
}

// String lists them as [ParseSites] reads them, parted by commas.
func (s Sites) String() string {
	var list []string
	for _, site := range s {
		switch {
		case site.Port == 0:
			list = append(list, site.Host)
		default:
			list = append(list, net.JoinHostPort(site.Host, strconv.Itoa(int(site.Port))))
		}
	}
	return strings.Join(list, ", ")
}
