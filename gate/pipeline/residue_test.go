package pipeline_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// The texts of a large residue are put aside on disk. What is stated is the same as of
// texts that are in memory: of rewordings, of bodies that were exchanged, of mails that
// are new or gone.
func TestLargeResidue(t *testing.T) {
	const n = 9000
	var before, after []sent
	for i := range n {
		m := sent{to: []int{i}, subject: "Notice", lines: []string{"Dear member,", fmt.Sprintf("record MRN-%07d, code %d", i, i/3), "Regards"}}
		switch {
		case i%1000 == 1:
			m.to = append(m.to, i+1)
		case i%1000 == 2:
			m.subject = "a question of my own"
		}
		before = append(before, m)
		m.lines = append([]string(nil), m.lines...)
		m.lines[2] = "Kind regards"
		after = append(after, m)
	}
	after[70].lines, after[80].lines = after[80].lines, after[70].lines
	after[90].lines[1] += fmt.Sprint(" and ", before[91].lines[1])
	after[95].to = []int{n + 1}
	after = append(after[:40], after[41:]...)
	dir := t.TempDir()
	p := onTape(t, filepath.Join(dir, "p.tape"), gate.Production, before)
	s := onTape(t, filepath.Join(dir, "s.tape"), gate.Staging, after)
	inMemory := func(path string) (all []gate.Canonical) {
		o := options(t)
		decode, err := o.Decoder("smtp", "mail", "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := tape.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			rec, ref, err := r.Next()
			if err != nil {
				return all
			}
			decoded, err := decode(rec.Message)
			if err != nil {
				t.Fatal(err)
			}
			for i := range decoded {
				all = append(all, o.Canon(rec.Message, &decoded[i], ref))
			}
		}
	}
	got, _ := compared(t, options(t), []string{p}, s)
	want, _, err := pipeline.CompareMessages(t.Context(), pipeline.Options{}, [][]gate.Canonical{inMemory(p)}, inMemory(s))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Changes) < n || len(want.Groups) < 3 {
		t.Fatalf("%d changes in %d groups", len(want.Changes), len(want.Groups))
	}
	for _, c := range []*gate.Comparison{got, want} {
		for i := range c.Changes {
			for _, d := range []*gate.Delivery{c.Changes[i].Before, c.Changes[i].After} {
				if d != nil {
					d.Ref.Tape = filepath.Base(d.Ref.Tape)
				}
			}
		}
	}
	// Tapes say how their runs ended, and what is in memory does not.
	got.Blind = slices.DeleteFunc(got.Blind, func(b gate.BlindSpot) bool { return b.Kind == gate.BlindQuiet })
	got.Production, got.Staging, got.Scenario = want.Production, want.Staging, want.Scenario
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts on disk change the comparison (-in memory +on disk):\n%.3000s", diff)
	}
}
