package config

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// State says how what builds keep is brought back before each replay, and how that is proved.
// It is of both builds: each has its own ${state} and ${snapshot}. Strings are expanded: see
// [Expand].
type State struct {
	Folder   OneOrMore  `toml:"folder"`   // folders of ${state}, or itself: copied once after Setup, and brought back before each replay
	SQLite   OneOrMore  `toml:"sqlite"`   // files in ${state}: the same, each with its log of pending writes
	Snapshot [][]string `toml:"snapshot"` // commands that are run once after Setup, and keep the state in ${snapshot} or elsewhere
	Restore  [][]string `toml:"restore"`  // commands that are run before each replay
	Check    []string   `toml:"check"`    // command that must print the same before each replay of both builds; none is no proof

	// CheckAfter: Check must print the same of both builds after their replays too.
	CheckAfter bool `toml:"check_after"`
}

// Restores reports whether the state is brought back, so that it is kept from replay to replay.
// s may be nil.
func (s *State) Restores() bool {
	return s != nil && len(s.Folder)+len(s.SQLite)+len(s.Restore) > 0
}

// Commands lists the commands of s. s may be nil.
func (s *State) Commands() [][]string {
	if s == nil {
		return nil
	}
	all := slices.Concat(s.Snapshot, s.Restore)
	if len(s.Check) > 0 {
		all = append(all, s.Check)
	}
	return all
}

// StateFolder is how a path of [State] Folder and SQLite begins.
const StateFolder = "${state}"

func (c *Config) validateState(p *complaint) {
	s := c.State
	if s == nil {
		return
	}
	switch {
	case len(s.Snapshot) > 0 && len(s.Restore) == 0:
		p.at("state.restore", "missing: how what snapshot keeps is brought back")
	case s.CheckAfter && len(s.Check) == 0:
		p.at("state.check", "missing: what must be equal after the replay")
	case !s.Restores() && len(s.Check) == 0:
		p.at("state", "nothing is said: folder, sqlite or restore bring the state back before each replay, check proves that it is the same")
	}
	for _, list := range []struct {
		key   string
		paths []string
	}{{"state.folder", s.Folder}, {"state.sqlite", s.SQLite}} {
		key := list.key
		for _, one := range list.paths {
			rest, ok := strings.CutPrefix(one, StateFolder)
			switch {
			case !ok || rest != "" && (rest[0] != '/' || path.Clean(rest) != rest) || rest == "/" || strings.Contains(rest, "$"):
				p.at(key, "%s is not a path below ${state}: what is elsewhere is brought back by the commands of snapshot and restore", quote(one))
			case key == "state.sqlite" && rest == "":
				p.at(key, "%s is a folder: name the file of the database", quote(one))
			}
		}
	}
	e, err := c.expansion()
	if err != nil {
		p.add(err)
		return
	}
	for _, list := range []struct {
		key   string
		argvs [][]string
	}{{"state.snapshot", s.Snapshot}, {"state.restore", s.Restore}} {
		for _, argv := range list.argvs {
			command(p, list.key, argv, true)
			e.check(list.key, argv...)
		}
	}
	command(p, "state.check", s.Check, false)
	e.check("state.check", s.Check...)
	p.add(errors.Join(e.errs...))
}
