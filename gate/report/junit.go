package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"timestamp,attr,omitempty"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Failure *junitReason `xml:"failure"`
	Error   *junitReason `xml:"error"`
	Output  string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes v as one test suite of JUnit's XML: a case for the decision, one
// for each finding and one for each gap. What blocks is a failure, what was not
// seen an error; a verdict that does not pass has one or the other. Names and text
// are shown as [Options.Names] says.
func JUnit(w io.Writer, v *gate.Verdict, o Options) error {
	n := newNames(v, &o)
	s := junitSuite{Name: "waybill", Time: v.Made.At}
	c := conclude(v, n)
	decision := junitCase{Class: "waybill", Name: "who receives what"}
	switch {
	case c.code == gate.ExitPass:
		decision.Output = c.word + ": " + c.text
	case v.Decision == gate.Blocked && c.code == gate.ExitBlocked:
		decision.Failure = &junitReason{Message: c.word + ": " + c.text, Type: "blocked"}
	default:
		decision.Error = &junitReason{Message: c.word + ": " + c.text, Type: fmt.Sprintf("exit %d", c.code)}
	}
	if blind := strings.Join(blindLines(v, n, blindPlaces), "\n"); blind != "" {
		decision.Output = strings.TrimPrefix(decision.Output+"\n"+blind, "\n")
	}
	var reasons []string
	for _, r := range v.Reasons {
		reasons = append(reasons, fmt.Sprintf("exit %d: %s", r.Code, n.prose(r.Text)))
	}
	for _, r := range []*junitReason{decision.Failure, decision.Error} {
		if r != nil {
			r.Text = strings.Join(reasons, "\n")
		}
	}
	s.Cases = append(s.Cases, decision)
	for i := range v.Findings {
		f := &v.Findings[i]
		t := junitCase{Class: "waybill." + visible(f.Check, maxName), Name: visible(f.Fingerprint, maxName)}
		text := junitFinding(n, f, &o)
		if open(f.State) {
			t.Failure = &junitReason{Message: n.prose(f.Title), Type: visible(string(f.State), 40), Text: text}
		} else {
			t.Output = stateWord(f.State) + ": " + n.prose(f.Title) + "\n" + text
		}
		s.Cases = append(s.Cases, t)
	}
	for i := range v.Gaps {
		g := &v.Gaps[i]
		text := n.prose(g.Detail)
		if g.Count > 1 {
			text += " (" + count(g.Count) + " times)"
		}
		s.Cases = append(s.Cases, junitCase{Class: "waybill.gap." + visible(g.Kind, maxName), Name: n.prose(g.Where),
			Error: &junitReason{Message: text, Type: visible(g.Kind, maxName), Text: advice(g.Kind)}})
	}
	for i := range s.Cases {
		s.Tests++
		if s.Cases[i].Failure != nil {
			s.Failures++
		}
		if s.Cases[i].Error != nil {
			s.Errors++
		}
	}
	b, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write verdict as junit: %w", err)
	}
	if _, err := io.WriteString(w, xml.Header+string(b)+"\n"); err != nil {
		return fmt.Errorf("write verdict as junit: %w", err)
	}
	return nil
}

// junitFinding is who is concerned by a finding, a line each.
func junitFinding(n *names, f *gate.Judged, o *Options) string {
	var b strings.Builder
	for _, l := range []struct {
		label string
		ids   []string
	}{{"gains", f.Gained}, {"loses", f.Lost}, {"whose data", f.Owners}, {"outside", f.Parties}} {
		if len(l.ids) == 0 {
			continue
		}
		var list []string
		for _, id := range l.ids[:min(len(l.ids), o.limit())] {
			list = append(list, n.id(id))
		}
		fmt.Fprintf(&b, "%s: %s", l.label, strings.Join(list, ", "))
		if more := len(l.ids) - o.limit(); more > 0 {
			fmt.Fprintf(&b, " and %s more", count(more))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s", plural(f.Count, "message", "messages"))
	return b.String()
}
