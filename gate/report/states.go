package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// stateText says how long each step took that made the state fit, the longest of several replays.
func stateText(s *gate.StateFacts, replays int) string {
	var at []string
	for _, step := range []struct {
		name string
		took int64
	}{{"setup", s.Setup}, {"snapshot", s.Snapshot}, {"restore", s.Restore}, {"check", s.Check}, {"migrate", s.Migrate}} {
		if step.took > 0 {
			at = append(at, fmt.Sprintf("%s %.1f s", step.name, time.Duration(step.took).Seconds()))
		}
	}
	if at == nil {
		at = append(at, "kept as it was")
	}
	text := strings.Join(at, ", ")
	if replays > 1 {
		text += ", each the longest of its replays"
	}
	if n := len(s.Before); n > 0 {
		text += "; checked before each replay, " + plural(n, "line", "lines")
	}
	if n := len(s.After); n > 0 {
		text += "; and after it, " + plural(n, "line", "lines")
	}
	return text
}
