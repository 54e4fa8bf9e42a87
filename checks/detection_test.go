package checks_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
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
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// usualSize is how many messages a run has where nobody asks for another number.
const usualSize = 1000

var (
	detectionSize = flag.Int("detection.size", usualSize, "messages in each run of the detection suite; the full run has 10000")
	detectionSeed = flag.Uint64("detection.seed", 1, "seed of the detection suite: which messages are hit, and what is fresh in a replay")
)

// detectionVolume is how many messages a run of the detection suite has.
func detectionVolume() int {
	if testing.Short() {
		return min(*detectionSize, 400)
	}
	return *detectionSize
}

// detector is the whole gate over captures of the clinic.
type detector struct {
	options    pipeline.Options
	production [][]gate.Canonical
	traffic    *clinic.Traffic
	traced     bool // whether messages carry the traces of their stimuli
	seed       uint64
}

func newDetector(t *testing.T, size int, seed uint64, traced bool, with ...clinic.Feature) *detector {
	t.Helper()
	settings := map[string]channel.Settings{clinic.WebSink: func(dst any) error { return toml.Unmarshal([]byte(clinic.WebSettings), dst) }}
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &detector{traffic: clinic.Build(size, with...), traced: traced, seed: seed * 1000}
	d.options = pipeline.Options{
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
	w, err := tape.Create(d.options.Corpus, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stimuli := d.traffic.Stimuli()
	for i := range stimuli {
		if err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &stimuli[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Stimuli: uint64(len(stimuli))}); err != nil {
		t.Fatal(err)
	}
	for replay := range uint64(2) {
		run, err := d.canonical("production", clinic.Capture(d.traffic, clinic.Style{Traced: traced}, d.seed+replay))
		if err != nil {
			t.Fatal(err)
		}
		d.production = append(d.production, run)
	}
	return d
}

// canonical decodes messages as a tape of them would be read.
func (d *detector) canonical(run string, messages []gate.Message) ([]gate.Canonical, error) {
	decoders := map[string]channel.Decoder{}
	var out []gate.Canonical
	for i := range messages {
		m := &messages[i]
		decode := decoders[m.Sink]
		if decode == nil {
			var err error
			if decode, err = d.options.Decoder(m.Channel, m.Sink, ""); err != nil {
				return nil, err
			}
			decoders[m.Sink] = decode
		}
		letters, err := decode(m)
		if err != nil {
			return nil, err
		}
		for j := range letters {
			out = append(out, d.options.Canon(m, &letters[j], gate.Ref{Tape: run, Offset: int64(i), Seq: m.Seq}))
		}
	}
	return out, nil
}

// judge has a run of staging judged. A gap is an error: the clinic sends nothing
// that cannot be read.
func (d *detector) judge(t *clinic.Traffic, style clinic.Style, seed uint64) (*gate.Verdict, *gate.Comparison, error) {
	style.Traced = d.traced
	staging, err := d.canonical("staging", clinic.Capture(t, style, d.seed+seed))
	if err != nil {
		return nil, nil, err
	}
	c, gaps, err := pipeline.CompareMessages(context.Background(), d.options, d.production, staging)
	if err != nil {
		return nil, nil, err
	}
	findings, more := pipeline.Judge(checks.All(), c)
	if gaps = append(gaps, more...); len(gaps) > 0 {
		return nil, nil, fmt.Errorf("gaps: %+v", gaps)
	}
	v := verdict.Decide(verdict.Input{Comparisons: []gate.Comparison{*c}, Findings: findings, Drill: "the suite itself"})
	return &v, c, nil
}

// TestDetection plants every fault of the catalogue alone, makes every benign
// change to all messages, and both beside each other, in captures. See the package
// clinic.
func TestDetection(t *testing.T) {
	detect(t, newDetector(t, detectionVolume(), *detectionSeed, false), clinic.Faults(), clinic.Changes())
}

// TestDetectionOfFresh does the same where more is made anew in each replay, in more forms.
func TestDetectionOfFresh(t *testing.T) {
	detect(t, newDetector(t, detectionVolume(), *detectionSeed, false, clinic.Fresh), clinic.FreshFaults(), clinic.FreshChanges())
}

// TestDetectionOfArrivals replays the correct build where numbers are given in order of
// arrival, which differs from replay to replay: once production's replays have shown that, no
// finding blocks, and what they have not shown is a gap that says so.
func TestDetectionOfArrivals(t *testing.T) {
	d := newDetector(t, detectionVolume(), *detectionSeed, false, clinic.Fresh, clinic.Arrivals)
	for n := range 8 {
		run, err := d.canonical("production", clinic.Capture(d.traffic, clinic.Style{}, d.seed+50+uint64(n)))
		if err != nil {
			t.Fatal(err)
		}
		d.production = append(d.production, run)
	}
	moved := false
	for seed := range uint64(5) {
		staging, err := d.canonical("staging", clinic.Capture(d.traffic, clinic.Style{}, d.seed+seed+2))
		if err != nil {
			t.Fatal(err)
		}
		c, gaps, err := pipeline.CompareMessages(context.Background(), d.options, d.production, staging)
		if err != nil {
			t.Fatal(err)
		}
		findings, more := pipeline.Judge(checks.All(), c)
		for _, g := range append(gaps, more...) {
			if g.Kind != gate.GapArrival {
				t.Errorf("seed %d: gap %+v", seed, g)
			}
		}
		for i := range findings {
			if findings[i].Severity == gate.Block {
				t.Errorf("seed %d: %s", seed, judgedAs("blocked", findings))
				break
			}
		}
		moved = moved || slices.ContainsFunc(c.Masks, func(m gate.Masked) bool { return m.Part == "body/$.ticket" })
	}
	if !moved {
		t.Error("no number moved: nothing was tested")
	}
}

func detect(t *testing.T, d *detector, faults []clinic.Fault, changes []clinic.Change) {
	t.Helper()
	plain, _, err := d.judge(d.traffic, clinic.Style{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Decision != gate.Pass || len(plain.Findings) > 0 {
		t.Fatalf("the correct build replayed once more: %v\n%s", plain.Decision, shown(plain))
	}
	r := newRecord()
	judge := func(t *testing.T, traffic *clinic.Traffic, style clinic.Style, seed uint64) *gate.Verdict {
		v, _, err := d.judge(traffic, style, seed)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Run("faults", func(t *testing.T) {
		for i, f := range faults {
			t.Run(f.Key(), func(t *testing.T) {
				t.Parallel()
				planted, affected := f.Planted(d.traffic, d.seed+uint64(i))
				r.fault(t, i, &f, judge(t, planted, clinic.Style{}, 100+uint64(i)), affected)
			})
		}
	})
	t.Run("benign", func(t *testing.T) {
		for i, c := range changes {
			t.Run(c.ID+" "+c.Name, func(t *testing.T) {
				t.Parallel()
				r.benign(t, i, &c, judge(t, d.traffic, c.Style, 300+uint64(i)))
			})
			for n, f := range near(t, &c) {
				t.Run(c.ID+" "+c.Name+" with "+f.Key(), func(t *testing.T) {
					t.Parallel()
					seed := 1000 + uint64(10*i+n)
					planted, affected := f.Planted(d.traffic, d.seed+seed)
					r.pair(t, 10*i+n, &c, &f, judge(t, planted, c.Style, seed), affected)
				})
			}
		}
	})
	t.Logf("planted in captures: %d messages a run, %d deliveries, seed %d\n%s", len(d.traffic.Mails)+len(d.traffic.Calls), plain.Comparisons[0].Production.Deliveries, *detectionSeed, r)
}

// Every fault of the catalogue's eight families is among those that are planted, but for
// those that are not of what a build sends: M20, M23, M38, M42 and M44 to M56 are no ids of
// it, M63 has a test of its own, and M66 to M68 are of replies.
func TestDetectionIsWhole(t *testing.T) {
	ids := map[string]bool{"M63": true}
	for _, f := range slices.Concat(clinic.Faults(), clinic.FreshFaults()) {
		ids[f.ID] = true
		if len(told[f.Key()]) == 0 {
			t.Errorf("nothing says which check must find %s", f.Key())
		}
	}
	no := map[int]bool{20: true, 23: true, 38: true, 42: true, 66: true, 67: true, 68: true}
	for n := 1; n <= 70; n++ {
		if id := fmt.Sprintf("M%02d", n); !no[n] && (n < 44 || n > 56 || n == 50) && !ids[id] {
			t.Errorf("%s is not planted", id)
		}
	}
}

// TestDetectionOnTapes judges runs that are on tapes, as `waybill diff` does: the
// findings are those of the same runs in memory.
func TestDetectionOnTapes(t *testing.T) {
	const size = 400
	d := newDetector(t, size, *detectionSeed, false)
	write := func(name string, messages []gate.Message) string {
		path := filepath.Join(t.TempDir(), name)
		role := gate.Production
		if name == "staging" {
			role = gate.Staging
		}
		w, err := tape.Create(path, gate.Header{Content: gate.RunTape, Role: role, Build: name}, tape.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range messages {
			if err := w.Append(&gate.Record{Kind: gate.KindMessage, Message: &messages[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(gate.Footer{Messages: uint64(len(messages)), Accepted: uint64(len(messages))}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fingerprints := func(c *gate.Comparison) []string {
		findings, gaps := pipeline.Judge(checks.All(), c)
		if len(gaps) > 0 {
			t.Fatalf("gaps: %+v", gaps)
		}
		var list []string
		for i := range findings {
			list = append(list, findings[i].Check+" "+findings[i].Fingerprint)
		}
		slices.Sort(list)
		return list
	}
	var production []string
	for replay := range uint64(2) {
		production = append(production, write(fmt.Sprint("production", replay), clinic.Capture(d.traffic, clinic.Style{}, d.seed+replay)))
	}
	faults := clinic.Faults()
	for _, key := range []string{"", "M01", "M08/null", "M12", "M24/token", "M37/token", "M41/url"} {
		traffic := d.traffic
		if key != "" {
			i := slices.IndexFunc(faults, func(f clinic.Fault) bool { return f.Key() == key })
			traffic, _ = faults[i].Planted(traffic, d.seed)
		}
		messages := clinic.Capture(traffic, clinic.Style{}, d.seed+2)
		onTapes, gaps, err := pipeline.Compare(t.Context(), d.options, production, write("staging", messages))
		if err != nil || len(gaps) > 0 {
			t.Fatalf("%s: %v, gaps %+v", key, err, gaps)
		}
		staging, err := d.canonical("staging", messages)
		if err != nil {
			t.Fatal(err)
		}
		inMemory, _, err := pipeline.CompareMessages(t.Context(), d.options, d.production, staging)
		if err != nil {
			t.Fatal(err)
		}
		got, want := fingerprints(onTapes), fingerprints(inMemory)
		if !slices.Equal(got, want) {
			t.Errorf("%s: on tapes %q\nin memory %q", key, got, want)
		}
		if (key == "") != (len(got) == 0) {
			t.Errorf("%q: %d findings", key, len(got))
		}
	}
}

// TestDetectionByCause plants every fault where messages carry the traces of the
// stimuli that they answer, so that what has one cause is compared with each other.
func TestDetectionByCause(t *testing.T) {
	d := newDetector(t, 400, *detectionSeed, true)
	if v, _, err := d.judge(d.traffic, clinic.Style{}, 2); err != nil {
		t.Fatal(err)
	} else if v.Decision != gate.Pass || len(v.Findings) > 0 {
		t.Fatalf("the correct build replayed once more: %v\n%s", v.Decision, shown(v))
	}
	for i, f := range clinic.Faults() {
		key := f.Key()
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			planted, affected := f.Planted(d.traffic, d.seed+uint64(i))
			v, c, err := d.judge(planted, clinic.Style{}, 100+uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			for _, ch := range c.Changes {
				if f.ID == "M01" && ch.Rule != gate.ByCause {
					t.Errorf("a change was paired by %s", ch.Rule)
				}
			}
			if expected(t, &f, v) {
				return
			}
			if s := sight(v, key, affected); s.rank == 0 || len(s.unnamed) > 0 || len(s.wrong) > 0 {
				t.Errorf("%s: found by %q at rank %d; affected and not named: %q; said to receive more or less, and not affected: %q\n%s",
					f.Name, s.by, s.rank, s.unnamed, s.wrong, shown(v))
			}
		})
	}
}
