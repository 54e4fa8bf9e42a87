// Package cacheabilitychanged is the check cacheability-changed.
package cacheabilitychanged

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is cacheability-changed: caches may keep an answer, and give it to others, that they might not.
var Check = &gate.Check{
	ID:       "cacheability-changed",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `Caches may keep an answer, and give it to others, that they might not before.

A cache in front of the build shows to the next person what it kept of the last one. An answer that is no longer private or no-store, that lives longer
in shared caches, or whose Vary has fewer fields, is kept where it was not, or for more people (RFC 9111, sections 3 and 4.1). So is one whose ETag or Last-Modified was its asker's own and is one
for several now: a cache that asks whether what it kept is still good is told so for all of them (RFC 9110, section 13). Less of it is a note.`,
	Run: run,
}

// guards are directives without which more caches may keep an answer, or hand it on unasked.
var guards = []string{"private", "no-store", "no-cache", "must-revalidate", "proxy-revalidate", "must-understand"}

const (
	looser   = "looser"
	stricter = "stricter"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("cacheability-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(g int, group *gate.EditGroup, k kit.Key) {
		k.Variant = stricter
		if loosened(group) {
			k.Variant = looser
		}
		e := s.At(k)
		e.Group(g)
		for _, i := range group.Changes {
			e.Receive(c.Changes[i].After)
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		text := kit.Answers(e.Count()) + " to " + e.ReachedWhom() + " may be kept by "
		if e.Key.Variant == stricter {
			return gate.Note, text + "fewer caches, or for a shorter time"
		}
		return gate.Block, text + "more caches, for more people, or for a longer time"
	}), nil
}

// loosened reports whether g lets caches keep more than they might.
func loosened(g *gate.EditGroup) bool {
	if strings.HasPrefix(g.Part, gate.SharedPart) {
		return !g.GonePart
	}
	name := strings.TrimPrefix(g.Part, "cache/")
	field, number, isNumber := strings.Cut(name, "/")
	before, after := directives(g.Before), directives(g.After)
	lost := func(d string) bool { return slices.Contains(before, d) && !slices.Contains(after, d) }
	switch {
	case isNumber && number != "max-age" && number != "s-maxage" && number != "stale-while-revalidate" && number != "stale-if-error":
		return true // what it does is not known
	case isNumber:
		was, err1 := strconv.ParseUint("0"+g.Before, 10, 64)
		is, err2 := strconv.ParseUint("0"+g.After, 10, 64)
		return err1 != nil || err2 != nil || is > was
	case field == "expires":
		return rank(g.After, g.GonePart) > rank(g.Before, g.NewPart)
	case field == "last-modified":
		return g.After != "" // by a rule of thumb, where nothing else says how long
	case !g.GonePart && slices.Contains(after, "no-store") && !g.NewPart:
		return lost("no-store")
	case field == "vary":
		return slices.ContainsFunc(before, lost) && !slices.Contains(after, "*")
	}
	for _, d := range after {
		if !slices.Contains(before, d) && !slices.Contains(guards, d) && d != "no-transform" && d != "max-age" {
			return true
		}
	}
	return slices.ContainsFunc(before, func(d string) bool { return slices.Contains(guards, d) && lost(d) })
}

// rank ranks how long until an answer expires. Without a word the answer says nothing: it may be
// kept for some time, by a rule of thumb.
func rank(word string, absent bool) int {
	if absent || word == "" {
		return 1
	}
	return kit.Lifetime(word)
}

func directives(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}
