package corpus_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/corpus"
	"github.com/waybill-dev/waybill/gate/tape"
)

// reading decodes heads of the form "CLASS FROM TO...".
func reading() corpus.Reading {
	return corpus.Reading{
		Decoder: func(name, sink, settings string) (channel.Decoder, error) {
			if name == "exec" {
				return nil, corpus.ErrNoDecoder
			}
			return func(m *gate.Message) ([]gate.Decoded, error) {
				words := strings.Fields(string(m.Head))
				if len(words) < 2 {
					return nil, errors.New("no head")
				}
				d := gate.Decoded{Class: words[0], Fields: []gate.Part{{Name: "envelope/from", Kind: gate.Addresses, Value: words[1]}}}
				for _, to := range words[2:] {
					r, err := gate.MailRecipient(to, gate.Envelope)
					if err != nil {
						return nil, err
					}
					d.Recipients = append(d.Recipients, r)
				}
				return []gate.Decoded{d}, nil
			}, nil
		},
		Canon: func(m *gate.Message, d *gate.Decoded, _ gate.Ref) gate.Canonical {
			return gate.Canonical{Channel: m.Channel, Sink: m.Sink, Class: d.Class, Recipients: d.Recipients, Parts: d.Fields}
		},
	}
}

func TestStat(t *testing.T) {
	dir := t.TempDir()
	ask := func(id, key string, at int64, status int, head string) *gate.Record {
		r := stimulus(id, key, at)
		r.Stimulus.Status, r.Stimulus.Head = status, []byte(head)
		return r
	}
	mail := func(seq uint64, at int64, head string, body int) *gate.Record {
		r := sent(seq, at)
		r.Message.Head, r.Message.Body = []byte(head), make([]byte, body)
		return r
	}
	job := ask("j", "", 0, 0, "drain\r\n")
	job.Stimulus.Channel, job.Stimulus.Door = "exec", "jobs"
	cut := ask("c", "k2", now, 404, "POST/x - a@example.org")
	cut.Stimulus.Cut = 5
	cut.Stimulus.Bindings = []gate.Binding{{From: "a"}}
	one := write(t, filepath.Join(dir, "1.tape"), gate.Header{Origin: "record web"}, tape.Options{},
		ask("a", "k1", now-2*day, 200, "GET/ - a@example.org"), ask("b", "k1", now-day, 201, "GET/ - b@example.org"), cut, job, ask("u", "", now, 999, "?"),
		mail(1, now, "welcome w@example.net a@example.org b@example.org", 10), mail(2, now, "?", 3), gap(gate.GapNotRecorded, 4))
	two := write(t, filepath.Join(dir, "2.tape"), gate.Header{}, tape.Options{},
		ask("a", "k1", now, 200, "GET/ - a@example.org"), mail(1, now, "welcome w@example.net c@example.org", 5000), gap(gate.GapNotRecorded, 1))
	s, err := corpus.Stat(reading(), []string{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if s.Stimuli != 6 || s.Messages != 3 || s.Sessions != (corpus.Number{N: 2, Exact: true}) || s.Bound != 1 || s.Cut != 1 || s.Unread != 2 || s.First != now-2*day || s.Last != now {
		t.Errorf("%+v", s)
	}
	exact := func(n uint64) corpus.Number { return corpus.Number{N: n, Exact: true} }
	if s.Sent != (corpus.People{Senders: exact(1), Recipients: exact(3)}) || s.Received != (corpus.People{Senders: exact(1), Recipients: exact(2)}) {
		t.Errorf("sent %+v, received %+v", s.Sent, s.Received)
	}
	routes := map[string]uint64{}
	for _, r := range s.Routes {
		routes[r.Channel+" "+r.Name+" "+r.Class] = r.Count
	}
	if want := "map[exec jobs drain:1 http web :1 http web GET/:3 http web POST/x:1]"; fmt.Sprint(routes) != want {
		t.Errorf("routes %v, want %s", routes, want)
	}
	if r := s.Routes[0]; r.Class != "GET/" || fmt.Sprint(r.Statuses) != "map[2xx:3]" {
		t.Errorf("the most frequent: %+v", r)
	}
	if c := s.Classes[0]; c.Class != "welcome" || c.Count != 2 || c.To != 3 || len(s.Classes) != 2 {
		t.Errorf("classes %+v", s.Classes)
	}
	if len(s.Gaps) != 1 || s.Gaps[0].Count != 5 || len(s.Tapes) != 2 || s.Tapes[0].Origin != "record web" || s.Tapes[1].Digest == "" {
		t.Errorf("gaps %+v, tapes %+v", s.Gaps, s.Tapes)
	}
	total := uint64(0)
	for _, z := range s.Sizes {
		total += z.Count
	}
	if total != 9 || s.Sizes[0].To != 1 || s.Sizes[len(s.Sizes)-1].From > 5000 || s.Sizes[len(s.Sizes)-1].To <= 5000 {
		t.Errorf("sizes %+v", s.Sizes)
	}
	moments := uint64(0)
	for _, m := range s.Times {
		moments += m.Count
	}
	if moments != 8 || s.Step < 60 { // the job has no time
		t.Errorf("times %+v, by %d s", s.Times, s.Step)
	}
}

// Numbers beyond what is kept are estimates, and close. What is told apart is bounded.
func TestStatIsBounded(t *testing.T) {
	var records []*gate.Record
	const n = 80_000
	for i := range n {
		r := stimulus("s", fmt.Sprint("key", i), int64(i)*day+1) // five centuries
		r.Stimulus.Head = fmt.Appendf(nil, "C%d -", i)
		records = append(records, r)
	}
	path := write(t, filepath.Join(t.TempDir(), "c.tape"), gate.Header{}, tape.Options{}, records...)
	o := reading()
	for _, o.Workers = range []int{1, 3} {
		s, err := corpus.Stat(o, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		if s.Sessions.Exact || s.Sessions.N < n*98/100 || s.Sessions.N > n*102/100 {
			t.Errorf("%+v sessions of %d", s.Sessions, n)
		}
		if len(s.Routes) > 10_001 || len(s.Times) > 2048 {
			t.Errorf("%d routes, %d moments", len(s.Routes), len(s.Times))
		}
		total, moments := uint64(0), uint64(0)
		for _, r := range s.Routes {
			total += r.Count
		}
		for _, m := range s.Times {
			moments += m.Count
		}
		if total != n || moments != n {
			t.Errorf("%d by route, %d by time", total, moments)
		}
	}
}
