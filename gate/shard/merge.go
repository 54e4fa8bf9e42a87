package shard

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/answered"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Merge puts the runs of all shards of one replay together in the folder out,
// which it makes and which must not be there yet. folders are those of the shards,
// in any order. The manifest that it returns, and writes into out, is of shard 1/1.
//
// A [MismatchError] says why they do not make one replay. A tape that is torn or
// damaged is an error of package tape. After an error out holds no manifest.
func Merge(folders []string, out string, keys tape.Keys, o tape.Options) (*Manifest, error) {
	var list []*Manifest
	where := map[*Manifest]string{}
	for _, folder := range folders {
		m, err := ReadManifest(folder)
		if err != nil {
			return nil, err
		}
		list, where[m] = append(list, m), folder
	}
	if err := complete(list); err != nil {
		return nil, err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for merged runs: %w", err)
	}
	whole := *list[0]
	whole.Shard, whole.Stimuli, whole.Runs, whole.Shards = Of{1, 1}, whole.Total, nil, len(list)
	for _, r := range list[0].Runs {
		j := joining{keys: keys, run: r, total: whole.Total}
		for _, m := range list {
			if r.Whole && len(j.parts) > 0 {
				break
			}
			i := slices.IndexFunc(m.Runs, func(other Run) bool { return other.String() == r.String() })
			j.parts = append(j.parts, part{filepath.Join(where[m], m.Runs[i].File), m, m.Runs[i]})
		}
		digest, err := j.join(filepath.Join(out, r.File), o)
		if err != nil {
			return nil, err
		}
		r.Digest, r.Whole = digest, false
		whole.Runs = append(whole.Runs, r)
	}
	if err := whole.Write(out); err != nil {
		return nil, err
	}
	return &whole, nil
}

// A part is one shard's tape of a run.
type part struct {
	path     string
	manifest *Manifest
	run      Run
}

// of is the shard that its tape is of, as its header says it; "" is the whole corpus.
func (p *part) of() string {
	if p.run.Whole {
		return ""
	}
	return p.manifest.Shard.String()
}

// stimuli is how many its tape is of.
func (p *part) stimuli() uint64 {
	if p.run.Whole {
		return p.manifest.Total
	}
	return p.manifest.Stimuli
}

// A joining puts the parts of one run together.
type joining struct {
	keys  tape.Keys
	run   Run
	total uint64
	parts []part
}

func (j *joining) join(path string, o tape.Options) (digest string, err error) {
	header, err := j.header()
	if err != nil {
		return "", err
	}
	w, err := tape.Create(path, header, o)
	if err != nil {
		return "", err
	}
	var footer gate.Footer
	var seq uint64
	for i, p := range j.parts {
		f, last, err := j.copy(w, p, seq)
		if err != nil {
			return "", errors.Join(err, w.Abort())
		}
		seq = last
		if err := joinStates(w, &footer, &f, p.of()); err != nil {
			return "", errors.Join(err, w.Abort())
		}
		footer.Accepted += f.Accepted
		footer.Refused += f.Refused
		if i == 0 || weaker(f.Quiet, footer.Quiet) {
			footer.Quiet = f.Quiet
		}
		if i == 0 {
			footer.Settle, footer.Linger = f.Settle, f.Linger
		}
		footer.Settle, footer.Linger = min(footer.Settle, f.Settle), min(footer.Linger, f.Linger)
	}
	if err := w.Close(footer); err != nil {
		return "", err
	}
	r, err := j.keys.Open(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return r.Digest()
}

// joinStates takes into whole how the state of one shard was made fit. Before the replay it must
// have been as that of the first, which is a gap of the run where it was not; after it each shard
// has its own.
func joinStates(w *tape.Writer, whole, part *gate.Footer, of string) error {
	if part.State == nil {
		return nil // of all shards, which have one configuration
	}
	s := *part.State
	if of != "" {
		s.After = slices.Clone(s.After)
		for i := range s.After {
			s.After[i].Name = "shard " + of + ": " + s.After[i].Name
		}
	}
	if whole.State == nil {
		whole.State = &s
		return nil
	}
	detail := gate.StateDiffers(whole.State.Before, s.Before)
	joined := *whole.State.Longest(&s)
	joined.After = slices.Concat(whole.State.After, s.After)
	whole.State = &joined
	if detail == "" {
		return nil
	}
	return w.Append(&gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapState, Where: "state of shard " + of, Detail: "before the replay it was not as that of the first shard: " + detail}})
}

// weaker reports whether the end of a run is known less well by a than by b.
func weaker(a, b string) bool {
	order := []string{"", "stopped", "idle", "probe"}
	return slices.Index(order, a) < slices.Index(order, b)
}

// header is that of the whole run: what the headers of all parts say.
func (j *joining) header() (gate.Header, error) {
	var whole gate.Header
	for i, p := range j.parts {
		r, err := j.keys.Open(p.path)
		if err != nil {
			return whole, err
		}
		h := r.Header()
		if err := r.Close(); err != nil {
			return whole, fmt.Errorf("close %s: %w", p.path, err)
		}
		switch {
		case h.Content != gate.RunTape || h.Role != p.run.Role || h.Scenario != p.run.Scenario || h.Replay != p.run.Replay:
			return whole, mismatch("%s is not the run that its manifest says: %s", p.path, p.run)
		case h.Corpus != p.manifest.Corpus:
			return whole, mismatch("%s is of the corpus %s, and its manifest says %s", p.path, h.Corpus, p.manifest.Corpus)
		case h.Shard != p.of():
			return whole, mismatch("%s is of shard %q, and its manifest says %q", p.path, h.Shard, p.of())
		}
		if i == 0 {
			whole = h
			continue
		}
		if h.Build != whole.Build || h.Schema != whole.Schema || h.Identities != whole.Identities || !maps.Equal(h.Settings, whole.Settings) || !maps.Equal(alike(h.Notes), alike(whole.Notes)) {
			return whole, mismatch("%s and %s are not of one replay: their builds, schemas, identities, notes or settings of sinks differ", j.parts[0].path, p.path)
		}
		whole.Sealed = whole.Sealed && h.Sealed
	}
	whole.Shard = ""
	if _, ok := whole.Notes[answered.Stimuli]; ok {
		whole.Notes = maps.Clone(whole.Notes)
		whole.Notes[answered.Stimuli] = fmt.Sprint(j.total)
	}
	return whole, nil
}

// GuardNote is the note of a run that says how it was kept from its build.
const GuardNote = "guard"

// alike is the notes of a run that all shards of one replay have in common.
func alike(notes map[string]string) map[string]string {
	notes = maps.Clone(notes)
	delete(notes, answered.Stimuli)
	delete(notes, GuardNote) // of one machine; the first shard's is told
	return notes
}

// copy appends one part, its messages numbered on from seq. It returns the part's
// footer and the last number.
func (j *joining) copy(w *tape.Writer, p part, seq uint64) (gate.Footer, uint64, error) {
	r, err := j.keys.Open(p.path)
	if err != nil {
		return gate.Footer{}, 0, err
	}
	defer r.Close()
	digest, err := r.Digest()
	if err != nil {
		return gate.Footer{}, 0, err
	}
	if digest != p.run.Digest {
		return gate.Footer{}, 0, mismatch("%s has the digest %s, and its manifest says %s", p.path, digest, p.run.Digest)
	}
	last, outcomes, untold := seq, uint64(0), uint64(0)
	for {
		record, _, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return gate.Footer{}, 0, err
		}
		switch record.Kind {
		case gate.KindMessage:
			record.Message.Seq += seq
			last = max(last, record.Message.Seq)
		case gate.KindGap:
			if record.Gap.Seq > 0 {
				record.Gap.Seq += seq
			}
			if k := record.Gap.Kind; k == gate.GapNotReplayed || k == gate.GapCutBody { // of stimuli without an outcome
				untold += max(record.Gap.Count, 1)
			}
		case gate.KindOutcome:
			if record.Outcome.Ask == nil && !strings.HasPrefix(record.Outcome.Stimulus, "job/") { // these are of no stimulus
				outcomes++
			}
		}
		if err := w.Append(&record); err != nil {
			return gate.Footer{}, 0, err
		}
	}
	if outcomes > p.stimuli() {
		return gate.Footer{}, 0, mismatch("%s has %d outcomes, and its shard has %d stimuli", p.path, outcomes, p.stimuli())
	}
	if _, told := r.Header().Notes[answered.Stimuli]; told && outcomes+untold < p.stimuli() { // a scenario of jobs alone has none
		return gate.Footer{}, 0, mismatch("%s has %d outcomes, and its shard has %d stimuli: the others were not replayed", p.path, outcomes, p.stimuli())
	}
	f, _ := r.Footer()
	return f, last, nil
}
