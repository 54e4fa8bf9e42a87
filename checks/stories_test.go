package checks_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// judged compares two runs as the gate does, and gives "severity check: title" lines.
func judged(t *testing.T, before, after []gate.Canonical) ([]gate.Finding, []string) {
	t.Helper()
	c, gaps, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{before}, after)
	if err != nil {
		t.Fatal(err)
	}
	findings, more := pipeline.Judge(checks.All(), c)
	if gaps = append(gaps, more...); len(gaps) > 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	var lines []string
	for _, f := range findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s", f.Severity, f.Check, f.Title))
	}
	return findings, lines
}

func letter(seq int, to, text string) gate.Canonical {
	r := gate.Recipient{Kind: gate.Mail, Address: to, Role: gate.Envelope}
	return gate.Canonical{
		Ref: gate.Ref{Seq: uint64(seq)}, Channel: "smtp", Sink: "mail", Class: "answer", Recipients: []gate.Recipient{r},
		Parts: []gate.Part{
			{Name: "envelope/from", Kind: gate.Addresses, Value: "mail:desk@example.org"},
			{Name: "header/subject", Kind: gate.Text, Value: "Your question"},
			{Name: "header/to", Kind: gate.Addresses, Value: "mail:members@example.org"},
			{Name: "text", Kind: gate.Text, Value: text},
		},
	}
}

// August 2000: 858 members' answers are in a dead-letter file, and a drain script
// concatenates instead of separating, until stopped after 19 messages.
func TestKaiser2000(t *testing.T) {
	const members, reached = 858, 19
	address := func(i int) string { return fmt.Sprintf("member%d@example.net", i) }
	var july []gate.Canonical
	var texts []string
	for i := range members {
		text := fmt.Sprintf("Dear member%d surname%d,\nyour account 77%05d, telephone 510-555-%04d.\nTake remedy%d daily.", i, i, i, i, i)
		texts = append(texts, text)
		july = append(july, letter(i+1, address(i), text))
	}
	for name, form := range map[string]func(i int) (to string, texts []string){
		"all to each": func(i int) (string, []string) { return address(i), texts },
		"suffix":      func(i int) (string, []string) { return address(i), texts[i:] },
		"prefix":      func(i int) (string, []string) { n := members - reached + i; return address(n), texts[:n+1] },
	} {
		t.Run(name, func(t *testing.T) {
			var august []gate.Canonical
			for i := range reached {
				to, held := form(i)
				august = append(august, letter(i+1, to, strings.Join(held, "\n")))
			}
			findings, lines := judged(t, july, august)
			const want = "block facts-mixed: 19 messages to 19 recipients hold the messages of 858 people"
			if !slices.Contains(lines, want) {
				t.Errorf("no finding says %q:\n%s", want, strings.Join(lines, "\n"))
			}
			for _, f := range findings {
				if f.Check == "recipient-removed" && len(f.Lost) != members-reached {
					t.Errorf("%d people lose their answers, want %d", len(f.Lost), members-reached)
				}
			}
		})
	}
}

// One line of a virtual alias map: who lost and who gained are named, nobody else.
func TestOneAlias(t *testing.T) {
	var before, after []gate.Canonical
	for i, name := range []string{"anna", "bert", "cora", "dave"} {
		m := letter(i+1, name+"@example.net", fmt.Sprintf("Dear %s, your record 88%04d is ready.", name, i))
		before, after = append(before, m), append(after, m)
	}
	after[1].Recipients = []gate.Recipient{{Kind: gate.Mail, Address: "eve@example.net", Role: gate.Envelope}}
	findings, lines := judged(t, before, after)
	if len(findings) == 0 {
		t.Fatal("no finding")
	}
	for _, f := range findings {
		for _, id := range slices.Concat(f.Gained, f.Lost, f.Owners) {
			if id != "mail:bert@example.net" && id != "mail:eve@example.net" {
				t.Errorf("check %s names %s:\n%s", f.Check, id, strings.Join(lines, "\n"))
			}
		}
	}
	if !slices.ContainsFunc(findings, func(f gate.Finding) bool {
		return f.Check == "recipient-swapped" && slices.Equal(f.Gained, []string{"mail:eve@example.net"}) && slices.Equal(f.Lost, []string{"mail:bert@example.net"})
	}) {
		t.Errorf("no finding says who lost and who gained:\n%s", strings.Join(lines, "\n"))
	}
}
