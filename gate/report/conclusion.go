package report

import "github.com/waybill-dev/waybill/gate"

// A conclusion is what every report says first.
type conclusion struct {
	code     int
	word     string // "Pass", "Blocked", "Undecided"
	text     string // what was found, safe to show
	approved int    // findings that a person accepted
}

func conclude(v *gate.Verdict, n *names) conclusion {
	blocking, warnings := 0, 0
	c := conclusion{code: v.ExitCode()}
	var worst string // title of the first that blocks: findings stand most harmful first
	for i := range v.Findings {
		switch {
		case open(v.Findings[i].State):
			if blocking++; blocking == 1 {
				worst = n.prose(v.Findings[i].Title)
			}
		case v.Findings[i].State == gate.Approved:
			c.approved++
		case v.Findings[i].Severity == gate.Warn:
			if warnings++; warnings == 1 && blocking == 0 {
				worst = n.prose(v.Findings[i].Title)
			}
		}
	}
	switch {
	case c.code == gate.ExitPass && c.approved > 0:
		c.word, c.text = "Pass", "every change is approved ("+plural(c.approved, "finding", "findings")+")"
	case c.code == gate.ExitPass && warnings > 0:
		c.word, c.text = "Pass", plural(warnings, "warning", "warnings")+": "+worst
	case c.code == gate.ExitPass:
		c.word, c.text = "Pass", "no recipient changes"
	case v.Decision == gate.Blocked && blocking > 0:
		c.word, c.text = "Blocked", worst
		if blocking > 1 {
			c.text += "; and " + plural(blocking-1, "finding more", "findings more")
		}
	case v.Decision == gate.Blocked:
		c.word, c.text = "Blocked", "the release is not to ship"
	case len(v.Reasons) > 0:
		c.word, c.text = "Undecided", n.prose(v.Reasons[0].Text)
	default:
		c.word, c.text = "Undecided", "nothing was judged"
	}
	return c
}
