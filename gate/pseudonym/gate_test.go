package pseudonym_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/pseudonym"
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// A clinicGate judges captures of the clinic in which people were replaced.
type clinicGate struct {
	cleaner    *pseudonym.Cleaner
	options    pipeline.Options
	traffic    *clinic.Traffic
	production [][]gate.Canonical
}

func newClinicGate(t *testing.T) *clinicGate {
	t.Helper()
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &clinicGate{traffic: clinic.Build(400), cleaner: cleaner(t, func(r *pseudonym.Rules) {
		r.KeepDomains = []string{clinic.Domain}
		r.Records = []*regexp.Regexp{regexp.MustCompile(`MRN-\d{7}`)}
	})}
	settings := map[string]channel.Settings{clinic.WebSink: func(dst any) error { return toml.Unmarshal([]byte(clinic.WebSettings), dst) }}
	g.options = pipeline.Options{
		Canon:  c.Message,
		Corpus: filepath.Join(t.TempDir(), "corpus.tape"),
		Decoder: func(name, sink, _ string) (channel.Decoder, error) {
			for _, p := range []channel.Protocol{smtp.Protocol(), http.Protocol()} {
				if p.Name == name {
					return p.Decode(settings[sink])
				}
			}
			return nil, fmt.Errorf("no channel %q", name)
		},
	}
	w, err := tape.Create(g.options.Corpus, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stimuli := g.traffic.Stimuli()
	for i := range stimuli {
		if err := g.cleaner.Stimulus(&stimuli[i], nil); err != nil {
			t.Fatalf("a stimulus of the clinic is refused: %v\n%s", err, stimuli[i].Head)
		}
		if err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &stimuli[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Stimuli: uint64(len(stimuli))}); err != nil {
		t.Fatal(err)
	}
	g.production = [][]gate.Canonical{g.run(t, "production", g.traffic, 1), g.run(t, "production", g.traffic, 2)}
	return g
}

// run is a capture, cleared, as it is compared.
func (g *clinicGate) run(t *testing.T, name string, traffic *clinic.Traffic, seed uint64) []gate.Canonical {
	t.Helper()
	var out []gate.Canonical
	messages := clinic.Capture(traffic, clinic.Style{}, seed)
	for i := range messages {
		m := &messages[i]
		if err := g.cleaner.Message(m); err != nil {
			t.Fatalf("a message of the clinic is refused: %v\n%s\n%s", err, m.Head, m.Body)
		}
		decode, err := g.options.Decoder(m.Channel, m.Sink, "")
		if err != nil {
			t.Fatal(err)
		}
		letters, err := decode(m)
		if err != nil {
			t.Fatal(err)
		}
		for j := range letters {
			out = append(out, g.options.Canon(m, &letters[j], gate.Ref{Tape: name, Offset: int64(i), Seq: m.Seq}))
		}
	}
	return out
}

func (g *clinicGate) judge(t *testing.T, staging []gate.Canonical) gate.Verdict {
	t.Helper()
	c, gaps, err := pipeline.CompareMessages(context.Background(), g.options, g.production, staging)
	if err != nil {
		t.Fatal(err)
	}
	findings, more := pipeline.Judge(checks.All(), c)
	if gaps = append(gaps, more...); len(gaps) > 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	return verdict.Decide(verdict.Input{Comparisons: []gate.Comparison{*c}, Findings: findings, Drill: "the suite itself"})
}

// Who receives what shows through pseudonyms: a correct build passes, and swaps, folds
// and disclosures block.
func TestFaultsShowThroughPseudonyms(t *testing.T) {
	g := newClinicGate(t)
	if v := g.judge(t, g.run(t, "staging", g.traffic, 3)); v.Decision != gate.Pass {
		t.Fatalf("the correct build: %v, %+v", v.Decision, v.Findings)
	}
	some := []string{"M01", "M03", "M10", "M37/link", "M08", "M12", "M13", "M26", "M28", "M29", "M30", "M31/plus", "M31/dots", "M31", "M33", "M36/leave", "M41/url"}
	planted := 0
	for i, f := range clinic.Faults() {
		if !slices.Contains(some, f.Key()) {
			continue
		}
		planted++
		traffic, _ := f.Planted(g.traffic, uint64(i))
		if v := g.judge(t, g.run(t, "staging", traffic, 100+uint64(i))); v.Decision != gate.Blocked {
			t.Errorf("%s, %s: %v", f.Key(), f.Name, v.Decision)
		}
	}
	if planted < 14 {
		t.Errorf("%d faults were planted: the catalogue names them otherwise now", planted)
	}
}
