package report

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
)

// maxName is how many runes of a name are shown.
const maxName = 120

// names gives everybody in a verdict the name that a report calls them by.
type names struct {
	o      *Options
	masks  map[string]string // identity to mask
	taken  map[string]bool
	known  map[string]string // lower-case address, alone, to identity; made when first needed
	locals map[string]bool   // lower-case local parts, or whole addresses where there are none; made with known
	common map[string]bool   // segments of names of parts that many people's deliveries of production have; made with known
	v      *gate.Verdict
}

func newNames(v *gate.Verdict, o *Options) *names {
	n := &names{o: o, v: v, masks: map[string]string{}, taken: map[string]bool{}}
	if !o.Names { // one label a person in every kind of report, however that is laid out
		people(v, func(id string) { n.id(id) })
	}
	return n
}

// id is what to call the identity that [gate.Recipient.ID] gave.
func (n *names) id(id string) string {
	kind, address, _ := strings.Cut(id, ":")
	if n.o.Names {
		if gate.RecipientKind(kind) != gate.Mail && gate.RecipientKind(kind) != gate.Host {
			address = id
		}
		if name, ok := n.o.People[id]; ok {
			return visible(address, maxName) + " (" + visible(name, maxName) + ")"
		}
		return visible(address, maxName)
	}
	prefix := "R-"
	if gate.RecipientKind(kind) == gate.Host {
		if n.allowed(address) {
			return visible(address, maxName)
		}
		prefix = "P-"
	}
	if m, ok := n.masks[id]; ok {
		return m
	}
	m := prefix + strconv.Itoa(len(n.masks)+1)
	if len(n.o.Key) > 0 {
		h := hmac.New(sha256.New, n.o.Key)
		h.Write([]byte(id))
		digits := hex.EncodeToString(h.Sum(nil))
		for l := 6; ; l += 2 {
			if m = prefix + digits[:l]; !n.taken[m] {
				break
			}
		}
	}
	n.masks[id], n.taken[m] = m, true
	return m
}

// recipient is id with the role that the recipient was addressed in.
func (n *names) recipient(r gate.Recipient) string {
	if r.Role == "" {
		return n.id(r.ID())
	}
	return n.id(r.ID()) + " as " + visible(string(r.Role), 20)
}

func (n *names) allowed(host string) bool {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	for _, d := range n.o.AllowDomains {
		d = strings.ToLower(strings.Trim(d, "."))
		if d != "" && (host == d || strings.HasSuffix(host, "."+d)) {
			return true
		}
	}
	return false
}

// prose is text of Waybill's own that may quote names by accident: with Names it
// is only made visible, without it addresses, telephone numbers and everybody
// that the verdict knows are masked.
func (n *names) prose(s string) string {
	if n.o.Names {
		return visible(s, maxProse)
	}
	n.learn()
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexFunc(s, inWord)
		if i < 0 {
			i = len(s)
		}
		b.WriteString(s[:i])
		if s = s[i:]; s == "" {
			break
		}
		if i = strings.IndexFunc(s, func(r rune) bool { return !inWord(r) }); i < 0 {
			i = len(s)
		}
		b.WriteString(n.word(s[:i]))
		s = s[i:]
	}
	return visible(b.String(), maxProse)
}

// maxProse is how many runes of a text of Waybill's own are shown.
const maxProse = 2000

// inWord reports whether r may stand in an address that is written in prose.
func inWord(r rune) bool {
	return !unicode.IsSpace(r) && !strings.ContainsRune("\"'`<>(),;“”", r)
}

func (n *names) word(w string) string {
	core := strings.TrimRight(w, ".:!?")
	tail := w[len(core):]
	bare := core
	if strings.Contains(bare, "/$") || strings.HasPrefix(bare, "$.") || strings.HasPrefix(bare, "$[") {
		return n.part(bare) + tail
	}
	for _, kind := range []gate.RecipientKind{gate.Mail, gate.Host, gate.Tel, gate.Other, gate.Session} {
		bare = strings.TrimPrefix(bare, string(kind)+":")
	}
	if id, ok := n.known[strings.ToLower(bare)]; ok {
		return n.id(id) + tail
	}
	if i := strings.IndexByte(bare, '@'); i >= 0 && i < len(bare)-1 {
		return n.id(string(gate.Mail)+":"+bare) + tail
	}
	digits := 0
	for _, r := range bare {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("+-./", r):
			return w
		}
	}
	if _, err := netip.ParseAddr(bare); digits >= 7 && err != nil {
		return "#" + tail
	}
	return w
}

// learn collects everybody whom the verdict names.
func (n *names) learn() {
	if n.known != nil {
		return
	}
	n.known, n.locals = map[string]string{}, map[string]bool{}
	add := func(id string) {
		if _, address, ok := strings.Cut(id, ":"); ok && address != "" {
			address = strings.ToLower(address)
			n.known[address] = id
			local, _, _ := strings.Cut(address, "@")
			n.locals[local] = true
		}
	}
	people(n.v, add)
	n.common = commonSegments(n.v)
}

// people calls add with every identity in v, those of findings first in their order, and
// again where it occurs again.
func people(v *gate.Verdict, add func(id string)) {
	change := func(c *gate.Change) {
		for _, d := range []*gate.Delivery{c.Before, c.After} {
			if d != nil {
				add(d.Recipient.ID())
			}
		}
		for i := range c.Gains {
			add(c.Gains[i].Owner.ID())
		}
		for _, r := range c.Origins {
			add(r.ID())
		}
	}
	for i := range v.Findings {
		f := &v.Findings[i]
		for _, l := range [][]string{f.Gained, f.Lost, f.Owners, f.Parties} {
			for _, id := range l {
				add(id)
			}
		}
		if f.Example != nil {
			change(f.Example)
		}
	}
	for i := range v.Comparisons {
		c := &v.Comparisons[i]
		for j := range c.Changes {
			change(&c.Changes[j])
		}
		for j := range c.Unstable {
			change(&c.Unstable[j])
		}
		for j := range c.Orders {
			add(c.Orders[j].Recipient.ID())
		}
		for _, p := range c.Parties {
			add(p)
		}
	}
}

// part is the name of a part. Without Names a segment of it is shown where its words are
// of forms and protocols, or where many people's deliveries of production have it; any
// other could be somebody's, and is shown as "#".
func (n *names) part(name string) string {
	if n.o.Names {
		return visible(name, maxName)
	}
	n.learn()
	var b strings.Builder
	for len(name) > 0 {
		i := strings.IndexAny(name, "/.[]$")
		if i < 0 {
			i = len(name)
		}
		if i > 0 {
			b.WriteString(n.segment(name[:i]))
		}
		if i < len(name) {
			b.WriteByte(name[i])
			i++
		}
		name = name[i:]
	}
	return visible(b.String(), maxName)
}

func (n *names) segment(s string) string {
	digits := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '-' || r == '_'):
			return "#"
		}
	}
	if digits > 3 || len(s) > 40 {
		return "#"
	}
	lower := strings.ToLower(s)
	if n.locals[lower] || !isStructural(s) && !n.common[lower] {
		return "#"
	}
	return s
}
