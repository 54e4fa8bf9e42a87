package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// masked is a run in which a user's mask hides one value in each message, and what a message
// says besides is the same.
func masked(values ...string) []gate.Canonical {
	out := make([]gate.Canonical, len(values))
	for i, v := range values {
		out[i] = mail(fmt.Sprintf("patient%d@example.org", i), "Your visit", "text=file [tidy#1]")
		out[i].Masks = []gate.Masked{{Rule: "tidy", Part: "text", Count: 1, Bytes: uint64(len(v))}}
		out[i].Hidden = []gate.Hidden{{Rule: "tidy", Part: "text", Value: v, User: true}}
	}
	return out
}

// A mask is refused where what it hides is somebody's in each replay of production.
func TestMaskRefusedForWhatIsSomebodys(t *testing.T) {
	own := []string{"7741", "7754", "7767", "7780"}
	swapped := []string{"7754", "7741", "7767", "7780"}
	tests := []struct {
		name       string
		staging    []string
		production [][]string
		changes    int
	}{
		{"two exchanged", swapped, [][]string{own, own}, 2},
		{"two exchanged, one replay", swapped, [][]string{own}, 2},
		{"one has what nobody had", []string{"1234", "7754", "7767", "7780"}, [][]string{own, own}, 1},
		{"one of two results for another", []string{"pos", "neg", "neg", "neg"}, [][]string{{"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}}, 1},
		{"unchanged", own, [][]string{own, own}, 0},
		{"made anew", []string{"3333", "4321", "5678", "8765"}, [][]string{{"1111", "2222", "4444", "5555"}, {"6666", "7777", "8888", "9999"}}, 0},
		{"the same for all", []string{"v2", "v2", "v2", "v2"}, [][]string{{"v1", "v1", "v1", "v1"}, {"v1", "v1", "v1", "v1"}}, 0},
		{"by a key of the build's own", []string{"k1", "k2", "k3", "k4"}, [][]string{own, own}, 0},
		{"by arrival", []string{"1", "3", "2", "4"}, [][]string{{"1", "2", "3", "4"}, {"2", "1", "4", "3"}}, 0},
		{"heads or tails", []string{"t", "h", "t", "h"}, [][]string{{"h", "h", "t", "t"}, {"h", "h", "t", "t"}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			production := make([][]gate.Canonical, len(test.production))
			for i, run := range test.production {
				production[i] = masked(run...)
			}
			c := compare(t, masked(test.staging...), production...)
			if len(c.Changes) != test.changes {
				t.Errorf("%d changes, want %d: %q", len(c.Changes), test.changes, told(c))
			}
			refused := slices.ContainsFunc(c.Blind, func(b gate.BlindSpot) bool { return b.Kind == gate.BlindRefused && b.Detail == "tidy" })
			if test.changes > 0 && !refused {
				t.Errorf("it is not said that the mask was refused: %+v", c.Blind)
			}
		})
	}
}
