package answered_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/answered"
	"github.com/waybill-dev/waybill/gate/tape"
)

func write(t *testing.T, h gate.Header, records ...*gate.Record) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tape")
	w, err := tape.Create(path, h, tape.Options{})
	if err == nil {
		err = w.Append(records...)
	}
	if err == nil {
		err = w.Close(gate.Footer{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// corpus has one stimulus for each status, of so many sessions.
func corpus(t *testing.T, channel, head string, sessions int, statuses ...int) string {
	var all []*gate.Record
	for i, status := range statuses {
		all = append(all, &gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{ID: fmt.Sprint("s", i), Channel: channel, Door: "web",
			Key: fmt.Sprint("k", i%sessions), Status: status, Head: []byte(strings.ReplaceAll(head, "#", fmt.Sprint(i)))}})
	}
	return write(t, gate.Header{Content: gate.CorpusTape}, all...)
}

// run has outcomes of these statuses; 0 is a stimulus that was not sent.
func run(t *testing.T, phase string, statuses ...int) string {
	all := []*gate.Record{{Kind: gate.KindOutcome, Outcome: &gate.Outcome{Stimulus: "job/drain"}}}
	for i, status := range statuses {
		if status != 0 {
			all = append(all, &gate.Record{Kind: gate.KindOutcome, Outcome: &gate.Outcome{Stimulus: fmt.Sprint("s", i), Status: status, Phase: phase}})
		}
	}
	return write(t, gate.Header{Content: gate.RunTape, Notes: map[string]string{answered.Stimuli: fmt.Sprint(len(statuses))}}, all...)
}

func TestHold(t *testing.T) {
	list := func(s ...int) []int { return s }
	for _, test := range []struct {
		name                          string
		recorded, first, again, stage []int
		outage                        bool
		share                         float64
		want                          string // "kind count detail", in order
	}{
		{name: "as recorded", recorded: list(200, 201, 304, 302, 403, 404, 422), first: list(204, 200, 200, 303, 403, 410, 400), stage: list(200, 200, 304, 301, 403, 404, 429)},
		{name: "nobody is logged in", recorded: list(200, 200, 200), first: list(200, 401, 302), stage: list(200, 401, 302), share: 2. / 3,
			want: "other-answer 1 both builds answered 302, recorded 200|other-answer 1 both builds answered 401, recorded 200"},
		{name: "refused by the release alone", recorded: list(200), first: list(200), stage: list(403), share: 1, want: "other-answer 1 staging answered 403, recorded 200"},
		{name: "refused by production alone", recorded: list(200), first: list(403), stage: list(200), share: 1, want: "other-answer 1 production answered 403, recorded 200"},
		{name: "refused by one replay alone", recorded: list(200), first: list(200), again: list(401), stage: list(200), share: 1, want: "other-answer 1 production answered 401, recorded 200"},
		{name: "taken, and refused when recorded", recorded: list(403), first: list(200), stage: list(200), share: 1, want: "other-answer 1 both builds answered 200, recorded 403"},
		{name: "not known what was recorded", recorded: list(0, 0), first: list(200, 200), stage: list(200, 302), share: .5, want: "other-answer 1 staging answered 302, production 200"},
		{name: "not known, and turned away", recorded: list(0, 0, 0, 0), first: list(200, 401, 403, 404), stage: list(200, 401, 403, 404), share: .5,
			want: "other-answer 1 both builds answered 401, and what was recorded is not known|other-answer 1 both builds answered 403, and what was recorded is not known"},
		{name: "both fail", recorded: list(200), first: list(500), stage: list(503), share: 1, want: "other-answer 1 both builds answered 503, recorded 200"},
		{name: "both fail in an outage", recorded: list(200), first: list(500), stage: list(503), outage: true},
		{name: "the release fails in an outage", recorded: list(200), first: list(200), stage: list(500), outage: true, share: 1, want: "other-answer 1 staging answered 500, recorded 200"},
		{name: "refused in an outage", recorded: list(200), first: list(401), stage: list(401), outage: true, share: 1, want: "other-answer 1 both builds answered 401, recorded 200"},
		{name: "half was not sent", recorded: list(200, 200, 200, 200), first: list(0, 0, 200, 200), stage: list(0, 0, 200, 200),
			want: "not-replayed 2 it has no outcome of 2 of 4 stimuli|not-replayed 2 it has no outcome of 2 of 4 stimuli"},
		{name: "a replay again is short", recorded: list(200, 200), first: list(200, 200), again: list(200, 0), stage: list(200, 200), want: "not-replayed 1 it has no outcome of 1 of 2 stimuli"},
		{name: "of another corpus", recorded: list(200), first: list(200, 200), stage: list(200, 200), want: "run-mismatch 1 they have outcomes of 1 stimuli that the corpus does not have"},
	} {
		t.Run(test.name, func(t *testing.T) {
			phase := "steady"
			if test.outage {
				phase = "outage"
			}
			r := answered.Runs{Corpus: corpus(t, "http", "GET /forms/#/send HTTP/1.1\r\n", 9, test.recorded...), Production: []string{run(t, phase, test.first...)}, Outage: test.outage}
			if test.again != nil {
				r.Production = append(r.Production, run(t, phase, test.again...))
			}
			r.Staging = run(t, phase, test.stage...)
			got, err := answered.Hold(r)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, g := range append(got.Absent, got.Answers...) {
				detail, _, _ := strings.Cut(g.Detail, ":")
				said = append(said, fmt.Sprint(g.Kind, " ", g.Count, " ", detail))
			}
			if s := strings.Join(said, "|"); s != test.want {
				t.Errorf("said %q\nwant %q", s, test.want)
			}
			if got.Share() != test.share {
				t.Errorf("share is %v, want %v", got.Share(), test.share)
			}
		})
	}
}

// Without a corpus runs are held to each other, and to how many stimuli they say that there were.
func TestHoldWithoutCorpus(t *testing.T) {
	short := answered.Runs{Production: []string{run(t, "", 200, 200, 0)}, Staging: run(t, "", 200, 200, 0)}
	if r, err := answered.Hold(short); err != nil || len(r.Absent) != 2 || r.Absent[0].Count != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	other := answered.Runs{Production: []string{run(t, "", 200, 200)}, Staging: run(t, "", 200, 404)}
	if r, err := answered.Hold(other); err != nil || len(r.Absent) != 0 || len(r.Answers) != 1 || r.Answers[0].Where != "stimulus" {
		t.Errorf("%+v, %v", r, err)
	}
}

// Answers to one route are told together. What stands in the path of one person alone is not
// told, and no more is what looks like no word.
func TestRoutes(t *testing.T) {
	for head, want := range map[string]string{
		"POST /api/orders/#?who=zoe HTTP/1.1\r\n":                   "POST /api/orders/*",
		"POST http://clinic.example/api/a@b.example/x HTTP/1.1\r\n": "POST /api/*/x",
		"GET / HTTP/1.1\r\n":                                        "GET /",
	} {
		r := answered.Runs{Corpus: corpus(t, "http", head, 3, 200, 200, 200), Production: []string{run(t, "", 401, 401, 401)}, Staging: run(t, "", 401, 401, 401)}
		got, err := answered.Hold(r)
		if err != nil || len(got.Answers) != 1 || got.Answers[0].Where != want || got.Answers[0].Count != 3 {
			t.Errorf("%q: %+v, %v; want %s", head, got.Answers, err, want)
		}
	}
	r := answered.Runs{Corpus: corpus(t, "http", "GET /members/wilhelmina HTTP/1.1\r\n", 1, 200, 200), Production: []string{run(t, "", 401, 401)}, Staging: run(t, "", 401, 401)}
	got, err := answered.Hold(r)
	if err != nil || slices.ContainsFunc(got.Answers, func(g gate.Gap) bool { return strings.Contains(g.Where+g.Detail, "wilhelmina") }) {
		t.Errorf("%+v, %v", got.Answers, err)
	}
	r = answered.Runs{Corpus: corpus(t, "smtp", "MAIL FROM:<x@y.example>\r\n", 2, 250), Production: []string{run(t, "", 250)}, Staging: run(t, "", 550)}
	if got, err = answered.Hold(r); err != nil || len(got.Answers) != 1 || got.Answers[0].Where != "smtp web" {
		t.Errorf("%+v, %v", got.Answers, err)
	}
}
