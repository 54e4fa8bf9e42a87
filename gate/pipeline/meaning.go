package pipeline

import (
	"context"
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
	if slices.Contains(specific, f.Check) || f.Check == "new-party" && len(f.Groups) == 0 { // of which all edits are in the content of changes
		for _, i := range f.Changes {
			all = append(all, meaningOf(&c.Changes[i])...)
		}
	} else {
		for _, i := range f.Groups {
			g := &c.Groups[i]
			all = append(all, fmt.Sprintf("edit %q %q %q %q", g.Channel, g.Sink, g.Part, g.Digest))
		}
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
			all = append(all, fmt.Sprintf("facts %q %q %s", to, g.Owner.ID(), g.Digest))
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

// keyedOf is the digest of facts under the key of a comparison; "" stays.
func (o *Options) keyedOf(digest string) string {
	if digest == "" {
		return ""
	}
	h := o.keyed("facts")
	fmt.Fprintln(h, digest)
	return sum(h)
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }

// contents fills in [gate.Change] Content. It must be called once the facts of changes are known.
func (c *comparer) contents(ctx context.Context) error {
	drawn, err := c.drawnAnew(ctx)
	if err != nil {
		return err
	}
	peers := c.peers()
	parallel(c.o.workers(), len(c.Changes), func() func(int) {
		return func(i int) { c.Changes[i].Content = c.content(i, peers, drawn) }
	})
	return nil
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
func (c *comparer) content(i int, peers map[route][]*diff.Noise, drawn map[*gate.Canonical][]drawnText) string {
	p, kind, h := &c.pairs[i], c.Changes[i].Kind, c.o.keyed("content")
	if kind == gate.Added {
		m := c.after.items[p.A].Message
		for _, part := range said(c.after.text(p.A).Parts) {
			for k := range drawn[m] {
				if d := &drawn[m][k]; d.part == part.Name {
					part.Value = d.named(part.Value)
				}
			}
			for _, n := range peers[c.noise.joined(routeOf(m))] {
				part.Value = n.Named(part.Name, part.Value, true)
			}
			fmt.Fprintf(h, "%q=%q\n", part.Name, named(part.Value, c.s.header.At))
		}
		return sum(h)
	}
	own, hunks := c.ownNoise(i), p.hunks
	if kind != gate.Altered {
		before := c.before.text(p.B)
		for _, part := range said(own.Blank(before.Parts)) {
			fmt.Fprintf(h, "%q=%q\n", part.Name, named(part.Value, c.p.header.At))
		}
		if hunks = nil; p.A >= 0 {
			for _, x := range diff.Parts(before, c.after.text(p.A), own) {
				if !x.Masked {
					hunks = append(hunks, hunk{Hunk: x, raw: [2]string{x.Before, x.After}})
				}
			}
		}
	}
	lines := make([]string, 0, len(hunks))
	for j := range hunks {
		x := &hunks[j]
		texts := c.texts(x, own)
		lines = append(lines, fmt.Sprintf("%q %d %t %t %q", x.Part, x.Kind, x.NewPart, x.GonePart, texts))
	}
	slices.Sort(lines)
	fmt.Fprintln(h, strings.Join(lines, "\n"))
	return sum(h)
}

// ownNoise is what is volatile in production's message of change i, whoever received it.
func (c *comparer) ownNoise(i int) *diff.Noise {
	if b := c.pairs[i].B; b >= 0 {
		return c.noise.of[c.before.surplus[b].at]
	}
	return nil
}

// said leaves out the parts of a message that are of its transmission.
func said(parts []gate.Part) []gate.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p gate.Part) bool { return p.Kind == gate.Transport })
}

// texts are the two texts of a hunk, of a message in which own is volatile, as a fingerprint is
// over them.
func (c *comparer) texts(h *hunk, own *diff.Noise) [2]string {
	if h.asIs {
		return [2]string{h.Before, h.After}
	}
	return [2]string{
		named(own.Named(h.Part, h.raw[0], false), c.p.header.At),
		named(own.Named(h.Part, h.raw[1], true), c.s.header.At),
	}
}
