package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: no server: say so\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA","Elapsed":0}
{"Action":"output","Package":"p","Test":"FuzzB/seed#0","Output":"    b_test.go:1: gzip\n"}
{"Action":"skip","Package":"p","Test":"FuzzB/seed#0"}
{"Action":"output","Package":"p","Test":"FuzzB/seed#1","Output":"    b_test.go:1: gzip\n"}
{"Action":"skip","Package":"p","Test":"FuzzB/seed#1"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: broken\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestD","Output":"    d_test.go:3: noise\n"}
{"Action":"pass","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
not an event
`

func TestReport(t *testing.T) {
	var out bytes.Buffer
	r := report{out: &out, said: map[key][]string{}, skipped: map[skip]int{}, failed: map[key]bool{}}
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if want := "    c_test.go:3: broken\nFAIL\tp\t0.1s\nok  \tq\t0.1s\nnot an event\n"; out.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", out.String(), want)
	}
	if got, want := r.summary(), "skipped: 3: FuzzB 2 times (gzip); TestA (no server: say so)"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	for _, c := range []struct {
		expected string
		wrong    []string // beginnings
	}{
		{"# a comment\nTestA no server\nFuzzB gzip", nil},
		{"TestA no server\n?FuzzB gzip\n?TestE never here", nil},
		{"TestA another reason\nFuzzB gzip", []string{"TestA was skipped", ".ci/skips expects TestA"}},
		{"TestA no server", []string{"FuzzB was skipped"}},
		{"TestA no server\nFuzzB gzip\nTestE gone", []string{".ci/skips expects TestE"}},
	} {
		e, err := parse([]byte(c.expected))
		if err != nil {
			t.Fatal(err)
		}
		got := e.compare(r.skipped)
		if !slices.EqualFunc(got, c.wrong, strings.HasPrefix) {
			t.Errorf("%q: %q, want %q", c.expected, got, c.wrong)
		}
	}
	if _, err := parse([]byte("TestA")); err == nil {
		t.Error("a line without a reason is taken")
	}
}
