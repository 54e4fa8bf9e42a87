package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// causes writes a corpus of n stimuli whose traces are "visit-0", "visit-1" and so on.
func causes(t *testing.T, n int) pipeline.Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corpus.tape")
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s := &gate.Stimulus{ID: fmt.Sprintf("visit-%d", i), Channel: "http", Door: "web", Head: []byte("GET / HTTP/1.1\r\n")}
		if err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Stimuli: uint64(n)}); err != nil {
		t.Fatal(err)
	}
	return pipeline.Options{Corpus: path, Traces: func(s *gate.Stimulus) []string { return []string{s.ID} }}
}

// visits gives two mails for each of n causes: a result, and its correction. Those of
// late come the other way round.
func visits(n int, late ...int) []gate.Canonical {
	var out []gate.Canonical
	for i := range n {
		subjects := []string{"result", "corrected result"}
		if slices.Contains(late, i) {
			slices.Reverse(subjects)
		}
		for _, s := range subjects {
			m := mail(fmt.Sprintf("member%d@example.net", i), s, fmt.Sprintf("about visit %d: %s", i, s))
			m.Traces = []string{fmt.Sprintf("visit-%d", i)}
			m.Ref.Seq = uint64(len(out) + 1)
			out = append(out, m)
		}
	}
	return out
}

func TestOrderOfOneCause(t *testing.T) {
	const n = 30
	o := causes(t, n)
	for _, test := range []struct {
		name       string
		production [][]gate.Canonical
		staging    []gate.Canonical
		want       int
	}{
		{"kept", [][]gate.Canonical{visits(n), visits(n)}, visits(n), 0},
		{"one reversed", [][]gate.Canonical{visits(n), visits(n)}, visits(n, 7), 1},
		{"three reversed", [][]gate.Canonical{visits(n), visits(n)}, visits(n, 1, 2, 29), 3},
		{"production does not keep it", [][]gate.Canonical{visits(n), visits(n, 12)}, visits(n, 7), 0},
		{"one replay shows little", [][]gate.Canonical{visits(n)}, visits(n, 7), 0},
		{"few pairs", [][]gate.Canonical{visits(9), visits(9)}, visits(9, 7), 0},
		{"enough pairs", [][]gate.Canonical{visits(10), visits(10)}, visits(10, 7), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, err := pipeline.CompareMessages(context.Background(), o, test.production, test.staging)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Orders) != test.want {
				t.Fatalf("orders %+v, want %d", c.Orders, test.want)
			}
			for _, o := range c.Orders {
				if o.First.Title != "result" || o.Second.Title != "corrected result" || o.First.Recipient != o.Second.Recipient {
					t.Errorf("first %q, second %q", o.First.Title, o.Second.Title)
				}
			}
		})
	}
}

// Without a trace nothing says which messages belong together.
func TestOrderWithoutCause(t *testing.T) {
	strip := func(list []gate.Canonical) []gate.Canonical {
		for i := range list {
			list[i].Traces = nil
		}
		return list
	}
	o := causes(t, 30)
	c, _, err := pipeline.CompareMessages(context.Background(), o, [][]gate.Canonical{strip(visits(30)), strip(visits(30))}, strip(visits(30, 4)))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Orders) != 0 {
		t.Errorf("orders %+v", c.Orders)
	}
	want := []gate.BlindSpot{{Kind: gate.BlindOrder, Channel: "smtp", Sink: "mail", Count: 60}}
	if !slices.Equal(c.Blind, want) {
		t.Errorf("blind spots %+v, want %+v", c.Blind, want)
	}
}

func TestBlindSpots(t *testing.T) {
	call := gate.Canonical{
		Channel: "http", Sink: "web", Class: "POST /hook", Recipients: []gate.Recipient{{Kind: gate.Host, Address: "hooks.example", Role: gate.Party}},
		Parts: []gate.Part{{Name: "body/$.n", Kind: gate.Value, Value: "1"}},
		Masks: []gate.Masked{{Rule: gate.RefusedMask + "tidy", Part: "body/$.n", Count: 2}, {Rule: "date", Part: "header/date", Count: 1, Bytes: 29}},
	}
	letters := []gate.Canonical{mail("ann@example.net", "one"), mail("ben@example.net", "two")}
	run := append(letters, call)
	c, _, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{run}, run)
	if err != nil {
		t.Fatal(err)
	}
	want := []gate.BlindSpot{
		{Kind: gate.BlindRecipients, Channel: "http", Sink: "web", Count: 1},
		{Kind: gate.BlindRefused, Part: "body/$.n", Count: 4, Detail: "tidy"},
	}
	if !slices.Equal(c.Blind, want) {
		t.Errorf("blind spots %+v, want %+v", c.Blind, want)
	}
	if !slices.Contains(c.Masks, gate.Masked{Rule: "date", Part: "header/date", Count: 2, Bytes: 58}) {
		t.Errorf("masks %+v", c.Masks)
	}
}
