package gate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// StateFacts says how what a build keeps was made fit for one replay, and what a check printed of
// it. Times are nanoseconds; 0 is a step that was not taken.
type StateFacts struct {
	Setup    int64       `json:"setup,omitempty"`
	Snapshot int64       `json:"snapshot,omitempty"`
	Restore  int64       `json:"restore,omitempty"`
	Migrate  int64       `json:"migrate,omitempty"`
	Check    int64       `json:"check,omitempty"`
	Before   []StateLine `json:"before,omitempty"` // what the check printed before the replay; none is that there was no check
	After    []StateLine `json:"after,omitempty"`  // and after it, where that was asked
}

// Longest takes over the times of o that are longer. s and o may be nil.
func (s *StateFacts) Longest(o *StateFacts) *StateFacts {
	if s == nil || o == nil {
		return cmp.Or(s, o)
	}
	l := *s
	l.Setup, l.Snapshot, l.Restore = max(s.Setup, o.Setup), max(s.Snapshot, o.Snapshot), max(s.Restore, o.Restore)
	l.Migrate, l.Check = max(s.Migrate, o.Migrate), max(s.Check, o.Check)
	return &l
}

// A StateLine is one line that a check of the state printed: its name, and a digest of it all. The
// line itself can hold anything.
type StateLine struct {
	Name   string `json:"name"` // its first word, such as the name of a table; [StateUnnamed] where that is none
	Digest string `json:"digest"`
}

// StateUnnamed is the name of a line that does not begin with one.
const StateUnnamed = "unnamed"

const (
	maxStateLines = 200 // beyond them the rest is one
	maxStateNames = 10  // that are told of a difference
	maxStateName  = 60  // characters
)

// StateLines reads what a check printed, line by line. Empty lines say nothing.
func StateLines(printed string) []StateLine {
	var lines []StateLine
	all := slices.DeleteFunc(strings.Split(printed, "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
	for i, line := range all {
		if i == maxStateLines-1 && len(all) > maxStateLines {
			return append(lines, StateLine{fmt.Sprintf("one of the lines from %d", i+1), stateDigest(strings.Join(all[i:], "\n"))})
		}
		lines = append(lines, StateLine{stateName(line), stateDigest(line)})
	}
	return lines
}

func stateDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// stateName is the word that a line begins with, before a value.
func stateName(line string) string {
	word := line
	if end := strings.IndexFunc(line, func(r rune) bool {
		return !(r == '_' || r == '.' || r == '-' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	}); end >= 0 {
		word = line[:end]
	}
	rest := line[len(word):]
	letter := word != "" && (word[0] == '_' || 'a' <= word[0]|0x20 && word[0]|0x20 <= 'z')
	if !letter || len(word) > maxStateName || rest == "" || !strings.ContainsRune(" \t|:=,;", rune(rest[0])) {
		return StateUnnamed
	}
	return word
}

// StateDiffers says how what a check printed differs from what it printed before: how many lines
// and their names, and nothing of what they hold. "" is that it does not.
func StateDiffers(before, after []StateLine) string {
	if slices.Equal(before, after) {
		return ""
	}
	type held map[StateLine]int
	were, are, names := held{}, held{}, [2]map[string]int{{}, {}}
	for _, l := range before {
		were[l]++
	}
	for _, l := range after {
		are[l]++
	}
	rest := func(lines []StateLine, other held, names map[string]int) (out []string) {
		other = maps.Clone(other)
		for _, l := range lines {
			if other[l] > 0 {
				other[l]--
				continue
			}
			names[l.Name]++
			out = append(out, l.Name)
		}
		return out
	}
	gone, come := rest(before, are, names[0]), rest(after, were, names[1])
	var changed, missing, added []string
	for _, name := range gone {
		if names[1][name] > 0 {
			names[1][name]--
			changed = append(changed, name)
		} else {
			missing = append(missing, name)
		}
	}
	for _, name := range come {
		if names[0][name] > 0 {
			names[0][name]--
		} else {
			added = append(added, name)
		}
	}
	var said []string
	for _, group := range []struct {
		names     []string
		one, many string
	}{{changed, "line differs", "lines differ"}, {missing, "line is missing", "lines are missing"}, {added, "line is new", "lines are new"}} {
		if n := len(group.names); n > 0 {
			said = append(said, fmt.Sprintf("%d %s (%s)", n, map[bool]string{true: group.one, false: group.many}[n == 1], fewNames(group.names)))
		}
	}
	if said == nil {
		return fmt.Sprintf("the %d lines stand in another order", len(after))
	}
	return strings.Join(said, ", ") + fmt.Sprintf(" of %d", max(len(before), len(after)))
}

// fewNames lists names, each once.
func fewNames(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - maxStateNames; more > 0 {
		return strings.Join(names[:maxStateNames], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}
