package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// A Finding is a check's opinion of one or many changes.
//
// Title holds counts and words of the check's own, never a name or payload, so
// that it may be published. Names stand in Gained, Lost, Owners and Parties, and
// payload in Before, After and Example: renderers mask the first and treat the
// second as hostile.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`

	// Meaning: what the fingerprint is over.
	Channel string `json:"channel,omitempty"`
	Sink    string `json:"sink,omitempty"`
	Class   string `json:"class,omitempty"` // "" where it is of several
	Part    string `json:"part,omitempty"`
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`

	// Subjects, as [Recipient.ID], sorted, each once. They belong to the meaning too:
	// an approval of one person's change is none of another's.
	Gained  []string `json:"gained,omitempty"`  // who receives more than before, or something else
	Lost    []string `json:"lost,omitempty"`    // who receives less
	Owners  []string `json:"owners,omitempty"`  // whose facts are received by somebody else
	Parties []string `json:"parties,omitempty"` // outside hosts concerned
	// Meaning is a keyed digest of what else the finding means: whose facts, of which kinds and
	// values, who receives them, in which content, and what is edited into what at which place.
	// Where it is set it stands for Before and After too, which may be cut, and hold what is new
	// in each run. An approval of one telephone number is none of a diagnosis.
	Meaning string `json:"meaning,omitempty"`

	// Classes are those of the deliveries concerned, sorted, at most 50. They are no part of
	// the meaning: one cause may show in many.
	Classes []string `json:"classes,omitempty"`

	Changes []int   `json:"changes,omitempty"` // indexes in the comparison
	Groups  []int   `json:"groups,omitempty"`  // edit groups judged, indexes in the comparison
	Count   uint64  `json:"count"`             // deliveries concerned, at least 1
	Bits    float64 `json:"bits,omitempty"`    // evidence, where it is weighed
	Example *Change `json:"example,omitempty"`

	Scenarios   []string `json:"scenarios"`
	Fingerprint string   `json:"fingerprint"`
}

// FingerprintScheme is the version that begins every fingerprint.
const FingerprintScheme = "w1"

// Seal sorts the subjects and sets the fingerprint: "w1-" and 32 hexadecimal digits of
// SHA-256 over the meaning: check, route, class, part, the subjects, and Meaning, or where
// that is not set canonical before and after. Titles, counts, order, time, scenario and commit are not in it.
func (f *Finding) Seal() {
	for _, l := range []*[]string{&f.Gained, &f.Lost, &f.Owners, &f.Parties} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	slices.Sort(f.Changes)
	f.Changes = slices.Compact(f.Changes)
	slices.Sort(f.Groups)
	f.Groups = slices.Compact(f.Groups)
	h := sha256.New()
	before, after := f.Before, f.After
	if f.Meaning != "" {
		before, after = "", ""
	}
	for _, s := range []string{FingerprintScheme, f.Check, f.Channel, f.Sink, f.Class, f.Part, before, after} {
		digestString(h, s)
	}
	for _, l := range [][]string{f.Gained, f.Lost, f.Owners, f.Parties} {
		digestString(h, "")
		for _, s := range l {
			digestString(h, s)
		}
	}
	if f.Meaning != "" {
		digestString(h, f.Meaning)
	}
	f.Fingerprint = FingerprintScheme + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}
