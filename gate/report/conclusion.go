package report

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

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
	worst := "" // title of the first that blocks: findings stand most harmful first
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
		told := 1
		if d := disclosed(v); d.findings > 0 {
			c.text, told = d.sentence(), d.findings
		}
		if blocking > told {
			c.text += "; and " + plural(blocking-told, "more finding", "more findings")
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

// A disclosure is who would receive what belongs to whom, over all findings that block and whose
// evidence is weighed: what has no bits belongs to nobody.
type disclosure struct {
	findings int
	people   []string // who would receive it, most harmful finding first, each once
	parties  []string // outside hosts that would
	owners   []string // whose it is
}

func disclosed(v *gate.Verdict) disclosure {
	var d disclosure
	seen := map[*[]string]map[string]bool{&d.people: {}, &d.parties: {}, &d.owners: {}}
	add := func(to *[]string, id string) {
		if !seen[to][id] {
			seen[to][id] = true
			*to = append(*to, id)
		}
	}
	for i := range v.Findings {
		f := &v.Findings[i]
		if !open(f.State) || f.Bits <= 0 || len(f.Gained) == 0 || len(f.Owners) == 0 {
			continue
		}
		d.findings++
		for _, id := range f.Gained {
			if strings.HasPrefix(id, string(gate.Host)+":") {
				add(&d.parties, id)
			} else {
				add(&d.people, id)
			}
		}
		for _, id := range f.Owners {
			add(&d.owners, id)
		}
	}
	return d
}

// sentence says it in words that can be read aloud.
func (d *disclosure) sentence() string {
	var who []string
	if n := len(d.people); n > 0 {
		who = append(who, plural(n, "person", "people"))
	}
	if n := len(d.parties); n > 0 {
		who = append(who, plural(n, "outside party", "outside parties"))
	}
	return strings.Join(who, " and ") + " would receive what belongs to " + d.whose()
}

// whose says how many people it belongs to, as seen from those who would receive it.
func (d *disclosure) whose() string {
	receives := map[string]bool{}
	for _, id := range d.people {
		receives[id] = true
	}
	others := 0
	for _, id := range d.owners {
		if !receives[id] {
			others++
		}
	}
	switch n := len(d.owners); {
	case len(d.people) == 0:
		return plural(n, "person", "people")
	case len(d.people) == 1 && others > 0 || others == n: // of what is mixed, some is the recipient's own
		return plural(others, "other", "others")
	case others == 0 && len(d.people) == 2 && len(d.parties) == 0:
		return "each other"
	case others == 0 && len(d.parties) == 0:
		return "one another"
	default:
		return "others (" + plural(n, "person", "people") + " in all)"
	}
}

// whoToWhom names who would receive whose, or who gains and loses by the first finding that
// blocks, at most limit of each; "" where nothing blocks or nobody is named.
func whoToWhom(v *gate.Verdict, n *names, limit int) string {
	list := func(ids []string) string {
		var shown []string
		for _, id := range ids[:min(len(ids), limit)] {
			shown = append(shown, n.id(id))
		}
		text := strings.Join(shown, ", ")
		if more := len(ids) - limit; more > 0 {
			text += " and " + count(more) + " more"
		}
		return text
	}
	if d := disclosed(v); d.findings > 0 {
		return list(append(d.people[:len(d.people):len(d.people)], d.parties...)) + " would receive what belongs to " + list(d.owners)
	}
	for i := range v.Findings {
		f := &v.Findings[i]
		if !open(f.State) {
			continue
		}
		var parts []string
		if len(f.Gained) > 0 {
			parts = append(parts, list(f.Gained)+" would receive what they did not")
		}
		if len(f.Lost) > 0 {
			parts = append(parts, list(f.Lost)+" would no longer receive what they did")
		}
		return strings.Join(parts, "; ")
	}
	return ""
}
