package config

import (
	"maps"
	"net"
	"slices"
	"strings"
)

// Follow says which links in what a build sent are asked for once it is quiet.
type Follow struct {
	Hosts    []string        `toml:"hosts"`     // of the build's own links: "shop.example.org", "*.example.org"; addresses of doors are own too
	Door     string          `toml:"door"`      // where they are asked for; the only one of channel "http" where it is not given
	Never    []Regexp        `toml:"never"`     // links that match are not asked for
	Session  FollowedSession `toml:"session"`   // with whose session
	MaxLinks int             `toml:"max_links"` // in one replay; more is a gap
}

// FollowedSession says with whose session links are asked for.
type FollowedSession string

// The two ways.
const (
	RecipientSession FollowedSession = "recipient" // of whom the link was sent to, where it is known
	NoSession        FollowedSession = "none"
)

// DefaultMaxLinks is how many links are asked for in one replay where the file does not say it.
const DefaultMaxLinks = 10_000

const maxLinks = 1_000_000

// fill sets what the file left out.
func (f *Follow) fill(doors map[string]Door) {
	if f == nil {
		return
	}
	if f.Session == "" {
		f.Session = RecipientSession
	}
	if f.MaxLinks == 0 {
		f.MaxLinks = DefaultMaxLinks
	}
	for i, h := range f.Hosts {
		f.Hosts[i] = strings.ToLower(h)
	}
	if web := httpDoors(doors); f.Door == "" && len(web) == 1 {
		f.Door = web[0]
	}
}

// httpDoors are the names of the doors at which links can be asked for, sorted.
func httpDoors(doors map[string]Door) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(doors)) {
		if doors[name].Channel == "http" {
			names = append(names, name)
		}
	}
	return names
}

func (c *Config) validateFollow(p *complaint) {
	f := c.Follow
	if f == nil {
		return
	}
	switch web := httpDoors(c.Doors); {
	case f.Door == "":
		p.at("follow.door", "missing: at which door links are asked for; of channel http there are %d", len(web))
	case !slices.Contains(web, f.Door):
		p.at("follow.door", "no door %s of channel http: %s", quote(f.Door), hint(f.Door, web))
	}
	for _, h := range f.Hosts {
		name := strings.TrimPrefix(h, "*.")
		if name == "" || strings.ContainsAny(name, "*/:@ ") || net.ParseIP(name) == nil && !strings.Contains(name, ".") && name != "localhost" {
			p.at("follow.hosts", "%s is no host such as \"shop.example.org\" or \"*.example.org\"", quote(h))
		}
	}
	for _, r := range f.Never {
		if r.Regexp == nil {
			p.at("follow.never", "an empty pattern names nothing")
		}
	}
	oneOf(p, "follow.session", f.Session, RecipientSession, NoSession)
	between(p, "follow.max_links", f.MaxLinks, 1, maxLinks)
	if c.Replies.Compare == Off {
		p.at("follow", "what links lead to is compared as answers are, and replies.compare is off")
	}
	if c.Baseline == Recorded {
		p.at("follow", "baseline = %q has no production to ask for the same links", Recorded)
	}
}
