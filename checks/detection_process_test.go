package checks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"text/template"

	"github.com/waybill-dev/waybill/fixtures/builds/buildtest"
	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// processVolume is how many messages a run of processes has: as many as asked for,
// but for the usual size, of which a part will do.
func processVolume() int {
	if n := detectionVolume(); n > usualSize {
		return n
	}
	return min(detectionVolume(), 400)
}

// A clinicSite is the clinic's server as a build of the gate: processes that take
// stimuli over HTTP and send over SMTP and HTTP, from several workers at once.
type clinicSite struct {
	*buildtest.Program
	server     string // the program
	size       int
	corpus     string
	traffic    *clinic.Traffic
	production []string // runs
}

var clinicConfiguration = template.Must(template.New("").Parse(`version = 1

[corpus]
path = "{{.Corpus}}"

[doors.portal]
channel = "http"

[sinks.mail]
channel = "smtp"

[sinks.web]
channel = "http"
{{.Web}}
{{range $role, $more := .Builds}}
[{{$role}}]
command = ["{{$.Server}}", "-listen", "${door.portal}", "-mail", "${sink.mail}", "-web", "${sink.web}", "-ca", "${ca}", "-size", "{{$.Size}}"{{range $more}}, "{{.}}"{{end}}]
ready = { http = "http://${door.portal}/healthz" }
quiet = { http = "http://${door.portal}/quiet", settle = "50ms" }
{{end}}
[replay]
concurrency = 16
linger = "50ms"

[policy]
same_build = true
`))

// newClinicSite compiles programs and writes the corpus, in an order that seed gives.
func newClinicSite(t *testing.T, size int, seed uint64) *clinicSite {
	t.Helper()
	bin := buildtest.Compile(t, buildtest.Package, "github.com/waybill-dev/waybill/fixtures/builds/clinic/server")
	s := &clinicSite{Program: &buildtest.Program{Path: filepath.Join(bin, "waybill")}, server: filepath.Join(bin, "server")}
	s.size, s.traffic = size, clinic.Build(size)
	s.corpus = filepath.Join(t.TempDir(), "corpus.tape")
	stimuli := s.traffic.Corpus()
	rng := rand.New(rand.NewPCG(seed, 3))
	rng.Shuffle(len(stimuli), func(i, j int) { stimuli[i], stimuli[j] = stimuli[j], stimuli[i] })
	w, err := tape.Create(s.corpus, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range stimuli {
		if err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &stimuli[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Stimuli: uint64(len(stimuli))}); err != nil {
		t.Fatal(err)
	}
	return s
}

// arrange makes a folder with a configuration whose staging is called with more.
func (s *clinicSite) arrange(t *testing.T, more ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var toml bytes.Buffer
	if err := clinicConfiguration.Execute(&toml, map[string]any{
		"Corpus": s.corpus, "Web": clinic.WebSettings, "Server": s.server, "Size": s.size,
		"Builds": map[gate.Role][]string{gate.Production: nil, gate.Staging: more},
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "waybill.toml"), toml.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A ledger is what a faulty server says of itself.
type ledger struct {
	Exposed, Struck int
	Affected        []string
}

// faulty replays a faulty staging and judges it by the runs of production.
func (s *clinicSite) faulty(t *testing.T, more ...string) (*buildtest.Outcome, *ledger) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.json")
	dir := s.arrange(t, append(more, "-ledger", path)...)
	o := s.Judge(t, dir, s.production, s.Replay(t, dir, gate.Staging))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var l ledger
	if err := json.Unmarshal(raw, &l); err != nil {
		t.Fatal(err)
	}
	return o, &l
}

// TestDetectionInProcesses plants every fault, and every benign change, in a build
// that really sends: production is replayed twice, staging once for each of them,
// concurrently, with the stimuli in another order than that of the traffic.
func TestDetectionInProcesses(t *testing.T) {
	size := processVolume()
	s := newClinicSite(t, size, *detectionSeed)
	o := s.produce(t)
	r := newRecord()
	seed := fmt.Sprint(*detectionSeed)
	t.Run("faults", func(t *testing.T) {
		for i, f := range clinic.Faults() {
			t.Run(f.Key(), func(t *testing.T) {
				t.Parallel()
				o, l := s.faulty(t, "-fault", f.Key(), "-fault-seed", seed)
				r.fault(t, i, &f, &o.Verdict, l.Affected)
			})
		}
	})
	t.Run("benign", func(t *testing.T) {
		for i, c := range clinic.Changes() {
			t.Run(c.ID+" "+c.Name, func(t *testing.T) {
				t.Parallel()
				dir := s.arrange(t, "-change", c.Name)
				o := s.Judge(t, dir, s.production, s.Replay(t, dir, gate.Staging))
				r.benign(t, i, &c, &o.Verdict)
			})
			if c.ID != "all" {
				continue
			}
			for n, f := range near(t, &c) {
				t.Run(c.ID+" "+c.Name+" with "+f.Key(), func(t *testing.T) {
					t.Parallel()
					o, l := s.faulty(t, "-change", c.Name, "-fault", f.Key(), "-fault-seed", seed)
					r.pair(t, 10*i+n, &c, &f, &o.Verdict, l.Affected)
				})
			}
		}
	})
	t.Logf("planted in the process that sends: %d messages a run, %d deliveries, seed %d\n%s", size, o.Comparisons[0].Production.Deliveries, *detectionSeed, r)
}

// produce has the whole gate pass a correct build, and keeps the runs of production.
func (s *clinicSite) produce(t *testing.T) *buildtest.Outcome {
	t.Helper()
	dir := s.arrange(t)
	o := s.Gate(t, dir)
	if o.Code != gate.ExitPass || len(o.Findings) > 0 || len(o.Gaps) > 0 {
		t.Fatalf("the correct build: exit code %d, gaps %+v\n%s\n%s", o.Code, o.Gaps, shown(&o.Verdict), o.Printed)
	}
	if c := &o.Comparisons[0]; c.Production.Messages != uint64(s.size) || c.Production.Stimuli != uint64(s.size) {
		t.Fatalf("%d stimuli caused %d messages, want %d of both", c.Production.Stimuli, c.Production.Messages, s.size)
	}
	for n := range 2 {
		s.production = append(s.production, filepath.Join(dir, ".waybill", "runs", fmt.Sprintf("steady-production-%d.tape", n+1)))
	}
	return o
}
