package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/waybill-dev/waybill/gate"
)

// maxFile bounds the length of a waybill.toml, in bytes.
const maxFile = 1 << 20

// Load reads a waybill.toml, or the one in the folder that path names. The error
// tells every problem that was found, one a line, each with the file's name and
// the key or the position.
func Load(path string) (*Config, error) {
	c, err := read(path)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, inFile(c.Path, err)
	}
	return c, nil
}

// LoadRecording is [Load] for recording and importing, where there need be neither
// builds nor a corpus: Production and Staging may be nil, Corpus.Path may be empty.
func LoadRecording(path string) (*Config, error) {
	c, err := read(path)
	if err != nil {
		return nil, err
	}
	if err := c.ValidateRecording(); err != nil {
		return nil, inFile(c.Path, err)
	}
	return c, nil
}

// read reads a file and fills it in. It is not validated.
func read(path string) (*Config, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, File)
	}
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read configuration: %w (waybill init writes one)", err)
		}
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return parse(path, dir, data)
}

// document is the file as it stands. Doors and sinks are decoded later: their
// protocols' keys stand among their own.
type document struct {
	Config
	Doors  map[string]toml.Primitive `toml:"doors"`
	Sinks  map[string]toml.Primitive `toml:"sinks"`
	Record recordDocument            `toml:"record"`
}

// Parse is [Load] of a file that was read already. name is for errors, dir is
// the absolute folder at which relative paths start.
func Parse(name, dir string, data []byte) (*Config, error) {
	c, err := parse(name, dir, data)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, inFile(name, err)
	}
	return c, nil
}

// folder is where what the gate writes stands, beside a configuration at path: [File] has .waybill,
// and another one in the same folder its own part of that, so that none takes another's place.
func folder(path string) string {
	base := filepath.Base(path)
	if base == File || filepath.Ext(base) != ".toml" {
		return stateFolder
	}
	return filepath.Join(stateFolder, base)
}

const stateFolder = ".waybill"

// Folder is the absolute folder of what the gate writes: runs, lock, and the verdict unless
// [report] says otherwise. Configurations that stand in one folder have one each.
func (c *Config) Folder() string { return filepath.Join(c.Dir, folder(c.Path)) }

// Beside returns the path of the configuration whose [Config.Folder], or whose folder of
// production against itself, holds the file at path. There may be no such configuration.
func Beside(path string) string {
	dir := filepath.Dir(path)
	if filepath.Base(dir) == Self {
		dir = filepath.Dir(dir)
	}
	if above := filepath.Dir(dir); filepath.Ext(dir) == ".toml" && filepath.Base(above) == stateFolder {
		return filepath.Join(filepath.Dir(above), filepath.Base(dir))
	}
	return filepath.Join(filepath.Dir(dir), File)
}

// Self is the name of the folder in [Config.Folder] for production held against itself.
const Self = "self"

func parse(name, dir string, data []byte) (*Config, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, maxFile)
	}
	doc := document{Config: Config{
		Path: name, Dir: dir,
		Baseline: Replayed,
		Replay: Replay{
			Concurrency: DefaultConcurrency, Replays: Replays{Count: DefaultReplays, Auto: true}, MaxReplays: DefaultMaxReplays, Builds: InTurn, Order: BySessions,
			AnswerTimeout: Duration{DefaultAnswerTimeout}, MaxMessages: DefaultMaxMessages, Linger: Duration{DefaultLinger},
		},
		Replies:   Replies{Compare: On, MaxAnswer: DefaultMaxAnswer},
		Policy:    Policy{Blind: BlindReported},
		Approvals: Approvals{Path: "approvals.toml"},
		Report:    Report{JSON: filepath.Join(folder(name), "verdict.json")},
	}}
	md, err := toml.Decode(string(data), &doc)
	if err != nil {
		// A misspelt table can be the reason for an error of type: say both.
		if unknown := unknownKeys(&md, nil, reflect.TypeFor[document](), nil); unknown != nil {
			err = errors.Join(err, unknown)
		}
		return nil, inFile(name, err)
	}
	if err := knownOnly(name, &md); err != nil {
		return nil, err
	}
	c := &doc.Config
	c.Doors = make(map[string]Door, len(doc.Doors))
	c.Sinks = make(map[string]Sink, len(doc.Sinks))
	var mu sync.Mutex
	for _, key := range slices.Sorted(maps.Keys(doc.Doors)) {
		var d Door
		t := &table{&mu, &md, toml.Key{"doors", key}, doc.Doors[key], []string{"channel"}, name}
		if err := md.PrimitiveDecode(t.raw, &d); err != nil {
			return nil, inFile(name, err)
		}
		d.Settings = t.settings
		c.Doors[key] = d
	}
	for _, key := range slices.Sorted(maps.Keys(doc.Sinks)) {
		s := Sink{Address: "127.0.0.1:0", MaxBody: DefaultMaxBody}
		t := &table{&mu, &md, toml.Key{"sinks", key}, doc.Sinks[key], []string{"channel", "address", "max_body", "ordered", "apis_from"}, name}
		if err := md.PrimitiveDecode(t.raw, &s); err != nil {
			return nil, inFile(name, err)
		}
		s.Settings = t.settings
		if s.APIsFrom != "" {
			if !filepath.IsAbs(s.APIsFrom) {
				s.APIsFrom = filepath.Join(dir, s.APIsFrom)
			}
			s.Settings = withAPIs(t.settings, s.APIsFrom)
		}
		c.Sinks[key] = s
	}
	c.Record = doc.Record.Record
	c.Record.Taps = make(map[string]Tap, len(doc.Record.Taps))
	for _, key := range slices.Sorted(maps.Keys(doc.Record.Taps)) {
		var tap Tap
		t := &table{&mu, &md, toml.Key{"record", "taps", key}, doc.Record.Taps[key], []string{"channel", "side", "listen", "upstream", "name"}, name}
		if err := md.PrimitiveDecode(t.raw, &tap); err != nil {
			return nil, inFile(name, err)
		}
		tap.Settings = t.settings
		c.Record.Taps[key] = tap
	}
	c.fill()
	return c, nil
}

// knownOnly refuses keys that have no place, by the decoder's account and by ours.
func knownOnly(name string, md *toml.MetaData) error {
	if err := unknownKeys(md, nil, reflect.TypeFor[document](), nil); err != nil {
		return inFile(name, err)
	}
	for _, key := range md.Undecoded() {
		if key[0] != "doors" && key[0] != "sinks" && !(len(key) > 1 && key[0] == "record" && key[1] == "taps") {
			return fmt.Errorf("%s: unknown key %s", name, quote(key.String()))
		}
	}
	return nil
}

// fill sets what the file left out and makes paths absolute.
func (c *Config) fill() {
	for _, p := range []*string{&c.Corpus.Path, &c.Approvals.Path, &c.Approvals.KeyFile, &c.Report.JSON, &c.People.File} {
		if *p != "" {
			*p = c.under(*p)
		}
	}
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		if b := c.Build(role); b != nil {
			c.fillBuild(b, role)
		}
	}
	c.fillRecord()
	c.Follow.fill(c.Doors)
	if len(c.Scenarios) == 0 {
		c.Scenarios = []Scenario{{Name: "steady", Kind: Steady}}
	}
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		if s.Kind == Contention && s.GiveUp == nil {
			share := DefaultGiveUp
			s.GiveUp = &share
		}
		if s.Kind != Outage {
			continue
		}
		if len(s.Sinks) == 0 {
			s.Sinks = slices.Sorted(maps.Keys(c.Sinks))
		}
		if s.Mood == "" {
			s.Mood = Refuse
		}
		if s.To == 0 {
			s.To = 1
		}
	}
}

func (c *Config) fillBuild(b *Build, role gate.Role) {
	if b.Name == "" {
		b.Name = string(role)
	}
	b.Dir = c.under(b.Dir)
	orElse(&b.HookTimeout, Duration{DefaultHookTimeout})
	orElse(&b.Ready.Timeout, Duration{DefaultReadyTimeout})
	orElse(&b.Quiet.Timeout, Duration{DefaultQuietTimeout})
	orElse(&b.Stop.Timeout, Duration{DefaultStopTimeout})
	if len(b.Stop.Command) == 0 {
		orElse(&b.Stop.Signal, "TERM")
	}
	jobs := maps.Clone(c.Jobs)
	if jobs == nil {
		jobs = make(map[string]Job)
	}
	maps.Copy(jobs, b.Jobs)
	for name, j := range jobs {
		if j.Dir == "" {
			j.Dir = b.Dir
		}
		j.Dir = c.under(j.Dir)
		orElse(&j.Timeout, Duration{DefaultJobTimeout})
		jobs[name] = j
	}
	b.Jobs = jobs
}

// under makes a path absolute. One that begins with a variable is left alone:
// variables that stand for folders are absolute.
func (c *Config) under(path string) string {
	if filepath.IsAbs(path) || len(path) > 1 && path[:2] == "${" {
		return path
	}
	return filepath.Join(c.Dir, path)
}

func orElse[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
