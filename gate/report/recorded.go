package report

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// recordedLines say what production sent when the corpus was recorded beside what its replay
// sent, and how it answered: one line for each class of messages that the replay has another
// number of, one for all others, and one for answers. Classes are named where people are.
func recordedLines(v *gate.Verdict, names *names, shown bool) []string {
	var lines []string
	for i := range v.Recorded {
		t := &v.Recorded[i]
		recorded, replayed, alike := uint64(0), uint64(0), 0
		for n := range t.Sent {
			c := &t.Sent[n]
			recorded += c.Recorded
			replayed += min(c.Replayed, c.Recorded)
			if c.Recorded == c.Replayed {
				alike++
				continue
			}
			class := fmt.Sprintf("%s class %d", visible(c.Channel, 40), n+1)
			if shown {
				class = names.prose(visible(c.Class, maxName))
			}
			line := fmt.Sprintf("%s: recorded %s, replayed %s", class, count(c.Recorded), count(c.Replayed))
			if c.Reason != "" {
				line += ", " + names.prose(c.Reason)
			}
			if c.Allowed != "" {
				line += "; accepted by [[replay.allow]]"
			}
			lines = append(lines, line)
		}
		head := fmt.Sprintf("scenario %s: %s of %s recorded messages replayed", visible(t.Scenario, 60), count(replayed), count(recorded))
		if alike > 0 {
			head += fmt.Sprintf("; %s of %s as often as recorded", count(alike), plural(len(t.Sent), "class", "classes"))
		}
		lines = append([]string{head}, lines...)
		var answers []string
		for _, a := range t.Answers {
			answers = append(answers, fmt.Sprintf("%s recorded %s, production %s, staging %s", visible(a.Status, 10), count(a.Recorded), count(a.Production), count(a.Staging)))
		}
		if len(answers) > 0 {
			lines = append(lines, "answers: "+strings.Join(answers, "; "))
		}
	}
	return lines
}
