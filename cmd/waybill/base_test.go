package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
)

func TestChangedSettings(t *testing.T) {
	was := `version = 1
baseline = "production"
[corpus]
path = "c.tape"
digest = "sha256:aa"
[sinks.mail]
channel = "smtp"
[sinks.web]
channel = "http"
[staging]
command = ["new"]
env = { TOKEN = "s3cret" }
[[masks]]
part = "text"
pattern = "Ref: [0-9]+"
rule = "ticket"
[replay]
max_failed = 0.0
`
	now := `version = 1
baseline = "recorded"
[corpus]
path = "c.tape"
digest = "sha256:bb"
[sinks.mail]
channel = "smtp"
[staging]
command = ["new"]
env = { TOKEN = "0ther" }
[[masks]]
part = "text"
pattern = "Dear .*"
rule = "greeting"
[[masks]]
part = "text"
pattern = "Ref: [0-9]+"
rule = "ticket"
[replay]
max_failed = 0.5
[policy]
same_build = true
`
	got, err := changedSettings([]byte(was), []byte(now))
	if err != nil {
		t.Fatal(err)
	}
	want := []gate.Setting{
		{Key: "baseline", Before: "production", After: "recorded", Public: true},
		{Key: "corpus.digest", Before: "sha256:aa", After: "sha256:bb", Public: true},
		{Key: "masks[greeting].part", After: "text"},
		{Key: "masks[greeting].pattern", After: "Dear .*"},
		{Key: "masks[greeting].rule", After: "greeting"},
		{Key: "policy.same_build", After: "true", Public: true},
		{Key: "replay.max_failed", Before: "0", After: "0.5", Public: true},
		{Key: "sinks.web.channel", Before: "http", Public: true},
		{Key: "staging.env.TOKEN", Before: "(not shown)", After: "(not shown)"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if same, err := changedSettings([]byte(was), []byte(was)); err != nil || len(same) > 0 {
		t.Errorf("a configuration differs from itself in %v, %v", same, err)
	}
}
