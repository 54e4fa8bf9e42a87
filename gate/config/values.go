package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxDuration bounds every time-out: a gate that waits longer hangs.
const maxDuration = 24 * time.Hour

// Duration is a length of time, written as "30s", "5m", "300ms". It is greater
// than zero and at most a day.
type Duration struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a duration: write it like \"30s\", \"5m\" or \"300ms\"", b)
	case v <= 0 || v > maxDuration:
		return fmt.Errorf("duration %q must be greater than 0 and at most %s", b, maxDuration)
	}
	d.Duration = v
	return nil
}

// Size is a number of bytes, written as "64KiB", "128MiB", "1GiB" or a plain
// number. It is greater than zero and at most 4 GiB.
type Size int64

const maxSize = 4 << 30

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(b []byte) error {
	text, shift := string(b), 0
	for suffix, by := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if t, ok := strings.CutSuffix(text, suffix); ok {
			text, shift = t, by
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a size: write it like \"64KiB\", \"128MiB\" or \"1GiB\"", b)
	case n <= 0 || n > maxSize>>shift:
		return fmt.Errorf("size %q must be greater than 0 and at most 4GiB", b)
	}
	*s = Size(n << shift)
	return nil
}

// Fraction is a place in the corpus after its beginning: greater than 0, at most 1.
type Fraction float64

// UnmarshalTOML implements toml.Unmarshaler.
func (f *Fraction) UnmarshalTOML(v any) error {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case int64:
		n = float64(v)
	default:
		return fmt.Errorf("%v is not a fraction of the corpus: write a number greater than 0 and at most 1", v)
	}
	if !(n > 0 && n <= 1) {
		return fmt.Errorf("fraction %v must be greater than 0 and at most 1", n)
	}
	*f = Fraction(n)
	return nil
}

// Replays is how often production is replayed: a number, or "auto".
type Replays struct {
	Count int  // 1 to 20; with Auto, at least so often
	Auto  bool // until a further replay shows nothing new, at most [Replay] MaxReplays times
}

// UnmarshalTOML implements toml.Unmarshaler.
func (r *Replays) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case int64:
		*r = Replays{Count: int(max(min(v, math.MaxInt32), math.MinInt32))} // its range is checked with the rest
		return nil
	case string:
		if v == "auto" {
			*r = Replays{Count: DefaultReplays, Auto: true}
			return nil
		}
		return fmt.Errorf("unknown value %s: %s", quote(v), hint(v, []string{"auto"}))
	}
	return fmt.Errorf("%v is no number of replays: write a number from 1 to %d, or \"auto\"", v, maxReplays)
}

// Pace is how fast stimuli follow each other: 0 is as fast as the build takes
// them, 1 is as they were recorded, 10 is ten times as fast as that.
type Pace float64

// The named paces.
const (
	Fast       Pace = 0
	AsRecorded Pace = 1
)

const maxPace = 1e6

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Pace) UnmarshalText(b []byte) error {
	switch s := string(b); s {
	case "fast":
		*p = Fast
	case "recorded":
		*p = AsRecorded
	default:
		factor, ok := strings.CutSuffix(s, "x")
		n, err := strconv.ParseFloat(factor, 64)
		if !ok || err != nil || math.IsNaN(n) || n < 1/maxPace || n > maxPace {
			return fmt.Errorf("pace %q must be \"fast\", \"recorded\", or a factor such as \"10x\" or \"0.5x\" (at most %.0fx)", s, maxPace)
		}
		*p = Pace(n)
	}
	return nil
}

// String is the pace as it is written in the file.
func (p Pace) String() string {
	switch p {
	case Fast:
		return "fast"
	case AsRecorded:
		return "recorded"
	}
	return strconv.FormatFloat(float64(p), 'g', -1, 64) + "x"
}

// UnmarshalText implements encoding.TextUnmarshaler. A pattern that finds the
// empty string is refused: it would say that something was hidden everywhere.
func (r *Regexp) UnmarshalText(b []byte) error {
	re, err := regexp.Compile(string(b))
	if err != nil {
		return fmt.Errorf("pattern %q: %w", b, err)
	}
	if re.MatchString("") {
		return fmt.Errorf("pattern %q finds the empty string: a mask must find something (use + for *)", b)
	}
	r.Regexp = re
	return nil
}

// OneOrMore is a list of texts, of which one may be written without brackets.
type OneOrMore []string

// UnmarshalTOML implements toml.Unmarshaler.
func (o *OneOrMore) UnmarshalTOML(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	*o = make(OneOrMore, len(list))
	for i, one := range list {
		text, ok := one.(string)
		if !ok {
			return fmt.Errorf("%v is neither a text nor a list of texts", v)
		}
		(*o)[i] = text
	}
	return nil
}
