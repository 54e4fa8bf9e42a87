package checks_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

var (
	detectionSize = flag.Int("detection.size", 1000, "messages in each run of the detection suite; the full run has 10000")
	detectionSeed = flag.Uint64("detection.seed", 1, "seed of the detection suite: which messages are hit, and what is fresh in a replay")
)

// told is, for every fault, the checks whose ids say what it did. One of them at
// least must block and name somebody who is affected.
var told = map[string][]string{
	"M01":          {"recipient-swapped"},
	"M02":          {"recipient-swapped"},
	"M03":          {"recipient-swapped", "facts-disclosed"},
	"M10":          {"attachment-changed"},
	"M37/link":     {"link-changed", "facts-disclosed"},
	"M37/token":    {"link-changed"},
	"M37/html":     {"link-changed"},
	"M07":          {"attachment-changed", "facts-disclosed"},
	"M04":          {"facts-mixed"},
	"M05":          {"facts-mixed"},
	"M06":          {"facts-mixed"},
	"M06/boundary": {"personal-content-changed"},
	"M08":          {"facts-disclosed", "personal-content-changed"},
	"M08/null":     {"facts-disclosed", "new-field"},
	"M09":          {"facts-disclosed"},
	"M11":          {"attachment-changed", "facts-mixed"},
	"M27":          {"personal-content-changed"},
	"M27/all":      {"personal-content-changed"},
	"B10/hidden":   {"personal-content-changed"},
	"M12":          {"recipient-added"},
	"M13":          {"role-changed"},
	"M14":          {"role-changed"},
	"M15":          {"fanout-collapsed"},
	"M16":          {"recipient-swapped"},
	"M17":          {"recipient-added"},
	"M18":          {"recipient-added"},
	"M19":          {"recipient-added"},
	"M21":          {"recipient-removed"},
	"M22":          {"recipient-removed"},
	"M50":          {"recipient-added", "recipient-removed", "recipient-swapped"},
	"M24":          {"delivery-duplicated"},
	"M24/token":    {"delivery-duplicated"},
	"M25":          {"recipient-added"},
	"M26":          {"recipient-swapped"},
	"M28":          {"recipient-swapped"},
	"M29":          {"recipient-swapped"},
	"M30":          {"recipient-swapped"},
	"M30/script":   {"recipient-swapped"},
	"M31/plus":     {"recipient-swapped"},
	"M31/dots":     {"recipient-swapped"},
	"M32/cut":      {"recipient-swapped"},
	"M32/plus":     {"recipient-swapped"},
	"M32/equals":   {"link-changed", "personal-content-changed"},
	"M32/query":    {"personal-content-changed"},
	"M33":          {"recipient-swapped"},
	"M34/field":    {"role-changed"},
	"M34/envelope": {"recipient-added"},
	"M34/second":   {"role-changed"},
	"M35":          {"recipient-swapped"},
	"M36/reply-to": {"reply-path-changed"},
	"M36/second":   {"reply-path-changed"},
	"M36/from":     {"reply-path-changed"},
	"M36/bounces":  {"reply-path-changed"},
	"M36/thread":   {"reply-path-changed"},
	"M36/leave":    {"link-changed"},
	"M39/request":  {"new-party"},
	"M39/image":    {"new-party"},
	"M39/css":      {"new-party"},
	"M39/cname":    {"new-party", "destination-swapped"},
	"M40":          {"new-field"},
	"M40/header":   {"new-field"},
	"M40/mail":     {"personal-content-changed", "own-data-added"},
	"M41/url":      {"facts-disclosed"},
	"M41/title":    {"facts-disclosed"},
	"M41/referrer": {"facts-disclosed"},
	"M43/mail":     {"transport-downgraded"},
	"M43/call":     {"transport-downgraded"},
}

// detector is the whole gate over captures of the clinic.
type detector struct {
	options    pipeline.Options
	production [][]gate.Canonical
	traffic    *clinic.Traffic
	traced     bool // whether messages carry the traces of their stimuli
	seed       uint64
}

func newDetector(t *testing.T, size int, seed uint64, traced bool) *detector {
	t.Helper()
	settings := map[string]channel.Settings{clinic.WebSink: func(dst any) error { return toml.Unmarshal([]byte(clinic.WebSettings), dst) }}
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &detector{traffic: clinic.Build(size), traced: traced, seed: seed * 1000}
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

// subjects are all whom a finding names.
func subjects(f *gate.Finding) []string { return slices.Concat(f.Gained, f.Lost, f.Owners, f.Parties) }

// A sighting is how a fault was seen.
type sighting struct {
	by       []string // checks that block and name somebody affected
	rank, of int      // of the first that says what happened, among all findings; 0 is none
	bits     float64  // the strongest evidence
	unnamed  []string // affected, and in no finding that blocks
	wrong    []string // people who are said to receive more or less, and are not affected
}

func sight(v *gate.Verdict, key string, affected []string) sighting {
	s := sighting{of: len(v.Findings)}
	named, wrong := map[string]bool{}, map[string]bool{}
	for i := range v.Findings {
		f := &v.Findings[i].Finding
		if f.Severity != gate.Block {
			continue
		}
		hit := false
		for _, id := range subjects(f) {
			if slices.Contains(affected, id) {
				hit, named[id] = true, true
			}
		}
		for _, id := range slices.Concat(f.Gained, f.Lost) {
			if !slices.Contains(affected, id) {
				wrong[id] = true
			}
		}
		if !hit {
			continue
		}
		if !slices.Contains(s.by, f.Check) {
			s.by = append(s.by, f.Check)
		}
		s.bits = max(s.bits, f.Bits)
		if s.rank == 0 && slices.Contains(told[key], f.Check) {
			s.rank = i + 1
		}
	}
	for _, id := range affected {
		if !named[id] {
			s.unnamed = append(s.unnamed, id)
		}
	}
	s.wrong = slices.Sorted(maps.Keys(wrong))
	return s
}

func faultKey(f *clinic.Fault) string {
	if f.Form == "" {
		return f.ID
	}
	return f.ID + "/" + f.Form
}

// A table is rows that tests add to at the same time, printed in order.
type table struct {
	mu   sync.Mutex
	rows map[int]string
}

func (t *table) add(i int, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[i] = fmt.Sprintf(format, args...)
}

func (t *table) String() string {
	var b strings.Builder
	for _, i := range slices.Sorted(maps.Keys(t.rows)) {
		b.WriteString("\n" + strings.TrimRight(t.rows[i], " "))
	}
	return b.String()
}

// TestDetection plants every fault of the catalogue alone, makes every benign
// change to all messages, and both beside each other. See the package clinic.
func TestDetection(t *testing.T) {
	size := *detectionSize
	if testing.Short() {
		size = min(size, 400)
	}
	d := newDetector(t, size, *detectionSeed, false)
	if v, _, err := d.judge(d.traffic, clinic.Style{}, 2); err != nil {
		t.Fatal(err)
	} else if v.Decision != gate.Pass || len(v.Findings) > 0 {
		t.Fatalf("the correct build replayed once more: %v\n%s", v.Decision, shown(v))
	}
	faults := map[string]clinic.Fault{}
	for _, f := range clinic.Faults() {
		faults[faultKey(&f)] = f
	}
	tables := []*table{{rows: map[int]string{}}, {rows: map[int]string{}}, {rows: map[int]string{}}}
	var mu sync.Mutex
	missed, blocked, unseen := map[string]bool{}, map[string]bool{}, map[string]bool{}
	ids := map[string]bool{}
	pairs := 0

	t.Run("faults", func(t *testing.T) {
		for i, f := range clinic.Faults() {
			key := faultKey(&f)
			ids[f.ID] = true
			t.Run(key, func(t *testing.T) {
				t.Parallel()
				planted, affected := f.Planted(d.traffic, d.seed+uint64(i))
				v, _, err := d.judge(planted, clinic.Style{}, 100+uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				s := sight(v, key, affected)
				tables[0].add(i, "%-13s %-44s %-90s %2d/%-2d %6.1f", key, f.Name, strings.Join(s.by, " "), s.rank, s.of, s.bits)
				if s.rank == 0 || len(s.unnamed) > 0 || len(s.wrong) > 0 {
					mu.Lock()
					missed[f.ID] = missed[f.ID] || s.rank == 0
					mu.Unlock()
					t.Errorf("%s: found by %q at rank %d; affected and not named: %q; said to receive more or less, and not affected: %q\n%s",
						f.Name, s.by, s.rank, s.unnamed, s.wrong, shown(v))
				}
			})
		}
	})
	_, plain, err := d.judge(d.traffic, clinic.Style{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("benign", func(t *testing.T) {
		for i, c := range clinic.Changes() {
			t.Run(c.ID+" "+c.Name, func(t *testing.T) {
				t.Parallel()
				v, comparison, err := d.judge(d.traffic, c.Style, 300+uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				worst := gate.Severity("none")
				for i := range v.Findings {
					if s := v.Findings[i].Severity; s.Rank() > worst.Rank() {
						worst = s
					}
				}
				tables[1].add(i, "%-4s %-50s %-6s %s", c.ID, c.Name, worst, cmp.Or(strings.Join(hidden[c.ID], " "), undone(c.Wording)))
				if missing := unused(hidden[c.ID], comparison); len(missing) > 0 {
					t.Errorf("the rules %q hid nothing", missing)
				}
				if v.Decision != gate.Pass || worst.Rank() > gate.Note.Rank() || (worst == gate.Note) != c.Wording {
					mu.Lock()
					blocked[c.Name] = true
					mu.Unlock()
					t.Errorf("%v\n%s", v.Decision, shown(v))
				}
			})
			for n, key := range c.Near {
				f, ok := faults[key]
				if !ok {
					t.Fatalf("%s is near %s, which there is not", c.Name, key)
				}
				pairs++
				t.Run(c.ID+" "+c.Name+" with "+key, func(t *testing.T) {
					t.Parallel()
					seed := 1000 + uint64(10*i+n)
					planted, affected := f.Planted(d.traffic, d.seed+seed)
					v, _, err := d.judge(planted, c.Style, seed)
					if err != nil {
						t.Fatal(err)
					}
					s := sight(v, key, affected)
					tables[2].add(10*i+n, "%-4s %-50s %-13s %-90s %2d/%-2d %6.1f", c.ID, c.Name, key, strings.Join(s.by, " "), s.rank, s.of, s.bits)
					if s.rank == 0 || len(s.unnamed) > 0 || len(s.wrong) > 0 {
						mu.Lock()
						unseen[c.Name+key] = true
						mu.Unlock()
						t.Errorf("%s: found by %q at rank %d; affected and not named: %q; said to receive more or less, and not affected: %q\n%s",
							f.Name, s.by, s.rank, s.unnamed, s.wrong, shown(v))
					}
				})
			}
		}
	})
	delete(ids, "B10") // a near miss of a benign change, in no family of faults
	delete(missed, "B10")
	t.Logf("%d messages a run, %d deliveries, seed %d\n\nfault         what it does                                 found by%82s rank   bits%s\n\nbenign change %42s worst  masked by%s\n\nboth in one run%s\n\n"+
		"%d faults in %d forms: %d found; %d benign changes: %d not as they should be; %d pairs in one run: %d not found",
		size, plain.Production.Deliveries, *detectionSeed, "", tables[0], "", tables[1], tables[2],
		len(ids), len(faults), len(ids)-count(missed), len(clinic.Changes()), len(blocked), pairs, len(unseen))
	if n := 40; len(ids) != n {
		t.Errorf("%d faults are planted, want the %d of the catalogue", len(ids), n)
	}
}

func count(m map[string]bool) (n int) {
	for _, v := range m {
		if v {
			n++
		}
	}
	return n
}

// hidden are the rules that must have hidden what a benign change alters. What is
// not here is undone in the canonical form and leaves nothing to hide.
var hidden = map[string][]string{
	"B03": {"boundary"},
	"B05": {"date", "received"},
	"B06": {"message-id", "received", "trace-id"},
	"B08": {"encoding"},
	"B09": {"charset"},
	"B11": {"html-style"},
	"B13": {"a/a"},
	"B15": {"helo-name", "user-agent"},
	"B16": {"one-click", "signature"},
	"B17": {"json-null"},
	"B22": {"encoding"},
	"B30": {"date", "received"},
}

// undone says where a change went that no rule hid.
func undone(wording bool) string {
	if wording {
		return "(nothing: it is noted)"
	}
	return "(the canonical form)"
}

// unused are the rules of list that hid nothing in c.
func unused(list []string, c *gate.Comparison) []string {
	return slices.DeleteFunc(slices.Clone(list), func(rule string) bool {
		return slices.ContainsFunc(c.Masks, func(m gate.Masked) bool { return m.Rule == rule && m.Count > 0 })
	})
}

// shown is what a verdict says, for a test that failed.
func shown(v *gate.Verdict) string {
	var b strings.Builder
	for i := range v.Findings {
		f := &v.Findings[i].Finding
		if i == 12 {
			fmt.Fprintf(&b, "and %d more\n", len(v.Findings)-i)
			break
		}
		names := subjects(f)
		fmt.Fprintf(&b, "%s %s [%s] %s: %s %q\n", f.Severity, f.Check, f.Class, f.Part, f.Title, names[:min(len(names), 6)])
		if f.Example != nil {
			for _, e := range f.Example.Edits[:min(len(f.Example.Edits), 4)] {
				fmt.Fprintf(&b, "    %s: %.120q -> %.120q\n", e.Part, e.Before, e.After)
			}
			for _, x := range f.Example.Gains[:min(len(f.Example.Gains), 3)] {
				fmt.Fprintf(&b, "    gains (new %v, own %v) of %s: %v\n", x.New, x.Own, x.Owner.ID(), x.Sample[:min(len(x.Sample), 2)])
			}
		}
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "reason %d: %s\n", r.Code, cmp.Or(r.Text, "none"))
	}
	return b.String()
}

// TestDetectionOnTapes judges runs that are on tapes, as `waybill diff` does: the
// findings are those of the same runs in memory.
func TestDetectionOnTapes(t *testing.T) {
	const size = 400
	d := newDetector(t, size, *detectionSeed, false)
	write := func(name string, messages []gate.Message) string {
		path := filepath.Join(t.TempDir(), name)
		w, err := tape.Create(path, gate.Header{Content: gate.RunTape, Build: name}, tape.Options{})
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
			i := slices.IndexFunc(faults, func(f clinic.Fault) bool { return faultKey(&f) == key })
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
		key := faultKey(&f)
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
			if s := sight(v, key, affected); s.rank == 0 || len(s.unnamed) > 0 || len(s.wrong) > 0 {
				t.Errorf("%s: found by %q at rank %d; affected and not named: %q; said to receive more or less, and not affected: %q\n%s",
					f.Name, s.by, s.rank, s.unnamed, s.wrong, shown(v))
			}
		})
	}
}
