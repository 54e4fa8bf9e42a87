package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// markKept is what every report says of evidence in which people stand as they were.
const markKept = "the corpus holds real people as they were recorded (--keep-identities): this report, the runs and the verdict may name them"

// warnBefore is how long before a tape may be kept no more a gate says so.
const warnBefore = 14 * 24 * time.Hour

// retained is an error where the tape at path, whose header is h, may be kept no
// more, and a note where that is near and it is a corpus; else "".
func retained(path string, h *gate.Header, now time.Time) (note string, err error) {
	if h.RetainUntil == 0 {
		return "", nil
	}
	until := time.Unix(0, h.RetainUntil).UTC()
	day := until.Format(time.DateOnly)
	left := until.Sub(now)
	switch {
	case left <= 0:
		return "", usage(fmt.Errorf("%s could be kept until %s, and may not be used after it", path, day),
			"make a corpus of what may still be kept, by waybill corpus prune --older-than, or record again; and delete this one")
	case left <= warnBefore:
		return fmt.Sprintf("the corpus may be kept until %s, for %s more: prune it or record again before", day, days(left)), nil
	}
	return "", nil
}

// days is a time left, in words.
func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}

// provenance puts into the verdict's input what is to be known of where tapes come
// from, and gives their headers. The error says that one of them cannot be read, or
// may not be used any more.
func provenance(o pipeline.Options, tapes []string, in *verdict.Input) ([]gate.Header, error) {
	headers := make([]gate.Header, len(tapes))
	for i, path := range tapes {
		r, err := o.Keys.Open(path)
		if err != nil {
			return nil, tapeFailure(err)
		}
		headers[i] = r.Header()
		if err := r.Close(); err != nil {
			return nil, tapeFailure(err)
		}
		if err := mark(path, &headers[i], in); err != nil {
			return nil, err
		}
	}
	return headers, nil
}

// mark puts into the verdict's input what is to be known of the corpus.
func (s *session) mark(in *verdict.Input) error {
	if len(s.corpus.Recipients) > 0 && len(s.conf.Encryption.Recipients) == 0 {
		note(in, "the corpus is encrypted and its runs are not: name whom they are for in "+s.conf.Path+", [encryption] recipients")
	}
	return mark(s.conf.Corpus.Path, &s.corpus.Header, in)
}

// mark is [provenance] of one tape, whose header is h.
func mark(path string, h *gate.Header, in *verdict.Input) error {
	if h.Identities == gate.IdentitiesKept {
		note(in, markKept)
	}
	if h.Identities == gate.IdentitiesDetected {
		note(in, detectedOnly)
	}
	text, err := retained(path, h, in.Now)
	if text != "" && h.Content == gate.CorpusTape { // of its runs the same is true
		note(in, text)
	}
	return err
}

// ofCorpus is what the place of a gap begins with that the corpus brought into a run.
const ofCorpus = "corpus: "

// once leaves out gaps that both runs have of the corpus: of one that stands for
// production itself, they are in the run of staging again.
func once(gaps []gate.Gap) []gate.Gap {
	out := gaps[:0:0]
	for _, g := range gaps {
		if !strings.HasPrefix(g.Where, "staging: "+ofCorpus) {
			out = append(out, g)
		}
	}
	return out
}

// mostGaps is how many different gaps of a corpus are told apart.
const mostGaps = 1000

// A tally adds up the gaps of a corpus, those that say the same as one.
type tally struct {
	list []gate.Gap
	at   map[gate.Gap]int // by what they say, without number and stimulus
}

func (t *tally) add(g gate.Gap) {
	n := max(g.Count, 1)
	k := gate.Gap{Kind: g.Kind, Where: ofCorpus + g.Where, Detail: g.Detail}
	i, known := t.at[k]
	if !known && len(t.list) >= mostGaps {
		k = gate.Gap{Kind: g.Kind, Where: ofCorpus + "other places", Detail: "as the corpus says"}
		i, known = t.at[k]
	}
	if known {
		t.list[i].Count += n
		t.list[i].Stimulus = ""
		return
	}
	if t.at == nil {
		t.at = map[gate.Gap]int{}
	}
	t.at[k] = len(t.list)
	k.Count, k.Stimulus = n, g.Stimulus
	t.list = append(t.list, k)
}
