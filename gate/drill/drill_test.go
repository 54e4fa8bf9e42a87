package drill_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/drill"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// judge is the real comparison with all checks.
func judge(production [][]gate.Canonical, staging []gate.Canonical) ([]gate.Finding, error) {
	c, gaps, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, production, staging)
	if err != nil {
		return nil, err
	}
	findings, more := pipeline.Judge(checks.All(), c)
	if gaps = append(gaps, more...); len(gaps) > 0 {
		return nil, fmt.Errorf("gaps: %+v", gaps)
	}
	return findings, nil
}

func mails(n int) []gate.Canonical {
	var list []gate.Canonical
	for i := range n {
		r := gate.Recipient{Kind: gate.Mail, Address: fmt.Sprintf("member%d@example.org", i), Role: gate.Envelope}
		list = append(list, gate.Canonical{
			Ref: gate.Ref{Seq: uint64(i + 1)}, Channel: "smtp", Sink: "mail", Class: "answer", Recipients: []gate.Recipient{r},
			Parts: []gate.Part{
				{Name: "header/subject", Kind: gate.Text, Value: "your answer"},
				{Name: "header/to", Kind: gate.Addresses, Value: r.ID()},
				{Name: "text", Kind: gate.Text, Value: fmt.Sprintf("Dear member%d,\nrecord 88%04d is ready.", i, i)},
			},
		})
	}
	return list
}

func calls(hosts ...string) []gate.Canonical {
	var list []gate.Canonical
	for i, h := range hosts {
		list = append(list, gate.Canonical{
			Ref: gate.Ref{Seq: uint64(i + 1)}, Channel: "http", Sink: "web", Class: "POST /hook",
			Recipients: []gate.Recipient{{Kind: gate.Host, Address: h, Role: gate.Party}},
			Parts:      []gate.Part{{Name: "path", Kind: gate.Value, Value: "/hook"}, {Name: "body/$.n", Kind: gate.Value, Value: fmt.Sprint(i)}},
		})
	}
	return list
}

func samples() map[string][]gate.Canonical {
	list := mails(3)
	list[0].Recipients = append(list[0].Recipients, list[1].Recipients[0])
	alike := mails(4)
	for i := range alike {
		alike[i].Parts = mails(1)[0].Parts
	}
	return map[string][]gate.Canonical{
		"mails":           mails(8),
		"one mail":        mails(1),
		"one person":      append(mails(1), mails(1)...),
		"two of one mail": list,
		"all alike":       alike,
		"calls":           calls("a.example", "b.example", "a.example"),
		"one call":        calls("a.example"),
		"both":            append(mails(2), calls("a.example")...),
	}
}

func TestProve(t *testing.T) {
	for name, sample := range samples() {
		for seed := range uint64(20) {
			proof, err := drill.Prove(seed, sample, judge)
			if err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
				continue
			}
			again, err := drill.Prove(seed, sample, judge)
			if err != nil || !reflect.DeepEqual(proof, again) {
				t.Errorf("%s, seed %d: %v, and the second time %v, %v", name, seed, proof, again, err)
			}
			if strings.Contains(proof.String(), "example") || len(proof.Checks) == 0 {
				t.Errorf("%s, seed %d: proof %q", name, seed, proof)
			}
		}
	}
}

func TestEveryOperatorIsSeen(t *testing.T) {
	for _, op := range drill.Operators() {
		seen := 0
		for name, sample := range samples() {
			for seed := range uint64(10) {
				before := fmt.Sprintf("%+v", sample)
				_, err := drill.Try(op, seed, sample, judge)
				if after := fmt.Sprintf("%+v", sample); before != after {
					t.Fatalf("%s writes to the sample", op.ID)
				}
				var blind *drill.BlindError
				switch {
				case err == nil:
					seen++
				case errors.As(err, &blind) && blind.Operator == "": // does not fit
				default:
					t.Errorf("%s in %s, seed %d: %v", op.ID, name, seed, err)
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s was never planted", op.ID)
		}
	}
}

// A drill that calls a blind gate seeing is worse than none.
func TestBlind(t *testing.T) {
	isStill := func(before [][]gate.Canonical, after []gate.Canonical) bool {
		return reflect.DeepEqual(before[0], after)
	}
	failure := errors.New("cannot judge")
	for name, test := range map[string]struct {
		judge  drill.Judge
		sample []gate.Canonical
		want   string
	}{
		"sees nothing":    {func(_ [][]gate.Canonical, _ []gate.Canonical) ([]gate.Finding, error) { return nil, nil }, mails(2), "none of 0 findings"},
		"sees everything": {func(_ [][]gate.Canonical, _ []gate.Canonical) ([]gate.Finding, error) { return []gate.Finding{{}}, nil }, mails(2), "where nothing was planted"},
		"notes only": {func(b [][]gate.Canonical, a []gate.Canonical) ([]gate.Finding, error) {
			f, err := judge(b, a)
			for i := range f {
				f[i].Severity = gate.Note
			}
			return f, err
		}, mails(2), "blocks and names who gains"},
		"names others": {func(b [][]gate.Canonical, a []gate.Canonical) ([]gate.Finding, error) {
			if isStill(b, a) {
				return nil, nil
			}
			return []gate.Finding{{Severity: gate.Block, Gained: []string{"mail:x@example.net"}}}, nil
		}, mails(2), "names who gains"},
		"sees who gains alone": {func(b [][]gate.Canonical, a []gate.Canonical) ([]gate.Finding, error) {
			f, err := judge(b, a)
			for i := range f {
				f[i].Lost = nil
			}
			return f, err
		}, mails(2), "names who loses"},
		"errs":       {func(_ [][]gate.Canonical, _ []gate.Canonical) ([]gate.Finding, error) { return nil, failure }, mails(2), "cannot judge"},
		"no message": {judge, nil, "no message has a recipient"},
		"nobody":     {judge, []gate.Canonical{{Channel: "smtp"}}, "no message has a recipient"},
	} {
		_, err := drill.Prove(1, test.sample, test.judge)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
		var blind *drill.BlindError
		if errors.As(err, &blind) == errors.Is(err, failure) {
			t.Errorf("%s: error %v is blind or a failure, and one of both", name, err)
		}
	}
}

// Facts are planted in each class, and seen; samples stay as they were.
func TestProveClasses(t *testing.T) {
	letters := mails(9)
	for i := 3; i < 9; i++ {
		letters[i].Class = fmt.Sprintf("class %d", i/3)
		letters[i].Hidden = []gate.Hidden{
			{Rule: "date", Part: "header/date", Value: "Mon, 30 Nov 2026 10:00:00 +0000"}, // which holds nothing else
			{Rule: "boundary", Part: "multipart[0]/param/boundary", Value: "b1"},
		}
	}
	requests := calls("a.example", "a.example", "a.example")
	for i := range requests {
		requests[i].Parts = append(requests[i].Parts,
			gate.Part{Name: "body/$.record", Kind: gate.Value, Value: fmt.Sprintf("88000%d7", i)},
			gate.Part{Name: "body/$.member", Kind: gate.Value, Value: fmt.Sprintf("member%d@example.org", i)})
	}
	sample := append(letters, requests...)
	before := fmt.Sprintf("%+v", sample)
	for seed := range uint64(5) {
		all, err := drill.ProveClasses(seed, sample, judge)
		if err != nil {
			t.Fatal(err)
		}
		if len(all.Proofs) != 4 || all.More != 0 || len(all.Blind()) > 0 || !strings.Contains(all.String(), "exchange-facts in 4 of 4") ||
			!strings.Contains(all.String(), "hidden-address in 2 of 2") {
			t.Fatalf("seed %d: %+v, %s", seed, all, all.String())
		}
		for _, p := range all.Proofs {
			if !slices.Contains(p.Seen, "exchange-facts") || !slices.Equal(p.Planted, p.Seen) {
				t.Errorf("seed %d: %+v", seed, p)
			}
		}
	}
	if after := fmt.Sprintf("%+v", sample); before != after {
		t.Error("it writes to the sample")
	}
}

// What sees nothing is found to see nothing, in every class.
func TestProveClassesBlind(t *testing.T) {
	all, err := drill.ProveClasses(1, mails(8), func([][]gate.Canonical, []gate.Canonical) ([]gate.Finding, error) {
		return []gate.Finding{{Severity: gate.Note, Gained: []string{"mail:member1@example.org"}}}, nil
	})
	if err != nil || len(all.Proofs) != 1 || len(all.Proofs[0].Seen) > 0 || len(all.Blind()) != 1 || !strings.Contains(all.Blind()[0], "class answer") {
		t.Errorf("%+v, %v", all, err)
	}
	many := mails(80)
	for i := range many {
		many[i].Class = fmt.Sprint(i % 40)
	}
	all, err = drill.ProveClasses(1, many, judge)
	if err != nil || len(all.Proofs)+all.More != 40 || all.More == 0 || len(all.Blind()) > 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
