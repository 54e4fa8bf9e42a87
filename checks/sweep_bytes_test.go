package checks_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A substitution alters one byte. It returns nil where it does not apply.
type substitution struct {
	name  string
	bytes func(c byte) []byte
}

var substitutions = []substitution{
	{"case", func(c byte) []byte {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return []byte{c ^ 0x20}
		}
		return nil
	}},
	{"digit", func(c byte) []byte {
		if '0' <= c && c <= '9' {
			return []byte{'0' + (c-'0'+1)%10}
		}
		return nil
	}},
	{"letter", func(c byte) []byte {
		if c == 'x' {
			return []byte("y")
		}
		return []byte("x")
	}},
	{"control", func(c byte) []byte {
		if c == 0x1f {
			return nil
		}
		return []byte{0x1f}
	}},
	{"removed", func(c byte) []byte { return []byte{} }},
	{"twice", func(c byte) []byte { return []byte{c, c} }},
}

// A byteTally is what a byte sweep came to: by what each change was accounted for.
type byteTally struct {
	mu     sync.Mutex
	by     map[string]int
	misses misses
	fit    int
}

func (y *byteTally) String() string {
	var b strings.Builder
	total := 0
	for _, n := range y.by {
		total += n
	}
	fmt.Fprintf(&b, "%d messages, %d changes of one byte\n\n", y.fit, total)
	for _, rule := range slices.Sorted(maps.Keys(y.by)) {
		fmt.Fprintf(&b, "%8d %s\n", y.by[rule], rule)
	}
	return b.String()
}

// account says by what a change from one form of a message to another is accounted for:
// a difference, a gap, or the rule of a mask; "" where it left no trace.
func account(before, after []gate.Canonical, err error) string {
	if errors.Is(err, errPanicked) {
		return ""
	}
	if err != nil {
		return "gap: the head cannot be read"
	}
	if len(before) != len(after) {
		return "difference"
	}
	for i := range before {
		b, a := &before[i], &after[i]
		if b.Class != a.Class || !slices.Equal(b.Recipients, a.Recipients) || !slices.Equal(b.Parts, a.Parts) {
			return "difference"
		}
	}
	for i := range before {
		b, a := &before[i], &after[i]
		switch {
		case !slices.Equal(b.Gaps, a.Gaps):
			return "gap"
		case !slices.Equal(b.Hidden, a.Hidden):
			return "hidden by " + differing(b.Hidden, a.Hidden, func(h gate.Hidden) string { return h.Rule })
		case !slices.Equal(b.Masks, a.Masks):
			return "masked by " + differing(b.Masks, a.Masks, func(m gate.Masked) string { return m.Rule })
		case !slices.Equal(b.Traces, a.Traces):
			return "trace"
		}
	}
	return ""
}

// differing gives the rule of the first of two lists' items that differs.
func differing[T comparable](before, after []T, rule func(T) string) string {
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(before):
			return rule(after[i])
		case i >= len(after), before[i] != after[i]:
			return rule(before[i])
		}
	}
	return ""
}

// bytes sweeps one specimen: as the message of the first member, each byte of it, or as many
// as each says, with every substitution.
func (s *sweeper) bytes(spec *specimen, each int, seed uint64, y *byteTally) error {
	whole := spec.render(&members[0], nil)
	base, err := s.forms(whole, 1)
	if err != nil {
		return nil // the taint sweep says that it is not swept
	}
	parts := [2][]byte{whole.Head, whole.Body}
	var at []spot
	for part := range parts {
		for i := range parts[part] {
			at = append(at, spot{part, i, i + 1})
		}
	}
	rng := rand.New(rand.NewPCG(*sweepSeed, seed))
	if each > 0 && len(at) > each {
		rng.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		at = at[:each]
	}
	by := map[string]int{}
	for _, p := range at {
		c := parts[p.part][p.start]
		for _, sub := range substitutions {
			b := sub.bytes(c)
			if b == nil {
				continue
			}
			altered := whole
			changed := p.put(string(b))(p.part, parts[p.part])
			if p.part == head {
				altered.Head = changed
			} else {
				altered.Body = changed
			}
			after, err := s.forms(altered, 1)
			how := account(base, after, err)
			if how == "" {
				raw := specimen{channel: spec.channel, parts: parts}
				if err == nil {
					how = spelling(&raw, p, b)
				}
				if how == "" {
					how = "unaccounted"
					y.misses.add(strings.TrimPrefix(fmt.Sprintf("%v %s, %s", cmp.Or(err, errors.New("")), raw.place(p.part, p.start), sub.name), " "),
						fmt.Sprintf("%s: %s to %q", spec.name, around(parts[p.part], p.start, p.end), b))
				}
			}
			by[how]++
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.fit++
	for how, n := range by {
		y.by[how] += n
	}
	return nil
}

// usualBytes is how many bytes of a message are altered where not all are.
const usualBytes = 200

// TestByteSweep alters messages in one byte. Each change must show in what is compared, be a
// gap, be hidden by a named rule, or be another spelling of the same: see spellings.
//
//	go test -run TestByteSweep -v ./checks -timeout 12h -sweep.whole
func TestByteSweep(t *testing.T) {
	s := newSweeper(t)
	list := specimens(t)
	each := usualBytes
	if *sweepWhole {
		each = 0
	}
	y := &byteTally{by: map[string]int{}}
	t.Run("in", func(t *testing.T) {
		for i := range list {
			t.Run(list[i].name, func(t *testing.T) {
				t.Parallel()
				if err := s.bytes(&list[i], each, uint64(i), y); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	t.Logf("byte sweep, seed %d: %v", *sweepSeed, y)
	y.misses.fail(t, "changes of one byte that left no trace")
}
