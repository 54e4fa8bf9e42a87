package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Expand replaces each ${name} in s by its value in vars. A name that is not
// there is an error that names the nearest one. $${ stands for a plain ${.
// Values are put in as they are: they are not expanded again.
func Expand(s string, vars map[string]string) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1])
			b.WriteString("${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", fmt.Errorf("expand %q: ${ without }; write $${ for a plain ${", s[i:])
		}
		v, ok := vars[name]
		if !ok {
			return "", unknownName(name, vars)
		}
		b.WriteString(v)
		s = rest
	}
}

func unknownName(name string, vars map[string]string) error {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		return fmt.Errorf("expand ${%s}: environment variable %s is not set", name, env)
	}
	var names []string
	for n := range vars {
		if !strings.HasPrefix(n, "env.") {
			names = append(names, n)
		}
	}
	return fmt.Errorf("expand ${%s}: no such name: %s", name, hint(name, names))
}

// ExpandAll is [Expand] of each element.
func ExpandAll(ss []string, vars map[string]string) ([]string, error) {
	out := make([]string, len(ss))
	for i, s := range ss {
		var err error
		if out[i], err = Expand(s, vars); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A Scope is what names in commands, environment and probes of a build stand for.
type Scope struct {
	Config   string            // ${config}: absolute folder of waybill.toml
	State    string            // ${state}: absolute folder of the build's own state
	Snapshot string            // ${snapshot}: absolute folder beside it, for what is brought back before each replay
	CA       string            // ${ca}: file with the root that sinks' certificates are signed by, PEM
	Role     gate.Role         // ${role}
	Scenario string            // ${scenario}
	Doors    map[string]string // ${door.NAME}, ${door.NAME.host}, ${door.NAME.port}: host:port
	Sinks    map[string]string // ${sink.NAME}, ${sink.NAME.host}, ${sink.NAME.port}: host:port
	Env      []string          // ${env.NAME}: "NAME=value"
}

// Vars is the scope as [Expand] takes it.
func (s Scope) Vars() (map[string]string, error) {
	vars := map[string]string{
		"config": s.Config, "state": s.State, "snapshot": s.Snapshot, "ca": s.CA,
		"role": string(s.Role), "scenario": s.Scenario,
	}
	for prefix, addresses := range map[string]map[string]string{"door.": s.Doors, "sink.": s.Sinks} {
		for name, address := range addresses {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("address of %s%s: %w", prefix, name, err)
			}
			vars[prefix+name], vars[prefix+name+".host"], vars[prefix+name+".port"] = address, host, port
		}
	}
	for _, e := range s.Env {
		if k, v, ok := strings.Cut(e, "="); ok {
			vars["env."+k] = v
		}
	}
	return vars, nil
}

// An expansion expands strings with stand-ins, and keeps what is wrong with them. Names of the
// environment are taken to be set: they are looked up when the build is started.
type expansion struct {
	vars map[string]string
	errs []error
}

func (e *expansion) check(key string, ss ...string) {
	for _, s := range ss {
		for _, name := range environment(s) {
			e.vars[name] = ""
		}
		if _, err := Expand(s, e.vars); err != nil {
			e.errs = append(e.errs, fmt.Errorf("key %s: %w", quote(key), err))
		}
	}
}

// expansion has the names that commands of c's builds may have.
func (c *Config) expansion() (*expansion, error) {
	scope := Scope{Doors: map[string]string{}, Sinks: map[string]string{}}
	for name := range c.Doors {
		scope.Doors[name] = "127.0.0.1:1"
	}
	for name := range c.Sinks {
		scope.Sinks[name] = "127.0.0.1:1"
	}
	vars, err := scope.Vars()
	return &expansion{vars: vars}, err
}

// checkNames expands every string of a build.
func (c *Config) checkNames(key string, b *Build) error {
	e, err := c.expansion()
	if err != nil {
		return err
	}
	check := e.check
	check(key+".command", b.Command...)
	check(key+".dir", b.Dir)
	for _, name := range slices.Sorted(maps.Keys(b.Env)) {
		check(key+".env."+name, b.Env[name])
	}
	for _, argv := range b.Setup {
		check(key+".setup", argv...)
	}
	for _, argv := range b.Reset {
		check(key+".reset", argv...)
	}
	for _, argv := range b.Migrate {
		check(key+".migrate", argv...)
	}
	check(key+".ready", append([]string{b.Ready.HTTP, b.Ready.TCP}, b.Ready.Command...)...)
	check(key+".quiet", append([]string{b.Quiet.HTTP, b.Quiet.TCP}, b.Quiet.Command...)...)
	check(key+".stop.command", b.Stop.Command...)
	for _, name := range slices.Sorted(maps.Keys(b.Jobs)) {
		j := b.Jobs[name]
		check(key+".jobs."+name, append([]string{j.Dir}, j.Command...)...)
		for _, v := range slices.Sorted(maps.Keys(j.Env)) {
			check(key+".jobs."+name+".env."+v, j.Env[v])
		}
	}
	return errors.Join(e.errs...)
}

// environment returns the names of the form env.NAME that s mentions.
func environment(s string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(s, "${env.")
		if !ok {
			return names
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		names = append(names, "env."+name)
		s = after
	}
}
