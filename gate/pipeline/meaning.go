package pipeline

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// specific are the checks whose findings an approval accepts for the very facts and content that
// were seen: another fact of the same person at the same place is another finding.
var specific = []string{
	"facts-disclosed", "facts-mixed", "recipient-added", "recipient-removed", "recipient-swapped",
	"personal-content-changed",
}

// meaning is a digest, of what is keyed already, of whose facts the changes of a finding give to whom and in which
// content, and of the edits that it judges. Facts are those that production holds as well, and
// of content what is new in each run is named and not contained, so that it is the same
// whenever the release is judged. It is "" where the finding has neither.
func meaning(c *gate.Comparison, f *gate.Finding) string {
	var all []string
	if slices.Contains(specific, f.Check) {
		for _, i := range f.Changes {
			all = append(all, meaningOf(&c.Changes[i])...)
		}
	}
	for _, i := range f.Groups {
		g := &c.Groups[i]
		all = append(all, fmt.Sprintf("edit %q %q %q %q", g.Channel, g.Sink, g.Part, g.Digest))
	}
	if len(all) == 0 {
		return ""
	}
	if len(f.Groups) == 0 { // else the texts are those of the edits
		all = append(all, fmt.Sprintf("texts %q %q", f.Before, f.After))
	}
	slices.Sort(all)
	h := sha256.New()
	for _, s := range slices.Compact(all) {
		fmt.Fprintln(h, s)
	}
	return sum(h)
}

// meaningOf is what one change means, as lines.
func meaningOf(ch *gate.Change) []string {
	var from, to string
	if ch.Before != nil {
		from = string(ch.Before.Recipient.Role) + " " + ch.Before.Recipient.ID()
	}
	if ch.After != nil {
		to = string(ch.After.Recipient.Role) + " " + ch.After.Recipient.ID()
	}
	all := []string{fmt.Sprintf("%s %q %q %s", ch.Kind, from, to, ch.Content)}
	for k := range ch.Gains {
		if g := &ch.Gains[k]; !g.Own {
			all = append(all, fmt.Sprintf("facts %q %q %d %s", to, g.Owner.ID(), g.Facts, g.Digest))
		}
	}
	return all
}

// keyed is a hash under the key of a comparison, for one use.
func (o *Options) keyed(use string) hash.Hash {
	h := hmac.New(sha256.New, o.Key)
	fmt.Fprintln(h, use)
	return h
}

// keyedOf is the digest of facts under the key of a comparison.
func (o *Options) keyedOf(digest string) string {
	h := o.keyed("facts")
	fmt.Fprintln(h, digest)
	return sum(h)
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }

// contents fills in [gate.Change] Content.
func (c *comparer) contents() {
	peers := c.peers()
	parallel(c.o.workers(), len(c.Changes), func() func(int) {
		return func(i int) { c.Changes[i].Content = c.content(i, peers) }
	})
}

// mostPeers is how many messages of a class say what is volatile in one that production does
// not send.
const mostPeers = 4

// peers gives, by class, what is volatile in some of production's messages.
func (c *comparer) peers() map[route][]*diff.Noise {
	peers := map[route][]*diff.Noise{}
	for _, at := range slices.SortedFunc(maps.Keys(c.noise.of), position.compare) {
		if class := c.noise.class[at]; len(peers[class]) < mostPeers {
			peers[class] = append(peers[class], c.noise.of[at])
		}
	}
	return peers
}

// content is the digest of what change i is of.
func (c *comparer) content(i int, peers map[route][]*diff.Noise) string {
	p, h := &c.pairs[i], c.o.keyed("content")
	var own *diff.Noise // of production's message, whoever received it
	if p.B >= 0 {
		own = c.noise.of[c.before.surplus[p.B].at]
	}
	if p.B >= 0 && c.Changes[i].Kind != gate.Altered {
		for _, part := range said(c.before.text(p.B)) {
			fmt.Fprintf(h, "%q=%q\n", part.Name, own.Rename(part.Name, part.Value, false))
		}
	}
	if p.B < 0 {
		m := c.after.items[p.A].Message
		for _, part := range said(c.after.text(p.A)) {
			value := part.Value
			for _, n := range peers[routeOf(m)] {
				value = n.Rename(part.Name, value, true)
			}
			fmt.Fprintf(h, "%q=%q\n", part.Name, named(value, c.s.header.At))
		}
		return sum(h)
	}
	lines := make([]string, 0, len(p.hunks))
	for _, x := range p.hunks {
		before, after := c.texts(&x, own)
		lines = append(lines, fmt.Sprintf("%q %d %t %t %q %q", x.Part, x.Kind, x.NewPart, x.GonePart, before, after))
	}
	slices.Sort(lines)
	fmt.Fprintln(h, strings.Join(lines, "\n"))
	return sum(h)
}

// said is the parts of a message without those of its transmission.
func said(m *gate.Canonical) []gate.Part {
	return slices.DeleteFunc(slices.Clone(m.Parts), func(p gate.Part) bool { return p.Kind == gate.Transport })
}

// texts are the two texts of a hunk, of a message in which own is volatile, as a fingerprint is
// over them.
func (c *comparer) texts(h *hunk, own *diff.Noise) (before, after string) {
	before, after = h.Before, h.After
	if h.asIs {
		return before, after
	}
	r := renamed(diff.Hunk{Part: h.Part, Before: before, After: after}, own)
	return named(r.Before, c.s.header.At), named(r.After, c.s.header.At)
}
