package har

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Sessions tell whose request an entry is, as far as an archive says it.
//
// Who sends the same credentials is one client: the same Authorization or key of an API, or
// a cookie of the same value, also one that an answer sets. A page (pageref) is of one
// browser, and so is a connection that entries with a page share. Any other connection may
// be of a proxy, and carry many clients: an entry on it that has no credentials belongs to
// the client that alone has some there, and else to the connection. Entries of which nothing
// is said are one session more.
type sessions struct {
	parent map[node]node
	on     map[node][]node // clients that have credentials on a connection
	first  map[node]bool   // one node of each entry
	full   bool            // there are too many to tell apart
	single bool            // there is one client

	clients importer.Clients
}

// A node is one thing that identifies: a digest, for what it is made of is secret.
type node uint64

// maxNodes is how many are told apart. An archive with more is one session.
const maxNodes = 1 << 20

// maxShared is how many clients of one connection are remembered: two are enough to know
// that it is of many, unless they turn out to be one.
const maxShared = 16

// unknown is the key of entries of which nothing is said, and of all where there is one client.
const unknown = "browser"

// leastCookie is how long the value of a cookie must be, in bytes, to be of one client: short
// ones are settings that many share.
const leastCookie = 8

func identify(kind string, parts ...string) node {
	sum := sha256.Sum256([]byte(kind + "\x00" + strings.Join(parts, "\x00")))
	return node(binary.LittleEndian.Uint64(sum[:]))
}

// root is the representative of what n was joined with.
func (s *sessions) root(n node) node {
	for {
		p, known := s.parent[n]
		if !known || p == n {
			return n
		}
		if up, known := s.parent[p]; known {
			s.parent[n] = up // halve the way
		}
		n = p
	}
}

func (s *sessions) join(a, b node) {
	if len(s.parent) >= maxNodes {
		s.full = true
		return
	}
	for _, n := range []node{a, b} {
		if _, known := s.parent[n]; !known {
			s.parent[n] = n
		}
	}
	s.parent[s.root(b)] = s.root(a)
}

// keyFields are header fields that carry a secret of one client.
var keyFields = map[string]bool{"authorization": true, "x-api-key": true, "api-key": true, "x-auth-token": true, "x-access-token": true, "x-session-id": true}

// credentials are what an entry has that one client alone sends.
func (e *entry) credentials() (found []node) {
	cookie := func(name, value string) {
		if len(value) >= leastCookie {
			found = append(found, identify("cookie", name, value))
		}
	}
	listed := true
	for _, f := range e.request.fields.list {
		switch name := strings.ToLower(f.name); {
		case keyFields[name] && f.value != "":
			found = append(found, identify("key", name, f.value))
		case name == "cookie":
			listed = false
			for pair := range strings.SplitSeq(f.value, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
				cookie(name, value)
			}
		}
	}
	if listed {
		for _, c := range e.request.cookies.list {
			cookie(c.name, c.value)
		}
	}
	for _, f := range e.response.fields.list {
		if !strings.EqualFold(f.name, "Set-Cookie") {
			continue
		}
		for line := range strings.SplitSeq(f.value, "\n") {
			pair, _, _ := strings.Cut(line, ";")
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			cookie(name, value)
		}
	}
	return found
}

// nodes are what an entry has that is of one client, and its connection where that may be
// of many.
func (e *entry) nodes() (own []node, shared node) {
	own = e.credentials()
	if e.connection != "" && e.connection != "0" {
		shared = identify("connection", e.connection)
	}
	if e.page == "" {
		return own, shared
	}
	own = append(own, identify("page", e.page))
	if shared != 0 {
		own = append(own, shared)
	}
	return own, 0
}

// see takes an entry into account.
func (s *sessions) see(e *entry) {
	own, shared := e.nodes()
	for _, n := range own {
		s.join(own[0], n)
	}
	switch {
	case s.full || len(s.first) >= maxNodes:
		s.full = true
	case len(own) > 0:
		s.first[own[0]] = true
		if here := s.on[shared]; shared != 0 && len(here) < maxShared && !slices.Contains(here, own[0]) {
			s.on[shared] = append(here, own[0])
		}
	case shared != 0:
		s.first[shared] = true
	}
}

// settle ends the taking into account.
func (s *sessions) settle() {
	seen := map[node]bool{}
	for n := range s.first {
		seen[s.client(n)] = true
	}
	s.single = len(seen) < 2
}

// client is whose a node is.
func (s *sessions) client(n node) node {
	here := s.on[n]
	if len(here) == 0 {
		return s.root(n)
	}
	first := s.root(here[0])
	for _, other := range here[1:] {
		if s.root(other) != first {
			return s.root(n)
		}
	}
	return first
}

// key is that of the session that an entry is in.
func (s *sessions) key(e *entry) string {
	own, shared := e.nodes()
	var n node
	switch {
	case s.full, s.single:
		return unknown
	case len(own) > 0:
		n = s.root(own[0])
	case shared != 0:
		n = s.client(shared)
	default:
		return unknown
	}
	return s.clients.Key(strconv.FormatUint(uint64(n), 16))
}
