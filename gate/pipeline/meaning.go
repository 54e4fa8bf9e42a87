package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// specific are the checks whose findings an approval accepts for the very facts and edits that
// were seen: another fact of the same person at the same place is another finding.
var specific = []string{
	"facts-disclosed", "facts-mixed", "recipient-added", "recipient-removed", "recipient-swapped",
	"personal-content-changed",
}

// meaning is a digest of whose facts the changes of a finding give to whom, and of the edits
// that it is of. Facts are those that production holds as well, and edits are told by what is
// not volatile in them, so that it is the same whenever the release is judged.
func meaning(c *gate.Comparison, f *gate.Finding) string {
	if !slices.Contains(specific, f.Check) {
		return ""
	}
	var all []string
	for _, i := range f.Changes {
		ch := &c.Changes[i]
		to := ch.Recipient().ID()
		for k := range ch.Gains {
			g := &ch.Gains[k]
			if g.Own {
				continue
			}
			all = append(all, fmt.Sprintf("facts %q %q %d", to, g.Owner.ID(), g.Facts))
			for _, fact := range g.Sample {
				all = append(all, fmt.Sprintf("fact %q %q %s %q", to, g.Owner.ID(), fact.Kind, fact.Value))
			}
		}
	}
	for _, i := range f.Groups {
		g := &c.Groups[i]
		all = append(all, fmt.Sprintf("edit %q %q %q %q %q", g.Sink, g.Class, g.Part, g.Before, g.After))
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	h := sha256.New()
	for _, s := range slices.Compact(all) {
		fmt.Fprintln(h, s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
