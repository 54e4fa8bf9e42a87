package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/publish"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// ofGitHub is the value of --base that stands for what a pull request is to be merged into.
const ofGitHub = "github"

func baseFlag() cli.Flag {
	return &cli.StringFlag{Name: "base", Usage: "show what differs from the configuration `CONFIG` of what the release is to be merged into; github asks GitHub for it"}
}

// settings puts into the verdict's input what differs between the configuration and that of the
// base, where there is one: a release that brings its own masks is judged by them. That it cannot
// be told is a note.
func (p *program) settings(c *cli.Context, conf *config.Config, in *verdict.Input) error {
	base := c.String("base")
	if base == "" || conf == nil {
		return nil
	}
	now, err := os.ReadFile(conf.Path)
	if err != nil {
		return usage(fmt.Errorf("--base: read the configuration: %w", err), "")
	}
	var was []byte
	if base == ofGitHub {
		if was, err = p.baseConfig(c.Context, conf); err != nil {
			note(in, "whether this gate's own configuration was changed is not known: "+firstLine(err.Error()))
			return nil
		}
	} else {
		if info, err := os.Stat(base); err == nil && info.IsDir() {
			base = filepath.Join(base, config.File)
		}
		if was, err = os.ReadFile(base); err != nil {
			return usage(fmt.Errorf("--base: read the configuration of the base: %w", err), "")
		}
	}
	if len(was) == 0 {
		note(in, "the base has no configuration of this gate: all of it is new")
		return nil
	}
	changed, err := changedSettings(was, now)
	if err != nil {
		note(in, "whether this gate's own configuration was changed is not known: "+firstLine(err.Error()))
		return nil
	}
	in.Made.Settings = changed
	return nil
}

// baseConfig is the text of the configuration in what a pull request is to be merged into; empty
// where it is not there.
func (p *program) baseConfig(ctx context.Context, conf *config.Config) ([]byte, error) {
	e, err := publish.ReadEvent(p.getenv)
	if err != nil {
		return nil, err
	}
	if e.Base == "" {
		return nil, errors.New("this workflow is of nothing that is to be merged")
	}
	client, err := publish.New(publish.Options{Token: p.getenv("GITHUB_TOKEN"), API: p.getenv("GITHUB_API_URL"), Agent: "waybill/" + version()})
	if err != nil {
		return nil, err
	}
	root := p.getenv("GITHUB_WORKSPACE")
	path, err := filepath.Abs(conf.Path)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, path)
	if root == "" || err != nil || strings.HasPrefix(rel, "..") {
		return nil, fmt.Errorf("the configuration %s is not in the repository %q", conf.Path, root)
	}
	return client.File(ctx, e, filepath.ToSlash(rel), e.Base)
}

// changedSettings are the keys of two configurations that differ, sorted.
func changedSettings(was, now []byte) ([]gate.Setting, error) {
	before, err := flat(was)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of the base: %w", err)
	}
	after, err := flat(now)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	var out []gate.Setting
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		b, had := before[key]
		a, has := after[key]
		if had == has && a == b {
			continue
		}
		s := gate.Setting{Key: key, Before: gate.Clip(b, maxSetting), After: gate.Clip(a, maxSetting), Public: plainKeys.MatchString(key)}
		if secretKeys.MatchString(key) {
			s.Before, s.After = hiddenSetting(had), hiddenSetting(has)
		}
		out = append(out, s)
	}
	return out, nil
}

// maxSetting is how much of a value is shown, in runes.
const maxSetting = 200

var (
	// plainKeys have values that name nobody: numbers, digests, and words of Waybill's own.
	plainKeys = regexp.MustCompile(`^(baseline|version|corpus\.digest|replay\.[a-z_]+|policy\.(blind|same_build)|scenarios\[.*\]\.(kind|mood|from|to)|sinks\.[^.]+\.(channel|ordered|max_body)|doors\.[^.]+\.channel|approvals\.max_days)$`)
	// secretKeys have values that are not shown anywhere.
	secretKeys = regexp.MustCompile(`(^|\.)(env|headers)\.|key|token|secret|password`)
)

func hiddenSetting(there bool) string {
	if there {
		return "(not shown)"
	}
	return ""
}

// flat is a document as its leaves, by key. Tables of a list are told by their name, rule or
// class where they have one, so that one that is put in between moves no other.
func flat(text []byte) (map[string]string, error) {
	var doc map[string]any
	if err := toml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(strings.TrimPrefix(key+"."+k, "."), x)
			}
		case []map[string]any:
			seen := map[string]int{}
			for _, x := range v {
				name := ""
				for _, k := range []string{"name", "rule", "class", "part"} {
					if s, ok := x[k].(string); ok && name == "" {
						name = s
					}
				}
				seen[name]++
				if n := seen[name]; n > 1 || name == "" {
					name = fmt.Sprintf("%s#%d", name, n)
				}
				walk(key+"["+name+"]", x)
			}
		default:
			out[key] = fmt.Sprint(v)
		}
	}
	walk("", doc)
	return out, nil
}
