package corpus

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Keys of [gate.Header.Made] that this package writes.
const (
	MadeDerived = "derived"    // of which tapes, by their digests, and how
	MadeRetain  = "retain_for" // for how long after it was recorded anything may be kept: a duration
	MadeKeys    = "keys"       // names of the pseudonym keys of a merged corpus, where they differ
)

// maxMade bounds one text of [gate.Header.Made], in bytes.
const maxMade = 4096

// A Result is one corpus that was written.
type Result struct {
	Path     string `json:"path"`
	Stimuli  uint64 `json:"stimuli"`
	Messages uint64 `json:"messages"`
	Gaps     uint64 `json:"gaps"`
	Digest   string `json:"digest"`
}

// header is that of a corpus made of sources.
func (o *Options) header(how string, sources ...*source) (gate.Header, error) {
	first := &sources[0].report.Header
	h := gate.Header{
		Content: gate.CorpusTape, Schema: gate.Schema, Version: o.Version, At: o.Now,
		Made: map[string]string{}, Settings: map[string]string{},
		Identities: first.Identities, Key: first.Key,
	}
	if len(sources) == 1 {
		h.Notes = maps.Clone(first.Notes)
	}
	var origins, keys, of []string
	encrypted := false
	for _, s := range sources {
		sh := &s.report.Header
		origins, keys, of = appendNew(origins, sh.Origin), appendNew(keys, sh.Key), append(of, s.name())
		encrypted = encrypted || len(s.report.Recipients) > 0
		h.Identities = worse(h.Identities, sh.Identities)
		if sh.RetainUntil != 0 && (h.RetainUntil == 0 || sh.RetainUntil < h.RetainUntil) {
			h.RetainUntil = sh.RetainUntil
		}
		for name, settings := range sh.Settings {
			if have, ok := h.Settings[name]; ok && have != settings {
				return h, refused("", "%s and another tape have different settings of sink %s: their messages cannot be decoded alike", s.path, name)
			}
			h.Settings[name] = settings
		}
		for k, v := range sh.Made {
			if have, ok := h.Made[k]; ok && have != v {
				v = have + " | " + v
			}
			h.Made[k] = clip(v)
		}
	}
	if encrypted && len(o.Recipients) == 0 && !o.Clear {
		return h, refused("say whom the new tape is for, by --recipient or [encryption] recipients in the configuration; or --clear",
			"what %s is made of is encrypted, and nobody is named whom it is to be encrypted for", how)
	}
	if before := h.Made[MadeKeys]; before != "" && len(sources) > 1 {
		keys = appendNew([]string{before}, strings.Join(keys, ", "))
	}
	h.Key = ""
	if len(keys) == 1 && h.Made[MadeKeys] == "" {
		h.Key = keys[0]
	} else if len(keys) > 0 {
		h.Made[MadeKeys] = clip(strings.Join(keys, ", "))
	}
	h.Origin = clip(strings.Join(origins, "; "))
	derived := how + " of " + strings.Join(of, ", ")
	if before := h.Made[MadeDerived]; before != "" {
		derived = before + "; then " + derived
	}
	h.Made[MadeDerived] = clip(derived)
	if d, ok := retention(sources); ok {
		h.Made[MadeRetain] = d.String()
	}
	return h, nil
}

// name is how a source is called in what is made of it.
func (s *source) name() string {
	if s.report.Digest != "" {
		return s.report.Digest
	}
	return fmt.Sprintf("the first %d bytes of a torn tape", s.torn.Offset)
}

// retention is the shortest time for which anything of the sources may be kept.
func retention(sources []*source) (shortest time.Duration, known bool) {
	for _, s := range sources {
		h := &s.report.Header
		d, err := time.ParseDuration(h.Made[MadeRetain])
		if err != nil {
			if h.RetainUntil == 0 || h.At == 0 || h.RetainUntil < h.At {
				continue
			}
			d = time.Duration(h.RetainUntil - h.At)
		}
		if !known || d < shortest {
			shortest, known = d, true
		}
	}
	return shortest, known
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// worse returns the less private of two states.
func worse(a, b gate.Identities) gate.Identities {
	order := []gate.Identities{gate.IdentitiesReplaced, gate.IdentitiesDetected, gate.IdentitiesUnknown, gate.IdentitiesKept}
	return order[max(slices.Index(order, a), slices.Index(order, b), 0)]
}

// clip keeps the end of s, which is what happened last.
func clip(s string) string {
	if len(s) <= maxMade {
		return s
	}
	return "..." + strings.ToValidUTF8(s[len(s)-maxMade:], "")
}

// batchBytes is how much is appended to a tape at once, so that records share frames.
const batchBytes = 256 << 10

// An output is a corpus that is being written.
type output struct {
	path  string
	w     *tape.Writer
	batch []*gate.Record
	size  int
	done  Result
}

// create begins a corpus at path, which must not be one of those that it is made of.
func (o *Options) create(path string, h gate.Header, sources ...*source) (*output, error) {
	if there, err := os.Stat(path); err == nil {
		for _, s := range sources {
			if info, err := os.Stat(s.path); err == nil && os.SameFile(info, there) {
				return nil, refused("give another name", "%s is what the new corpus is to be made of", path)
			}
		}
	}
	w, err := tape.Create(path, h, tape.Options{Overwrite: o.Overwrite, Recipients: o.Recipients})
	if err != nil {
		return nil, err
	}
	return &output{path: path, w: w, done: Result{Path: path}}, nil
}

// put appends r, which is the output's from then on.
func (out *output) put(r *gate.Record) error {
	switch {
	case r.Stimulus != nil:
		out.done.Stimuli++
	case r.Message != nil:
		out.done.Messages++
	case r.Gap != nil:
		out.done.Gaps++
	}
	out.size += 256 + int(bytesOf(r))
	out.batch = append(out.batch, r)
	if out.size < batchBytes {
		return nil
	}
	return out.flush()
}

func (out *output) flush() error {
	err := out.w.Append(out.batch...)
	clear(out.batch)
	out.batch, out.size = out.batch[:0], 0
	return err
}

// finish writes gaps and the end, and reads the tape for its digest.
func (o *Options) finish(out *output, gaps []gate.Gap) (Result, error) {
	for i := range gaps {
		if err := out.put(&gate.Record{Kind: gate.KindGap, Gap: &gaps[i]}); err != nil {
			return Result{}, out.drop(err)
		}
	}
	if err := out.flush(); err != nil {
		return Result{}, out.drop(err)
	}
	if err := out.w.Close(gate.Footer{Accepted: out.done.Messages}); err != nil {
		return Result{}, errors.Join(err, os.Remove(out.path))
	}
	var err error
	out.done.Digest, err = o.Keys.Digest(out.path)
	var locked *tape.KeyError
	if errors.As(err, &locked) { // it was written for somebody else
		var outline tape.Outline
		if outline, err = tape.Inspect(out.path); err == nil {
			out.done.Digest = outline.Claims.Digest
		}
	}
	if err != nil {
		return Result{}, fmt.Errorf("read what was written: %w", err)
	}
	return out.done, nil
}

// drop removes what was written, because of err.
func (out *output) drop(err error) error {
	return errors.Join(err, out.w.Abort(), os.Remove(out.path))
}

// one writes one corpus at path, of what fill puts in it.
func (o *Options) one(path string, h gate.Header, sources []*source, gaps []gate.Gap, fill func(put func(*gate.Record) error) error) (Result, error) {
	out, err := o.create(path, h, sources...)
	if err != nil {
		return Result{}, err
	}
	if err := fill(out.put); err != nil {
		return Result{}, out.drop(err)
	}
	if out.done.Stimuli+out.done.Messages == 0 {
		return Result{}, out.drop(refused("", "nothing would be left: %s is not written", path))
	}
	return o.finish(out, slices.Clone(gaps))
}
