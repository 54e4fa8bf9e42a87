package http

import (
	"fmt"
	"path"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A pattern says which requests a rule is for.
type pattern struct {
	method string // "" is any
	path   string
	below  bool   // path is a prefix that ended in "/**"
	host   string // canonical; "" is any
	ported bool   // host has a port; without one it is for every port
	subs   bool   // host began with "*.": any name below it
	glob   string // for the host, where it has wildcards further on

	segments []string // names of the segments of the path that were given in braces, "" for others
}

func compilePattern(match, host string) (pattern, error) {
	var p pattern
	method, pathGlob, ok := strings.Cut(match, " ")
	if !ok || !isToken(method) || !strings.HasPrefix(pathGlob, "/") {
		return p, fmt.Errorf("match %q is not a method and a path, such as %q", match, "POST /v1/*")
	}
	if method != "*" {
		p.method = method
	}
	p.path, p.below = strings.CutSuffix(pathGlob, "/**")
	parts := strings.Split(p.path, "/")
	for i, s := range parts[1:] {
		name, ok := strings.CutSuffix(strings.TrimPrefix(s, "{"), "}")
		if !ok || len(name)+2 != len(s) || !isToken(name) {
			continue
		}
		if p.segments == nil {
			p.segments = make([]string, len(parts)-1)
		}
		p.segments[i], parts[1+i] = name, "*"
	}
	p.path = strings.Join(parts, "/")
	if _, err := path.Match(p.path, ""); err != nil {
		return p, fmt.Errorf("match %q: %w", match, err)
	}
	if strings.Contains(strings.TrimPrefix(host, "*."), "*") {
		if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.*") != "" {
			return p, fmt.Errorf("host %q is not a name with wildcards", host)
		}
		p.glob = host
		return p, nil
	}
	if host != "" {
		host, p.subs = strings.CutPrefix(host, "*.")
		r, err := gate.HostRecipient(host)
		if err != nil {
			return p, fmt.Errorf("host: %w", err)
		}
		p.host = hostname(r.Address)
		if p.ported = p.host != strings.Trim(r.Address, "[]"); p.ported {
			p.host = r.Address
		}
	}
	return p, nil
}

// matches reports whether the pattern takes in a request. host is canonical.
func (p *pattern) matches(method, reqPath, host string) bool {
	if p.method != "" && p.method != method {
		return false
	}
	if !p.ported {
		host = hostname(host)
	}
	if p.glob != "" {
		if ok, err := path.Match(p.glob, host); !ok || err != nil {
			return false
		}
	}
	if p.host != "" && p.host != host && !(p.subs && strings.HasSuffix(host, "."+p.host)) {
		return false
	}
	if p.below {
		// The wildcards of the prefix stand for as many segments as it has.
		end := 0
		for range strings.Count(p.path, "/") {
			next := strings.IndexByte(reqPath[min(end+1, len(reqPath)):], '/')
			if next < 0 {
				end = len(reqPath)
				break
			}
			end += 1 + next
		}
		reqPath = reqPath[:end]
	}
	ok, err := path.Match(p.path, reqPath)
	return ok && err == nil
}

// matchesAPI is [pattern.matches] for an entry of a catalogue: services take a path with one
// slash more at its end for the same, and SDKs write it.
func (p *pattern) matchesAPI(r *request, host string) bool {
	if p.matches(r.head.method, r.rawPath, host) {
		return true
	}
	short, ok := strings.CutSuffix(r.rawPath, "/")
	return ok && short != "" && p.matches(r.head.method, short, host)
}
