package config

import (
	"maps"
	"slices"

	"github.com/BurntSushi/toml"
)

// HTTP is what stimuli of HTTP are given on their way to a build.
type HTTP struct {
	// Headers are set on each, in place of what was recorded under that name:
	// credentials of the environment under test. Values are expanded: see [Expand].
	Headers map[string]string `toml:"headers"`
}

// Dynamic corrects what is learnt of values that a build gives and that come back
// to it. Places are named as package dynamic names them; "*" as the last element
// stands for any.
type Dynamic struct {
	Off    bool     `toml:"off"`    // nothing is learnt, and nothing replaced in a replay
	Ignore []string `toml:"ignore"` // places whose values are sent as they were recorded
	Learn  []string `toml:"learn"`  // places whose values are bound however short they are
}

// Record is how traffic of production is recorded.
type Record struct {
	Folder      string   `toml:"folder"`       // where tapes are written; absolute once loaded
	RotateSize  Size     `toml:"rotate_size"`  // of a tape, in bytes on disk: then the next is begun
	RotateEvery Duration `toml:"rotate_every"` // after which the next is begun
	MaxBody     Size     `toml:"max_body"`     // bytes of a body that are kept
	Sample      Fraction `toml:"sample"`       // of the stimuli, by key: those of one session are kept or left out together
	Seed        string   `toml:"seed"`         // of the sampling
	RetainDays  int      `toml:"retain_days"`  // for how long a tape may be kept; 0 is without end

	Taps map[string]Tap `toml:"-"` // read apart, as doors are
}

// A Tap is one place where traffic is copied.
type Tap struct {
	Channel  string `toml:"channel"`  // name of the protocol
	Side     string `toml:"side"`     // "front": what comes in; "behind": what production sends
	Listen   string `toml:"listen"`   // host:port
	Upstream string `toml:"upstream"` // host:port or URL; a forward proxy has none
	Name     string `toml:"name"`     // of the door or sink that it stands for; the tap's own where it is not given

	Settings func(dst any) error `toml:"-"` // see [Door]
}

// Sides of a tap.
const (
	Front  = "front"
	Behind = "behind"
)

// Privacy says how people are replaced while traffic is recorded or imported.
type Privacy struct {
	KeyFile string `toml:"key_file"` // holds the key, at least 32 bytes as base64 or hex; absolute once loaded
	KeyEnv  string `toml:"key_env"`  // environment variable that holds it

	KeepIdentities bool     `toml:"keep_identities"` // nothing is replaced, and tapes and reports say so
	KeepDomains    []string `toml:"keep_domains"`    // mail domains, with those below them, and whole addresses, that stay as they are: the organisation's own; and its functions' display names there
	Regions        []string `toml:"regions"`         // regions of ISO 3166-1, such as "GB", in whose national format telephone numbers are found too
	Names          []string `toml:"names"`           // parts that hold names of people: "json/$.patient.name", "header/x-member", "form/surname"
	Fields         []string `toml:"fields"`          // parts whose whole values are replaced, length and kinds of characters kept
	Records        []Regexp `toml:"records"`         // patterns of record numbers; the first group where there is one, else all that is found
	Values         []string `toml:"values"`          // values that are replaced wherever they stand
}

// Encryption is of tapes at rest, with age (https://age-encryption.org/v1).
type Encryption struct {
	Recipients []string `toml:"recipients"` // age1..., ssh-ed25519 ..., or a plugin's; none: tapes are written in the clear
	Identities string   `toml:"identities"` // file with what reads them; absolute once loaded
}

// recordDocument is the table of recording as it stands in the file.
type recordDocument struct {
	Record
	Taps map[string]toml.Primitive `toml:"taps"`
}

// Bounds of what a file may ask of a recorder.
const (
	maxRetainDays = 3650
	maxRules      = 1000
)

func (c *Config) fillRecord() {
	for _, p := range []*string{&c.Record.Folder, &c.Privacy.KeyFile, &c.Encryption.Identities} {
		if *p != "" {
			*p = c.under(*p)
		}
	}
	orElse(&c.Record.RotateSize, DefaultRotateSize)
	orElse(&c.Record.RotateEvery, Duration{DefaultRotateEvery})
	orElse(&c.Record.MaxBody, DefaultRecordedBody)
	orElse(&c.Record.Sample, 1)
	for name, t := range c.Record.Taps {
		orElse(&t.Name, name)
		c.Record.Taps[name] = t
	}
}

func (c *Config) validateRecord(p *complaint) {
	named(p, "record.taps", c.Record.Taps)
	if n := c.Record.RetainDays; n < 0 || n > maxRetainDays {
		p.at("record.retain_days", "%d must be from 0 to %d", n, maxRetainDays)
	}
	if len(c.Record.Taps) > 0 && c.Record.Folder == "" {
		p.at("record.folder", "missing: the folder where tapes are written")
	}
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Record.Taps)) {
		t, key := c.Record.Taps[name], "record.taps."+name
		if t.Channel == "" {
			p.at(key+".channel", "missing: the protocol, such as \"http\"")
		}
		oneOf(p, key+".side", t.Side, Front, Behind)
		if _, err := address(t.Listen); err != nil {
			p.at(key+".listen", "%w", err)
		}
		if !nameForm.MatchString(t.Name) {
			p.at(key+".name", "a name is a lower-case letter, then up to 62 lower-case letters, digits and hyphens")
		}
		if other, taken := names[t.Side+" "+t.Name]; taken {
			p.at(key+".name", "%s is that of tap %s already", quote(t.Name), other)
		}
		names[t.Side+" "+t.Name] = name
		if t.Side == Front && t.Upstream == "" {
			p.at(key+".upstream", "missing: where production listens")
		}
	}
	if c.Privacy.KeyFile != "" && c.Privacy.KeyEnv != "" {
		p.at("privacy.key_env", "the key is in key_file already: give one of the two")
	}
	if c.Privacy.KeyEnv != "" && !envForm.MatchString(c.Privacy.KeyEnv) {
		p.at("privacy.key_env", "%s is not the name of an environment variable", quote(c.Privacy.KeyEnv))
	}
	for key, list := range map[string][]string{
		"privacy.keep_domains": c.Privacy.KeepDomains, "privacy.regions": c.Privacy.Regions, "privacy.names": c.Privacy.Names, "privacy.fields": c.Privacy.Fields,
		"privacy.values": c.Privacy.Values, "encryption.recipients": c.Encryption.Recipients,
		"dynamic.ignore": c.Dynamic.Ignore, "dynamic.learn": c.Dynamic.Learn,
	} {
		if len(list) > maxRules {
			p.at(key, "%d of them are more than %d", len(list), maxRules)
		}
		if slices.Contains(list, "") {
			p.at(key, "holds an empty string")
		}
	}
}
