package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of what a file may ask for.
const (
	maxConcurrency = 4096
	maxReplays     = 20
	maxMessages    = 1_000_000_000
	maxNamed       = 1000 // doors, sinks, jobs, scenarios, masks: of each
)

// Signals are the names that [Stop] takes.
var Signals = []string{"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL"}

// A name becomes part of variables' names: WAYBILL_SINK_MAIL, ${sink.mail}.
var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	envForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// A complaint collects problems, each under the key that it is about.
type complaint []error

func (c *complaint) at(key, format string, args ...any) {
	*c = append(*c, fmt.Errorf("key %s: %w", quote(key), fmt.Errorf(format, args...)))
}

func (c *complaint) add(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		*c = append(*c, joined.Unwrap()...)
	} else if err != nil {
		*c = append(*c, err)
	}
}

// oneOf complains where v is none of the known.
func oneOf[T ~string](p *complaint, key string, v T, known ...T) {
	if slices.Contains(known, v) {
		return
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	p.at(key, "unknown value %s: %s", quote(string(v)), hint(string(v), names))
}

func between[T int | uint64](p *complaint, key string, v, low, high T) {
	if v < low || v > high {
		p.at(key, "%d must be from %d to %d", v, low, high)
	}
}

func named[T any](p *complaint, key string, table map[string]T) {
	if len(table) > maxNamed {
		p.at(key, "%d of them are more than %d", len(table), maxNamed)
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !nameForm.MatchString(name) {
			p.at(key+"."+name, "a name is a lower-case letter, then up to 62 lower-case letters, digits and hyphens")
		}
	}
}

// Validate tells every problem of c at once. [Load] has called it.
func (c *Config) Validate() error {
	var p complaint
	c.validateVersion(&p)
	c.validateRecord(&p)
	oneOf(&p, "baseline", c.Baseline, Replayed, Recorded)
	if c.Corpus.Path == "" {
		p.at("corpus.path", "missing: the file with the stimuli, such as \"corpus.tape\"")
	}
	if c.Corpus.Digest != "" && !digestForm.MatchString(c.Corpus.Digest) {
		p.at("corpus.digest", "%q is not \"sha256:\" and 64 lower-case hex digits", c.Corpus.Digest)
	}
	c.validateEnds(&p)
	c.validateReplay(&p)
	c.validateScenarios(&p)
	c.validateState(&p)
	c.validateMasks(&p)
	c.validateReplies(&p)
	c.validateFollow(&p)
	c.validatePolicy(&p)
	named(&p, "jobs", c.Jobs)
	if c.Production == nil && c.Baseline != Recorded {
		p.at("production", "missing: say how the production build is started, or write baseline = %q", Recorded)
	}
	if c.Staging == nil {
		p.at("staging", "missing: say how the staging build is started")
	}
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		if b := c.Build(role); b != nil {
			c.validateBuild(&p, string(role), b)
		}
	}
	if c.Production != nil && c.Staging != nil {
		c.validatePair(&p)
	}
	if c.Approvals.Path == "" {
		p.at("approvals.path", "empty")
	}
	if n := c.Approvals.MaxDays; n < 0 || n > maxRetainDays {
		p.at("approvals.max_days", "%d must be from 1 to %d", n, maxRetainDays)
	}
	if c.Publish.Key != "" && !nameForm.MatchString(c.Publish.Key) {
		p.at("publish.key", "a key is a lower-case letter, then up to 62 lower-case letters, digits and hyphens")
	}
	if org, team, ok := strings.Cut(c.Approvals.Team, "/"); c.Approvals.Team != "" && (!ok || org == "" || team == "" || strings.Contains(team, "/")) {
		p.at("approvals.team", "%q is not written as org/team", c.Approvals.Team)
	}
	return errors.Join(p...)
}

// ValidateRecording tells every problem that recording and importing with c would have.
func (c *Config) ValidateRecording() error {
	var p complaint
	c.validateVersion(&p)
	c.validateRecord(&p)
	return errors.Join(p...)
}

func (c *Config) validateVersion(p *complaint) {
	switch {
	case c.Version == 0:
		p.at("version", "missing: write version = %d", Version)
	case c.Version != Version:
		p.at("version", "%d is not known; this waybill reads version %d", c.Version, Version)
	}
}

func (c *Config) validateEnds(p *complaint) {
	named(p, "doors", c.Doors)
	named(p, "sinks", c.Sinks)
	for _, name := range slices.Sorted(maps.Keys(c.Doors)) {
		if c.Doors[name].Channel == "" {
			p.at("doors."+name+".channel", "missing: the protocol, such as \"http\"")
		}
	}
	if len(c.Sinks) == 0 {
		p.at("sinks", "missing: without a sink nothing that a build sends is seen")
	}
	taken := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		s, key := c.Sinks[name], "sinks."+name
		if s.Channel == "" {
			p.at(key+".channel", "missing: the protocol, such as \"smtp\"")
		}
		port, err := address(s.Address)
		if err != nil {
			p.at(key+".address", "%w", err)
		} else if other, ok := taken[s.Address]; ok && port != 0 {
			p.at(key+".address", "%s is the address of sinks.%s already", s.Address, other)
		} else if port != 0 && c.Replay.Builds == SideBySide {
			p.at(key+".address", "%s can serve one build at a time: write port 0, or builds = %q", s.Address, InTurn)
		}
		taken[s.Address] = name
	}
}

// address checks host:port and returns the port.
func address(s string) (int, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return 0, fmt.Errorf("%q is not host:port, such as \"127.0.0.1:8080\"", s)
	}
	return int(n), nil
}

func (c *Config) validateReplay(p *complaint) {
	r := &c.Replay
	between(p, "replay.concurrency", r.Concurrency, 1, maxConcurrency)
	between(p, "replay.replays", r.Replays.Count, 1, maxReplays)
	between(p, "replay.max_replays", r.MaxReplays, 2, maxReplays)
	between(p, "replay.max_messages", r.MaxMessages, 1, maxMessages)
	if !(0 <= r.MaxFailed && r.MaxFailed < 1) {
		p.at("replay.max_failed", "%v must be at least 0 and less than 1", r.MaxFailed)
	}
	oneOf(p, "replay.builds", r.Builds, InTurn, SideBySide)
	oneOf(p, "replay.order", r.Order, BySessions, InSequence)
	if len(r.Allow) > maxNamed {
		p.at("replay.allow", "%d of them are more than %d", len(r.Allow), maxNamed)
		return
	}
	seen := make(map[string]bool)
	for i, a := range r.Allow {
		switch {
		case a.Class == "":
			p.at("replay.allow.class", "entry %d: missing: the class of messages that are not replayed, as the gap names it", i+1)
		case seen[a.Class]:
			p.at("replay.allow.class", "entry %d: %s is accepted already", i+1, quote(a.Class))
		}
		seen[a.Class] = true
		if a.Messages == 0 {
			p.at("replay.allow.messages", "entry %d: missing: how many messages fewer are accepted", i+1)
		}
		if strings.TrimSpace(a.Reason) == "" {
			p.at("replay.allow.reason", "entry %d: missing: why messages that production sent are not replayed", i+1)
		}
	}
}

func (c *Config) validateScenarios(p *complaint) {
	if len(c.Scenarios) > maxNamed {
		p.at("scenarios", "%d of them are more than %d", len(c.Scenarios), maxNamed)
		return
	}
	seen := make(map[string]bool)
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		key := "scenarios." + s.Name
		switch {
		case s.Name == "":
			p.at("scenarios", "scenario %d has no name", i+1)
		case !nameForm.MatchString(s.Name):
			p.at(key, "a name is a lower-case letter, then up to 62 lower-case letters, digits and hyphens")
		case seen[s.Name]:
			p.at(key, "two scenarios have this name")
		}
		seen[s.Name] = true
		oneOf(p, key+".kind", s.Kind, Steady, Outage, Alone, Cache, Contention)
		switch {
		case s.Kind == Contention:
			c.validateAsking(p, key)
			if g := s.GiveUp; g != nil && !(0 <= *g && *g <= 1) {
				p.at(key+".giveup", "%v is no share from 0 to 1", *g)
			}
			if c.Replay.Concurrency < 2 {
				p.at(key+".kind", "nothing contends where replay.concurrency is 1")
			}
		case s.Kind == Cache:
			c.validateAsking(p, key)
			fallthrough
		default:
			if s.Seed != 0 || s.GiveUp != nil {
				p.at(key, "seed and giveup are of a contention only")
			}
		}
		if s.Kind == Outage {
			c.validateOutage(p, key, s)
		} else if len(s.Sinks) > 0 || s.Mood != "" || s.From != 0 || s.To != 0 {
			p.at(key, "sinks, mood, from and to are of an outage only")
		}
		if s.Kind == Alone && len(s.Jobs) == 0 {
			p.at(key+".jobs", "missing: which jobs are run")
		}
		for _, job := range s.Jobs {
			for _, role := range []gate.Role{gate.Production, gate.Staging} {
				b := c.Build(role)
				if b == nil {
					continue
				}
				if _, ok := b.Jobs[job]; !ok {
					p.at(key+".jobs", "%s has no job %s: %s", role, quote(job), hint(job, slices.Collect(maps.Keys(b.Jobs))))
				}
			}
		}
	}
}

// validateAsking complains of a scenario of which all that it does is to have answers compared.
func (c *Config) validateAsking(p *complaint, key string) {
	if len(httpDoors(c.Doors)) == 0 {
		p.at(key+".kind", "there is no door of channel http to ask at")
	}
	if c.Replies.Compare == Off {
		p.at(key+".kind", "it compares what is answered, and replies.compare is off")
	}
	if c.Baseline == Recorded {
		p.at(key+".kind", "baseline = %q has no production to ask the same", Recorded)
	}
}

func (c *Config) validateOutage(p *complaint, key string, s *Scenario) {
	oneOf(p, key+".mood", s.Mood, Refuse, Drop, Limit, Lose)
	for i, name := range s.Sinks {
		if _, ok := c.Sinks[name]; !ok {
			p.at(key+".sinks", "no sink %s: %s", quote(name), hint(name, slices.Collect(maps.Keys(c.Sinks))))
		}
		if slices.Contains(s.Sinks[:i], name) {
			p.at(key+".sinks", "sink %s is named twice", quote(name))
		}
	}
	if !(s.From >= 0 && s.From < 1) || !(float64(s.To) > s.From) {
		p.at(key, "from = %v and to = %v must be fractions of the corpus, from before to", s.From, float64(s.To))
	}
}

func (c *Config) validateMasks(p *complaint) {
	if len(c.Masks) > maxNamed {
		p.at("masks", "%d of them are more than %d", len(c.Masks), maxNamed)
		return
	}
	for i, m := range c.Masks {
		key := "masks"
		if m.Part == "" {
			p.at(key+".part", "mask %d: missing: the part that it reaches, such as \"text\"", i+1)
		}
		if m.Pattern.Regexp == nil {
			p.at(key+".pattern", "mask %d: missing: what it hides", i+1)
		}
		if m.Rule == "" {
			p.at(key+".rule", "mask %d: missing: a name for what it hides, such as \"ticket number\"", i+1)
		}
	}
}

func (c *Config) validateReplies(p *complaint) {
	oneOf(p, "replies.compare", c.Replies.Compare, On, Off)
	if c.Replies.Compare == Off && strings.TrimSpace(c.Replies.Reason) == "" {
		p.at("replies.reason", "missing: why what members are shown is not compared")
	}
	if n := c.Replies.MaxAnswer; n < 1<<10 || n > 64<<20 {
		p.at("replies.max_answer", "%d is not from 1024 to 67108864 bytes", n)
	}
}

func (c *Config) validatePolicy(p *complaint) {
	oneOf(p, "policy.blind", c.Policy.Blind, BlindReported, BlindUndecided)
	if len(c.Policy.Opaque) > maxNamed {
		p.at("policy.opaque", "%d of them are more than %d", len(c.Policy.Opaque), maxNamed)
		return
	}
	seen := make(map[string]bool)
	for i, o := range c.Policy.Opaque {
		switch {
		case o.Class == "":
			p.at("policy.opaque.class", "entry %d: missing: the class whose content cannot be read, as the gap names it", i+1)
		case seen[o.Class]:
			p.at("policy.opaque.class", "entry %d: %s is accepted already", i+1, quote(o.Class))
		}
		seen[o.Class] = true
		if strings.TrimSpace(o.Reason) == "" {
			p.at("policy.opaque.reason", "entry %d: missing: why content that nobody compares is accepted", i+1)
		}
	}
}

func (c *Config) validateBuild(p *complaint, key string, b *Build) {
	for _, name := range slices.Sorted(maps.Keys(b.Doors)) {
		addr := b.Doors[name]
		if _, ok := c.Doors[name]; !ok {
			p.at(key+".doors", "no door %s: %s", quote(name), hint(name, slices.Collect(maps.Keys(c.Doors))))
		} else if port, err := address(addr); err != nil || port == 0 {
			p.at(key+".doors."+name, "%q must be host:port with a port other than 0", addr)
		}
	}
	if len(b.Command) == 0 {
		for _, name := range slices.Sorted(maps.Keys(c.Doors)) {
			if b.Doors[name] == "" {
				p.at(key, "no command, and no address for door %s: give a command that starts the build, or doors = { %s = \"host:port\" } where it runs already", quote(name), name)
			}
		}
		if len(c.Doors) == 0 && len(b.Jobs) == 0 {
			p.at(key, "no command, no doors and no jobs: there is nothing to replay against")
		}
	}
	for _, list := range []struct {
		key   string
		argvs [][]string
	}{
		{"command", [][]string{b.Command}}, {"setup", b.Setup}, {"reset", b.Reset}, {"migrate", b.Migrate},
		{"ready.command", [][]string{b.Ready.Command}}, {"quiet.command", [][]string{b.Quiet.Command}}, {"stop.command", [][]string{b.Stop.Command}},
	} {
		for _, argv := range list.argvs {
			command(p, key+"."+list.key, argv, list.key == "setup" || list.key == "reset" || list.key == "migrate")
		}
	}
	variables(p, key+".env", b.Env)
	probe(p, key+".ready", &b.Ready)
	probe(p, key+".quiet", &b.Quiet)
	if b.Ready.Settle != (Duration{}) {
		p.at(key+".ready.settle", "only quiet has it")
	}
	if b.Stop.Signal != "" {
		oneOf(p, key+".stop.signal", b.Stop.Signal, Signals...)
	}
	if b.Stop.Signal != "" && len(b.Stop.Command) > 0 {
		p.at(key+".stop", "signal and command are both given: choose one")
	}
	named(p, key+".jobs", b.Jobs)
	for _, name := range slices.Sorted(maps.Keys(b.Jobs)) {
		command(p, key+".jobs."+name+".command", b.Jobs[name].Command, true)
		variables(p, key+".jobs."+name+".env", b.Jobs[name].Env)
	}
	p.add(c.checkNames(key, b))
}

func command(p *complaint, key string, argv []string, needed bool) {
	if needed && len(argv) == 0 {
		p.at(key, "an empty command")
	}
	if len(argv) > 0 && argv[0] == "" {
		p.at(key, "a command begins with the name of a program")
	}
	if slices.ContainsFunc(argv, func(s string) bool { return strings.ContainsRune(s, 0) }) {
		p.at(key, "a NUL byte cannot be passed to a command")
	}
}

func variables(p *complaint, key string, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch {
		case !envForm.MatchString(name):
			p.at(key, "%q is not the name of an environment variable", name)
		case strings.HasPrefix(name, "WAYBILL_"):
			p.at(key+"."+name, "names that begin with WAYBILL_ are set by waybill")
		case strings.ContainsRune(env[name], 0):
			p.at(key+"."+name, "a NUL byte cannot be passed in the environment")
		}
	}
}

func probe(p *complaint, key string, b *Probe) {
	ways := 0
	if b.HTTP != "" {
		ways++
		// Variables stand for hosts and ports: put some in before reading the URL.
		u, err := url.Parse(standIn.ReplaceAllString(b.HTTP, "1"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			p.at(key+".http", "%q is not a URL such as \"http://${door.web}/healthz\"", b.HTTP)
		}
	}
	if b.TCP != "" {
		ways++
	}
	if len(b.Command) > 0 {
		ways++
	}
	if ways > 1 {
		p.at(key, "http, tcp and command are ways to ask the same: choose one")
	}
}

var standIn = regexp.MustCompile(`\$\{[^}]*\}`)

// validatePair refuses two builds that would be one, or share an address at one time.
func (c *Config) validatePair(p *complaint) {
	for _, name := range slices.Sorted(maps.Keys(c.Doors)) {
		a, b := c.Production.Doors[name], c.Staging.Doors[name]
		if a == "" || a != b {
			continue
		}
		if len(c.Production.Command) == 0 || len(c.Staging.Command) == 0 {
			p.at("staging.doors."+name, "%s is production's address too, and waybill does not start both: it would be compared with itself", b)
		} else if c.Replay.Builds == SideBySide {
			p.at("staging.doors."+name, "%s is production's address too: write builds = %q", b, InTurn)
		}
	}
}
