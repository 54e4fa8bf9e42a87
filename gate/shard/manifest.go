package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// File is the name of the manifest in the folder of a shard.
const File = "shard.json"

const maxManifest = 4 << 20

// A Manifest says what a shard replayed, and of what.
type Manifest struct {
	Schema  int               `json:"schema"`
	Version string            `json:"version"` // of waybill
	Shard   Of                `json:"shard"`
	Corpus  string            `json:"corpus"`           // digest
	Total   uint64            `json:"total"`            // stimuli in the corpus
	Stimuli uint64            `json:"stimuli"`          // of them in this shard
	Shards  int               `json:"shards,omitempty"` // that were put together here; 0 is none
	Config  string            `json:"config"`           // "sha256:..." of the configuration
	Commit  string            `json:"commit,omitempty"`
	Builds  map[string]string `json:"builds"` // name by role
	Made    []gate.Built      `json:"made"`   // what these are made of
	Runs    []Run             `json:"runs"`
}

// A Run is one run of a shard.
type Run struct {
	File     string    `json:"file"` // in the folder
	Scenario string    `json:"scenario"`
	Role     gate.Role `json:"role"`
	Replay   int       `json:"replay"` // from 1
	Digest   string    `json:"digest"` // of the tape
	// Whole: it is of the whole corpus. A scenario that joins stimuli is not split, and is
	// replayed by the first shard alone.
	Whole bool `json:"whole,omitempty"`
}

func (r Run) String() string { return fmt.Sprintf("%s %s %d", r.Scenario, r.Role, r.Replay) }

// built is what the build of a role is made of; zero where the manifest does not say.
func (m *Manifest) built(role gate.Role) gate.Built {
	for _, b := range m.Made {
		if b.Role == role {
			return b
		}
	}
	return gate.Built{}
}

// unfinished stands in the folder of a shard while it is replayed. It holds which shard it is.
const unfinished = "shard.unfinished"

// Begin makes the folder of a shard, or takes again one whose replay was ended before it was
// over: then whatever is in it is replaced. It returns an error where the folder holds a
// finished shard, another one, or anything that no shard has left.
func (m *Manifest) Begin(folder string) error {
	mark := filepath.Join(folder, unfinished)
	switch err := os.Mkdir(folder, 0o700); {
	case err == nil:
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("make the folder of the shard: %w", err)
	default:
		if _, err := os.Stat(filepath.Join(folder, File)); err == nil {
			return fmt.Errorf("make the folder of the shard: %s holds a finished shard: %w", folder, fs.ErrExist)
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("make the folder of the shard: %w", err)
		}
		of, err := os.ReadFile(mark)
		switch {
		case err == nil && strings.TrimSpace(string(of)) == m.Shard.String():
		case err == nil:
			return fmt.Errorf("make the folder of the shard: %s is of shard %q, which was not finished: %w", folder, strings.TrimSpace(string(of)), fs.ErrExist)
		case len(entries) > 0:
			return fmt.Errorf("make the folder of the shard: %s holds other files: %w", folder, fs.ErrExist)
		}
	}
	if err := os.WriteFile(mark, []byte(m.Shard.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("make the folder of the shard: %w", err)
	}
	return nil
}

// Clear removes what an earlier replay of the shard left in its folder, before it was ended.
// Nobody else may be at work there.
func Clear(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("read the folder of the shard: %w", err)
	}
	for _, e := range entries {
		if e.Name() == File {
			return fmt.Errorf("%s holds a finished shard: %w", folder, fs.ErrExist)
		}
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(e.Name(), ".tape") {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return fmt.Errorf("remove what was left of a replay: %w", err)
			}
		}
	}
	return nil
}

// Write writes the manifest into a folder. It is the last file of a shard: one
// without it was not finished.
func (m *Manifest) Write(folder string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, File), append(b, '\n'), 0o600)
	}
	if err == nil {
		if err = os.Remove(filepath.Join(folder, unfinished)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("write the manifest of shard %s: %w", m.Shard, err)
	}
	return nil
}

// ReadManifest reads the manifest of a folder. Unknown keys are refused.
func ReadManifest(folder string) (*Manifest, error) {
	path := filepath.Join(folder, File)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MismatchError{fmt.Sprintf("%s has no %s: the shard was not finished, or it is none", folder, File)}
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of a shard: %w", err)
	}
	if info.Size() > maxManifest {
		return nil, &MismatchError{fmt.Sprintf("%s has %d bytes, more than %d", path, info.Size(), maxManifest)}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of a shard: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return nil, &MismatchError{fmt.Sprintf("%s is no manifest of this version: %v", path, err)}
	}
	if _, err := Parse(m.Shard.String()); err != nil {
		return nil, &MismatchError{fmt.Sprintf("%s: %v", path, err)}
	}
	for _, r := range m.Runs {
		if r.File != filepath.Base(r.File) || r.File == "." || r.File == ".." || r.File == File {
			return nil, &MismatchError{fmt.Sprintf("%s names the file %q, which is not one of its folder", path, r.File)}
		}
	}
	return &m, nil
}

// A MismatchError says why runs cannot be put together. What was replayed cannot
// be judged then.
type MismatchError struct{ Reason string }

func (e *MismatchError) Error() string { return e.Reason }

func mismatch(format string, args ...any) error {
	return &MismatchError{fmt.Sprintf(format, args...)}
}

// complete reports whether the manifests are of all shards of one replay, and
// sorts them by number.
func complete(list []*Manifest) error {
	if len(list) == 0 {
		return mismatch("there are no shards")
	}
	slices.SortFunc(list, func(a, b *Manifest) int { return a.Shard.Number - b.Shard.Number })
	first := list[0]
	var stimuli uint64
	for i, m := range list {
		for _, same := range []struct {
			what      string
			one, this any
		}{
			{"total of shards", first.Shard.Total, m.Shard.Total}, {"schema", first.Schema, m.Schema}, {"version of waybill", first.Version, m.Version},
			{"corpus", first.Corpus, m.Corpus}, {"size of the corpus", first.Total, m.Total}, {"configuration", first.Config, m.Config},
			{"commit", first.Commit, m.Commit},
			{"production build", first.Builds[string(gate.Production)], m.Builds[string(gate.Production)]},
			{"staging build", first.Builds[string(gate.Staging)], m.Builds[string(gate.Staging)]},
			{"program of production", first.built(gate.Production).Command, m.built(gate.Production).Command},
			{"set-up of production", first.built(gate.Production).Setup, m.built(gate.Production).Setup},
			{"program of staging", first.built(gate.Staging).Command, m.built(gate.Staging).Command},
			{"set-up of staging", first.built(gate.Staging).Setup, m.built(gate.Staging).Setup},
		} {
			if same.one != same.this {
				return mismatch("shards %s and %s are not of one replay: the %s is %v in the one and %v in the other", first.Shard, m.Shard, same.what, same.one, same.this)
			}
		}
		switch want := i + 1; {
		case m.Shard.Number < want:
			return mismatch("shard %s is there twice", m.Shard)
		case m.Shard.Number > want:
			return mismatch("shard %s is missing", Of{want, m.Shard.Total})
		}
		stimuli += m.Stimuli
	}
	if n := len(list); n < first.Shard.Total {
		return mismatch("shard %s is missing", Of{n + 1, first.Shard.Total})
	}
	if stimuli != first.Total {
		return mismatch("the shards have %d stimuli in all, and the corpus has %d", stimuli, first.Total)
	}
	return sameRuns(list)
}

// sameRuns reports whether every shard has the runs that the first has, each once, but for
// those of the whole corpus, which the first has alone.
func sameRuns(list []*Manifest) error {
	split := 0
	for _, r := range list[0].Runs {
		if !r.Whole {
			split++
		}
	}
	for n, m := range list {
		seen := map[string]bool{}
		for _, r := range m.Runs {
			if seen[r.String()] {
				return mismatch("shard %s has the run %s twice", m.Shard, r)
			}
			seen[r.String()] = true
			if n > 0 && r.Whole {
				return mismatch("shard %s has the run %s of the whole corpus, which is the first shard's", m.Shard, r)
			}
		}
		for _, r := range list[0].Runs {
			switch {
			case n > 0 && r.Whole && seen[r.String()]:
				return mismatch("shard %s has a part of the run %s, which shard %s has whole", m.Shard, r, list[0].Shard)
			case n > 0 && !r.Whole && !seen[r.String()]:
				return mismatch("shard %s lacks the run %s, which shard %s has", m.Shard, r, list[0].Shard)
			}
		}
		if n > 0 && len(m.Runs) != split {
			return mismatch("shard %s has %d runs of its part, and shard %s has %d", m.Shard, len(m.Runs), list[0].Shard, split)
		}
	}
	if len(list[0].Runs) == 0 {
		return mismatch("the shards have no runs")
	}
	return nil
}
