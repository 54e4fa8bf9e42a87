package gate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Severity is how bad a finding is.
type Severity string

// Severities. Only Block blocks; a Note is shown and asks for nothing.
const (
	Note  Severity = "note"
	Warn  Severity = "warn"
	Block Severity = "block"
)

// Family groups checks for people.
type Family string

// Families of checks.
const (
	Routing       Family = "routing"
	ContentFamily Family = "content"
	Egress        Family = "egress"
	Evidence      Family = "evidence"
)

// A Check is an opinion about comparisons. It sees a [Comparison] and nothing
// else, keeps no state, and gives equal findings for equal comparisons.
type Check struct {
	ID       string // permanent, kebab-case, says the fact: "recipient-added"
	Family   Family
	Severity Severity // the highest that its findings may have
	Doc      string   // first line: one sentence; then a blank line, and what it means, what to do

	// Run returns findings. An error means "could not judge" and makes the
	// verdict undecided.
	Run func(*Comparison) ([]Finding, error)
}

var checkID = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// Validate says what is wrong with c as a value, before anything is run.
func (c *Check) Validate() error {
	switch {
	case c == nil:
		return errors.New("check is nil")
	case !checkID.MatchString(c.ID):
		return fmt.Errorf("check %q: id is not kebab-case of two words or more", c.ID)
	case c.Run == nil:
		return fmt.Errorf("check %s: has no Run", c.ID)
	case c.Severity != Note && c.Severity != Warn && c.Severity != Block:
		return fmt.Errorf("check %s: %w", c.ID, &InvalidError{"severity", string(c.Severity)})
	case c.Family != Routing && c.Family != ContentFamily && c.Family != Egress && c.Family != Evidence:
		return fmt.Errorf("check %s: %w", c.ID, &InvalidError{"family", string(c.Family)})
	case strings.TrimSpace(c.Doc) == "" || !strings.Contains(c.Doc, "\n\n"):
		return fmt.Errorf("check %s: Doc needs a sentence, a blank line and an explanation", c.ID)
	}
	return nil
}

// Summary is the first line of Doc.
func (c *Check) Summary() string {
	s, _, _ := strings.Cut(strings.TrimSpace(c.Doc), "\n")
	return s
}

// Rank orders severities: higher is worse; 0 is no severity at all.
func (s Severity) Rank() int {
	switch s {
	case Note:
		return 1
	case Warn:
		return 2
	case Block:
		return 3
	}
	return 0
}
