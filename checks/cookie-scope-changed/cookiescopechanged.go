// Package cookiescopechanged is the check cookie-scope-changed.
package cookiescopechanged

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is cookie-scope-changed: a cookie is sent, or shown, where it was not.
var Check = &gate.Check{
	ID:       "cookie-scope-changed",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `A cookie is sent, or shown, where it was not.

A cookie that opens somebody's session goes to more hosts (Domain) or paths, with requests that other sites make (SameSite), over plaintext
(Secure), or into scripts (HttpOnly), or lives longer: RFC 6265, section 4.1.2. A narrower scope is a note.`,
	Run: run,
}

const (
	wider    = "wider"
	narrower = "narrower"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("cookie-scope-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(g int, group *gate.EditGroup, k kit.Key) {
		k.Variant = narrower
		if !group.NewPart && !group.GonePart && widened(scope(group.Before), scope(group.After)) {
			k.Variant = wider
		}
		e := s.At(k)
		e.Group(g)
		for _, i := range group.Changes {
			e.Receive(c.Changes[i].After)
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		text := "a cookie in " + kit.Answers(e.Count()) + " to " + e.ReachedWhom()
		if e.Key.Variant == narrower {
			return gate.Note, text + " reaches no further than before"
		}
		return gate.Block, text + " reaches further than before"
	}), nil
}

// scope reads attributes as the part of a cookie has them.
func scope(value string) map[string]string {
	attributes := map[string]string{}
	for a := range strings.SplitSeq(value, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(a), "="); k != "" {
			attributes[k] = v
		}
	}
	return attributes
}

// lives ranks how long a cookie lives; without a word it ends with the browser, which is longer
// than one that is past and shorter than any other.
func lives(attributes map[string]string) float64 {
	if word := attributes["lives"]; word != "" {
		return float64(kit.Lifetime(word))
	}
	return 0.5
}

// sites are the values of SameSite, the strictest last; a browser takes none for lax.
var sites = []string{"none", "lax", "strict"}

func widened(before, after map[string]string) bool {
	lost := func(k string) bool {
		_, had := before[k]
		_, has := after[k]
		return had && !has
	}
	site := func(m map[string]string) int {
		if v, ok := m["samesite"]; ok {
			return slices.Index(sites, v)
		}
		return 1
	}
	if lost("httponly") || lost("secure") || lost("partitioned") || site(after) < site(before) {
		return true
	}
	if d := after["domain"]; d != before["domain"] && d != "" && !strings.HasSuffix(strings.TrimPrefix(d, "."), "."+strings.TrimPrefix(before["domain"], ".")) {
		return true
	}
	if lives(after) > lives(before) {
		return true
	}
	p, was := after["path"], before["path"]
	return p != was && (p == "/" || was == "" || !strings.HasPrefix(p, strings.TrimSuffix(was, "/")+"/"))
}
