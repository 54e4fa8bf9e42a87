package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

var (
	shardedCases = flag.Int("sharded.cases", 3, "how many random releases are replayed whole and in shards")
	shardedSeed  = flag.Uint64("sharded.seed", 1, "of the first of them")
)

// called runs waybill in this process, and returns its exit code and what it printed.
func called(args ...string) (int, string) {
	var printed bytes.Buffer
	code := waybill.Run(append([]string{"waybill"}, args...), strings.NewReader(""), &printed, &printed)
	return code, printed.String()
}

// meant is what a verdict says, finding for finding and gap for gap.
func meant(t *testing.T, path string) (lines []string, v gate.Verdict) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	lines = append(lines, v.Decision.String())
	for _, f := range v.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s %s, %d: %s, gains %v, loses %v, of %v, scenarios %v",
			f.Severity, f.Check, f.Fingerprint, f.State, f.Count, f.Title, f.Gained, f.Lost, f.Owners, f.Scenarios))
	}
	for _, g := range v.Gaps {
		lines = append(lines, fmt.Sprintf("gap %s, %d", g.Kind, max(g.Count, 1)))
	}
	slices.Sort(lines[1:])
	return lines, v
}

// sameInShards replays a configuration whole and in shards, side by side, and requires one
// verdict of both.
func sameInShards(t *testing.T, conf string, shards int) gate.Verdict {
	t.Helper()
	dir := t.TempDir()
	whole, merged, parts := filepath.Join(dir, "whole.json"), filepath.Join(dir, "merged"), filepath.Join(dir, "parts.json")
	wantCode, said := called("gate", "--json", whole, conf)
	if _, err := os.Stat(whole); err != nil {
		t.Fatalf("gate: exit code %d:\n%s", wantCode, said)
	}
	want, _ := meant(t, whole)
	folders := make([]string, shards)
	var wg sync.WaitGroup
	for i := range folders {
		folders[i] = filepath.Join(dir, fmt.Sprintf("shard-%d", i+1))
		wg.Go(func() {
			if code, said := called("replay", "--shard", fmt.Sprintf("%d/%d", i+1, shards), "--out", folders[i], conf); code != 0 {
				t.Errorf("shard %d of %d: exit code %d:\n%s", i+1, shards, code, said)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if code, said := called(append([]string{"merge", "--out", merged}, folders...)...); code != 0 {
		t.Fatalf("merge: exit code %d:\n%s", code, said)
	}
	gotCode, saidOfParts := called("judge", "--config", conf, "--json", parts, merged)
	if _, err := os.Stat(parts); err != nil {
		t.Fatalf("judge: exit code %d:\n%s", gotCode, saidOfParts)
	}
	got, v := meant(t, parts)
	if text, err := os.ReadFile(conf); err != nil {
		t.Fatal(err)
	} else if bytes.Contains(text, []byte(`kind = "contention"`)) {
		want, got = want[:1], got[:1] // a race strikes others each time: that it does is what both must say
	}
	if d := cmp.Diff(want, got); d != "" || wantCode != gotCode {
		t.Errorf("exit code %d whole, %d in %d shards (-whole +shards)\n%s\n%s\n%s", wantCode, gotCode, shards, d, said, saidOfParts)
	}
	if v.Made.Shards != shards {
		t.Errorf("the verdict says that there were %d shards, and there were %d", v.Made.Shards, shards)
	}
	return v
}

// A release in shards is judged as the whole is, finding for finding, fingerprint for fingerprint:
// every incident among the fixtures.
func TestShardedIncidents(t *testing.T) {
	if testing.Short() {
		t.Skip("replays are not short")
	}
	incidents, err := filepath.Glob("../../fixtures/incidents/*/*.toml")
	if err != nil || len(incidents) == 0 {
		t.Fatalf("no incidents: %v", err)
	}
	for _, conf := range incidents {
		if filepath.Base(conf) == "approvals.toml" {
			continue
		}
		t.Run(strings.ReplaceAll(strings.TrimPrefix(conf, "../../fixtures/incidents/"), "/", " "), func(t *testing.T) {
			sameInShards(t, conf, 4)
		})
	}
}

// And random ones: corpora, sessions, faults, scenarios and numbers of shards.
func TestShardedReleases(t *testing.T) {
	if testing.Short() {
		t.Skip("replays are not short")
	}
	decisions := map[gate.Decision]int{}
	for n := range uint64(*shardedCases) {
		seed := *shardedSeed + n
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			conf, sessions := randomRelease(t, random)
			v := sameInShards(t, conf, 1+random.IntN(min(sessions, 4)))
			decisions[v.Decision]++
		})
	}
	t.Logf("%d releases: %v", *shardedCases, decisions)
}

// randomRelease writes a corpus and a configuration, and returns how many sessions there are at
// least in whatever shard has the fewest, as far as it needs some.
func randomRelease(t *testing.T, random *rand.Rand) (conf string, sessions int) {
	t.Helper()
	dir := t.TempDir()
	w, err := tape.Create(filepath.Join(dir, "c.tape"), gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	people := 16 + random.IntN(12)
	for i := range people + random.IntN(12) {
		who := chaosMember(i % people)
		form := fmt.Sprintf("from=%s&question=question+%d+about+record+%d", strings.Replace(who, "@", "%40", 1), i, 770_000+7919*i)
		err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
			ID: fmt.Sprintf("q-%02d", i), Channel: "http", Door: "web", Key: who, Status: 200,
			Head: fmt.Appendf(nil, "POST /ask HTTP/1.1\r\nHost: portal.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(form)),
			Body: []byte(form),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	faults := []string{"swap", "banner", "silent", "tracker", "join"}
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	portal := `command = ["portal", "-listen", "${door.web}", "-smtp", "${sink.mail}", "-proxy", "${sink.web}"%s]
quiet = { settle = "50ms" }
jobs = { drain = { command = ["portal", "-smtp", "${sink.mail}", "-drain", "${config}/queue.txt"%s] } }
`
	mode := `, "-mode", "` + pick(faults...) + `"`
	text := "version = 1\n[corpus]\npath = \"c.tape\"\n[doors.web]\nchannel = \"http\"\n[sinks.web]\nchannel = \"http\"\n[sinks.mail]\nchannel = \"smtp\"\n" +
		pick("", "ordered = true\n") + "[production]\n" + fmt.Sprintf(portal, "", "") + "[staging]\n" + fmt.Sprintf(portal, mode, mode) +
		fmt.Sprintf("[replay]\nconcurrency = %d\n", 1+random.IntN(4)) +
		pick("", "[[scenarios]]\nname = \"steady\"\nkind = \"steady\"\n", "[[scenarios]]\nname = \"batch\"\nkind = \"steady\"\nwhole = true\n") +
		pick("", "[[scenarios]]\nname = \"drained\"\nkind = \"steady\"\njobs = [\"drain\"]\n", "[[scenarios]]\nname = \"drain\"\nkind = \"job\"\njobs = [\"drain\"]\n")
	for name, text := range map[string]string{"waybill.toml": text, "queue.txt": "ann@example.org your letter A\nbob@example.org your letter B\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "waybill.toml"), people
}
