package main_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	channels "github.com/waybill-dev/waybill/gate/channel/all"
)

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("planted") }

// A panic is a bug: exit code 70 and one clear line, never a pass.
func TestPanic(t *testing.T) {
	var errs bytes.Buffer
	if code := waybill.Run([]string{"waybill", "version"}, nil, panicking{}, &errs); code != gate.ExitBug {
		t.Errorf("exit code %d, want %d", code, gate.ExitBug)
	}
	if !strings.HasPrefix(errs.String(), "waybill: a bug in waybill: planted (cmd/waybill/run_test.go:") {
		t.Errorf("it says %q", errs.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What cannot be written has not been said.
func TestWriteError(t *testing.T) {
	var errs bytes.Buffer
	if code := waybill.Run([]string{"waybill", "version"}, nil, full{}, &errs); code != gate.ExitUndecided {
		t.Errorf("exit code %d, want %d: %s", code, gate.ExitUndecided, errs.String())
	}
}

func TestHushed(t *testing.T) {
	reason := func(codes ...int) []gate.Reason {
		var out []gate.Reason
		for _, c := range codes {
			out = append(out, gate.Reason{Code: c})
		}
		return out
	}
	for _, c := range []struct {
		decision gate.Decision
		reasons  []gate.Reason
		want     int
	}{
		{gate.Pass, nil, 0},
		{gate.Blocked, reason(1), 0},
		{gate.Blocked, reason(1, 1), 0},
		{gate.Blocked, reason(1, 3), 3},
		{gate.Blocked, reason(3, 1), 3},
		{gate.Blocked, reason(1, 2, 3), 2},
		{gate.Blocked, reason(5, 1), 5},
		{gate.Blocked, reason(1, 70), 70},
		{gate.Undecided, reason(3), 3},
		{gate.Undecided, nil, 3},
		{gate.Blocked, nil, 3},
		{gate.Pass, reason(2), 2},
	} {
		if got := waybill.Hushed(&gate.Verdict{Decision: c.decision, Reasons: c.reasons}); got != c.want {
			t.Errorf("%v %v: %d, want %d", c.decision, c.reasons, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"gate", "replay", "judge", "diff"}
	for got, want := range map[string]string{"gaet": "gate", "GATE": "gate", "reply": "replay", "judg": "judge", "zzzzzzzz": "", strings.Repeat("gate", 99): ""} {
		if n := waybill.Nearest(got, known); n != want {
			t.Errorf("nearest to %q is %q, want %q", got, n, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{"a/b-c.json": "a/b-c.json", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'"} {
		if got := waybill.Quoted(in); got != want {
			t.Errorf("quoted %q: %s, want %s", in, got, want)
		}
	}
}

// Settings of a sink that went into a tape's header decode to what they were.
func TestSettingsSurviveTheTape(t *testing.T) {
	settings := map[string]string{
		"http": `
host = "api.x.example"
answers = [{ match = "POST /v1/messages", host = "api.x.example", status = 201, headers = { X-A = "b" }, body = "{}\n" }]
fanout = [{ match = "POST /v3/mail/send", each = ".personalizations[]", mail = [".to[].email"], cc = [".cc[]?.email"] }]`,
		"smtp": `
hostname = "mx.example.org"
starttls = false`,
	}
	for _, p := range channels.Protocols() {
		text, ok := settings[p.Name]
		if !ok {
			if p.Check != nil {
				t.Errorf("%s: no settings to try", p.Name)
			}
			continue
		}
		parse := func(dst any) error {
			md, err := toml.Decode(text, dst)
			if err == nil && len(md.Undecoded()) > 0 {
				t.Errorf("%s: unknown keys %v", p.Name, md.Undecoded())
			}
			return err
		}
		frozen, err := waybill.Freeze(p, parse)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if frozen == "" {
			t.Fatalf("%s: nothing was kept", p.Name)
		}
		again, err := waybill.Freeze(p, waybill.Thaw(frozen))
		if err != nil {
			t.Fatalf("%s: thaw: %v", p.Name, err)
		}
		if d := cmp.Diff(frozen, again); d != "" {
			t.Errorf("%s (-frozen +frozen again):\n%s", p.Name, d)
		}
		if p.Decode != nil {
			if _, err := p.Decode(waybill.Thaw(frozen)); err != nil {
				t.Errorf("%s: decode with what was kept: %v", p.Name, err)
			}
		}
	}
	if waybill.Thaw("") != nil {
		t.Error("no settings thaw to some")
	}
	var dst struct{ Known string }
	for _, bad := range []string{"{", `{"unknown":1}`, `{"Known":1}`, "[]"} {
		if err := channel.Settings(waybill.Thaw(bad))(&dst); err == nil {
			t.Errorf("settings %s: no error", bad)
		}
	}
}
