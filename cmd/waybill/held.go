package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/answered"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/shard"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// notes are those of a run: what it is to be held to by those who have nothing but it.
func (s *session) notes(scenario config.Scenario, role gate.Role) map[string]string {
	notes := map[string]string{}
	if made, err := json.Marshal(s.made[role]); err == nil {
		notes[buildNote] = string(made)
	}
	if s.guard != "" {
		notes[shard.GuardNote] = s.guard
	}
	if scenario.Kind != config.Alone {
		notes[answered.Stimuli] = fmt.Sprint(s.total())
	}
	return notes
}

// programs puts into the verdict's input what each build's commands name now that its set-up has
// run: two ways of setting up can come to one build.
func (s *session) programs(ctx context.Context, in *verdict.Input) error {
	for i := range in.Made.Builds {
		b := &in.Made.Builds[i]
		site := s.sites[b.Role]
		if site == nil {
			continue
		}
		now, err := built(ctx, s.conf, b.Role, site.State())
		if err != nil {
			return undecided(err, "")
		}
		if now.Command != b.Command {
			b.Program = now.Command
		}
	}
	return nil
}

// guarded is what no command of a build may write or see: the runs in a folder, the corpus, and the
// key of this installation. It is nil where this machine or a build does not allow for it: then
// what was written is held to what is read, and the verdict says so.
func (s *session) guarded(runs string) (*build.Guard, error) {
	if err := build.Try(os.Geteuid() == 0, s.conf.Production, s.conf.Staging); err != nil {
		s.guard = "builds could have written where their runs are kept (" + firstLine(err.Error()) + "): the digest of each tape was taken as it was written, and checked before it was judged"
		return nil, nil
	}
	g := &build.Guard{}
	for _, path := range []string{runs, s.conf.Corpus.Path} {
		path, err := filepath.Abs(path)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			return nil, err
		}
		g.ReadOnly = append(g.ReadOnly, path)
	}
	if dir, err := os.UserConfigDir(); err == nil {
		if dir, err = filepath.EvalSymlinks(filepath.Join(dir, "waybill")); err == nil {
			g.Hidden = append(g.Hidden, dir)
		}
	}
	s.guard = "builds could not write where their runs are kept, nor the corpus; the digest of each tape was taken as it was written, and checked before it was judged"
	if os.Geteuid() == 0 {
		s.guard = "where their runs are kept was read-only for builds, which ran as root; the digest of each tape was taken as it was written, and checked before it was judged"
	}
	return g, nil
}
