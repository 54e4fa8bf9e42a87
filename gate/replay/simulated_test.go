package replay_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/replay"
)

func TestPace(t *testing.T) {
	const second = int64(time.Second)
	at := []int64{100 * second, 101 * second, 101 * second, 0, 104 * second, 103 * second}
	for _, test := range []struct {
		pace config.Pace
		want []time.Duration // after the first
	}{
		{config.Fast, []time.Duration{0, 0, 0, 0, 0, 0}},
		{config.AsRecorded, []time.Duration{0, 1e9, 1e9, 1e9, 4e9, 4e9}}, // unknown, or earlier than the one before: at once
		{2, []time.Duration{0, 5e8, 5e8, 5e8, 2e9, 2e9}},
		{0.5, []time.Duration{0, 2e9, 2e9, 2e9, 8e9, 8e9}},
	} {
		t.Run(test.pace.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				sent := make(map[string]time.Time)
				m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
					mu.Lock()
					defer mu.Unlock()
					sent[s.ID] = time.Now()
					return gate.Outcome{Status: 200}
				}}
				var st store
				p := m.plan(&st, stimuli(len(at), func(i int, s *gate.Stimulus) { s.At = at[i] })...)
				p.Pace = test.pace
				if test.pace == config.AsRecorded {
					p.Concurrency = 1
				}
				r, err := replay.Run(t.Context(), p)
				must(t, err)
				var got []time.Duration
				for i := range at {
					got = append(got, sent[fmt.Sprintf("s%d", i)].Sub(sent["s0"]))
				}
				if d := cmp.Diff(test.want, got); d != "" {
					t.Error(d)
				}
				// The last was recorded a second before the one that it follows.
				if late := r.Late > 0; late != (test.pace != config.Fast) {
					t.Errorf("%d were late, by %s", r.Late, r.Latest)
				}
			})
		})
	}
}

// With two at once and answers that take a second, what is due in between is late.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		busy, most := 0, 0
		var mu sync.Mutex
		m := &memory{do: func(ctx context.Context, _ *gate.Stimulus) gate.Outcome {
			mu.Lock()
			busy++
			most = max(most, busy)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			busy--
			mu.Unlock()
			return gate.Outcome{Status: 200}
		}}
		p := m.plan(&st, stimuli(6, func(i int, s *gate.Stimulus) { s.At = int64(1 + i) })...)
		p.Pace, p.Concurrency = config.AsRecorded, 2
		r, err := replay.Run(t.Context(), p)
		must(t, err)
		if most != 2 || r.Late != 4 || r.Latest < 1900*time.Millisecond || r.Latest > 2100*time.Millisecond {
			t.Errorf("at most %d at once, %d late, by %s", most, r.Late, r.Latest)
		}
	})
}

func TestOrderOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		var mu sync.Mutex
		order := make(map[string][]string)
		under := make(map[string]bool)
		begun := time.Now()
		var others time.Duration // when the last of the others was answered
		m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
			mu.Lock()
			if s.Key != "" && under[s.Key] {
				t.Errorf("two stimuli of key %s at once", s.Key)
			}
			under[s.Key] = true
			order[s.Key] = append(order[s.Key], s.ID)
			mu.Unlock()
			if s.Key == "slow" {
				time.Sleep(time.Minute)
			} else {
				time.Sleep(time.Duration(len(s.ID)) * time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			under[s.Key] = false
			if s.Key != "slow" {
				others = time.Since(begun)
			}
			return gate.Outcome{Status: 200}
		}}
		list := stimuli(2000, func(i int, s *gate.Stimulus) {
			switch {
			case i%10 == 0:
				s.Key = "slow"
			case i%2 == 0:
				s.Key = fmt.Sprintf("k%d", i%7)
			}
		})
		p := m.plan(&st, list...)
		p.Concurrency = 64
		p.AnswerTimeout = time.Hour
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		want := make(map[string][]string)
		for _, s := range list {
			want[s.Key] = append(want[s.Key], s.ID)
		}
		delete(want, "")
		delete(order, "")
		if d := cmp.Diff(want, order); d != "" {
			t.Error(d)
		}
		// 200 stimuli of the slow key take 200 minutes, and nobody waits for them.
		if others > time.Minute {
			t.Errorf("other keys waited %s for the slow one", others)
		}
		if len(st.outcomes) != len(list) || len(st.gaps) > 0 {
			t.Errorf("%d outcomes, gaps %v", len(st.outcomes), st.gaps)
		}
	})
}

// A key that fills what is read ahead stops the reading, and nothing else.
func TestBoundedReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		read, done, most := 0, 0, 0
		var mu sync.Mutex
		m := &memory{do: func(context.Context, *gate.Stimulus) gate.Outcome {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			most = max(most, read-done)
			done++
			return gate.Outcome{Status: 200}
		}}
		p := m.plan(&st)
		p.Total = 3000
		p.Stimuli = func(yield func(gate.Stimulus, error) bool) {
			for _, s := range stimuli(3000, func(_ int, s *gate.Stimulus) { s.Key = "one" }) {
				mu.Lock()
				read++
				mu.Unlock()
				if !yield(s, nil) {
					return
				}
			}
		}
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if done != 3000 || most > 1100 {
			t.Errorf("%d done, at most %d were read ahead", done, most)
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name     string
		stimulus gate.Stimulus
		outcome  gate.Outcome
		want     string
	}{
		{"well", gate.Stimulus{Channel: "http", Door: "web"}, gate.Outcome{Status: 200}, ""},
		{"refused by the application", gate.Stimulus{Channel: "http", Door: "web"}, gate.Outcome{Status: 404}, ""},
		{"server error", gate.Stimulus{Channel: "http", Door: "web", Status: 200}, gate.Outcome{Status: 500}, gate.GapServerError},
		{"server error as recorded", gate.Stimulus{Channel: "http", Door: "web", Status: 502}, gate.Outcome{Status: 502}, ""},
		{"another server error", gate.Stimulus{Channel: "http", Door: "web", Status: 502}, gate.Outcome{Status: 500}, gate.GapServerError},
		{"mail taken", gate.Stimulus{Channel: "smtp", Door: "web"}, gate.Outcome{Status: 250}, ""},
		{"mail put off", gate.Stimulus{Channel: "smtp", Door: "web", Status: 250}, gate.Outcome{Status: 451}, gate.GapServerError},
		{"mail refused as recorded", gate.Stimulus{Channel: "smtp", Door: "web", Status: 550}, gate.Outcome{Status: 550}, ""},
		{"no answer", gate.Stimulus{Channel: "http", Door: "web"}, gate.Outcome{Error: "connection refused \xff"}, gate.GapNoAnswer},
		{"neither answer nor error", gate.Stimulus{Channel: "http", Door: "web"}, gate.Outcome{}, gate.GapNoAnswer},
		{"no such door", gate.Stimulus{Channel: "http", Door: "wab"}, gate.Outcome{}, gate.GapNotReplayed},
		{"job", gate.Stimulus{Channel: "exec", Head: []byte("drain\r\n"), Body: []byte("in")}, gate.Outcome{}, ""},
		{"job that fails", gate.Stimulus{Channel: "exec", Head: []byte("drain\n")}, gate.Outcome{Status: 3}, gate.GapJobFailed},
		{"job that fails as recorded", gate.Stimulus{Channel: "exec", Head: []byte("drain"), Status: 3}, gate.Outcome{Status: 3}, ""},
		{"job that cannot be run", gate.Stimulus{Channel: "exec", Head: []byte("drain"), Status: 3}, gate.Outcome{Status: 3, Error: "killed"}, gate.GapJobFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var st store
				m := &memory{
					do: func(context.Context, *gate.Stimulus) gate.Outcome { return test.outcome },
					job: func(_ context.Context, name string, in []byte) gate.Outcome {
						if name != "drain" || string(in) != string(test.stimulus.Body) {
							t.Errorf("job %q was run with %q", name, in)
						}
						return test.outcome
					},
				}
				test.stimulus.ID = "x"
				r, err := replay.Run(t.Context(), m.plan(&st, test.stimulus))
				must(t, err)
				if test.want == "" && len(st.gaps) > 0 || test.want != "" && (len(st.gaps) != 1 || st.gaps[0].Kind != test.want || st.gaps[0].Stimulus != "x") {
					t.Errorf("gaps are %+v, want %q", st.gaps, test.want)
				}
				if test.want != gate.GapNotReplayed && (len(st.outcomes) != 1 || st.outcomes[0].Stimulus != "x" || st.outcomes[0].Phase != "steady") {
					t.Errorf("outcomes are %+v", st.outcomes)
				}
				if r.Footer.Gaps != uint64(len(st.gaps)) || r.Footer.Outcomes != uint64(len(st.outcomes)) {
					t.Errorf("footer is %+v", r.Footer)
				}
			})
		})
	}
}

func TestNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{do: func(ctx context.Context, _ *gate.Stimulus) gate.Outcome {
			begun := time.Now()
			<-ctx.Done()
			return gate.Outcome{Error: ctx.Err().Error(), Elapsed: int64(time.Since(begun))}
		}}
		_, err := replay.Run(t.Context(), m.plan(&st, stimuli(3, nil)...))
		must(t, err)
		if len(st.gaps) != 3 || st.gaps[0].Kind != gate.GapNoAnswer || !strings.Contains(st.gaps[0].Detail, "within 30s") {
			t.Errorf("gaps are %+v", st.gaps)
		}
	})
}

// Thousands of gaps of one kind become one that counts them.
func TestManyGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{do: func(context.Context, *gate.Stimulus) gate.Outcome { return gate.Outcome{Error: "gone"} }}
		r, err := replay.Run(t.Context(), m.plan(&st, stimuli(2500, nil)...))
		must(t, err)
		if len(st.gaps) != 1001 || st.kinds()[gate.GapNoAnswer] != 2500 || r.Footer.Gaps != 1001 {
			t.Errorf("%d gaps, %v, footer %+v", len(st.gaps), st.kinds(), r.Footer)
		}
	})
}

func TestQuiet(t *testing.T) {
	for _, test := range []struct {
		name  string
		probe []bool        // answers, the last again and again; none: there is no probe
		work  time.Duration // what the build does before it sends, after its answer
		want  string
		gaps  map[string]uint64
		sent  bool // what it sent afterwards was captured
	}{
		{"probe", []bool{true}, 0, "probe", map[string]uint64{}, false},
		{"probe says yes once", []bool{false, true, false, false, true, true}, 0, "probe", map[string]uint64{}, false},
		{"idle", nil, 0, "idle", map[string]uint64{}, false},
		{"never", []bool{true, false}, 0, "stopped", map[string]uint64{gate.GapNotQuiet: 1}, false},
		{"sends late", nil, 80 * time.Millisecond, "idle", map[string]uint64{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var st store
				m := &memory{}
				if test.work > 0 {
					m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
						time.AfterFunc(test.work, func() { m.transmit("late") })
						return gate.Outcome{Status: 200}
					}
				}
				asked := 0
				if test.probe != nil {
					m.quiet = func() error {
						yes := test.probe[min(asked, len(test.probe)-1)]
						asked++
						if !yes {
							return errors.New("not yet")
						}
						return nil
					}
				}
				r, err := replay.Run(t.Context(), m.plan(&st, stimuli(1, nil)...))
				must(t, err)
				if d := cmp.Diff(test.gaps, st.kinds()); d != "" || r.Footer.Quiet != test.want {
					t.Errorf("quiet is %q, gaps %v", r.Footer.Quiet, st.gaps)
				}
				if (len(st.messages) > 0) != test.sent {
					t.Errorf("messages are %+v", st.messages)
				}
				if test.name == "probe says yes once" && asked < 6 {
					t.Errorf("one yes was enough: it was asked %d times", asked)
				}
			})
		})
	}
}

// An outage of the middle of the corpus: what is sent in it fails, is kept by the
// build, tried again by itself or sent by a job.
func TestOutage(t *testing.T) {
	for _, test := range []struct {
		name  string
		retry bool
		mood  config.Mood
		want  []string
	}{
		{"job drains", false, config.Refuse, []string{"drain m006", "drain m007", "nightly m003", "nightly m004", "nightly m005", "steady m000", "steady m001", "steady m002"}},
		{"build retries", true, config.Drop, []string{"drain m003", "drain m004", "drain m005", "drain m006", "drain m007", "steady m000", "steady m001", "steady m002"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var st store
				var mu sync.Mutex
				var dead []string
				var retries sync.WaitGroup
				m := &memory{}
				m.do = func(_ context.Context, s *gate.Stimulus) gate.Outcome {
					body := string(s.Body)
					if m.transmit(body) {
						return gate.Outcome{Status: 200}
					}
					if test.retry {
						retries.Go(func() {
							for !m.transmit(body) {
								time.Sleep(20 * time.Millisecond)
							}
						})
						return gate.Outcome{Status: 200}
					}
					mu.Lock()
					defer mu.Unlock()
					dead = append(dead, body)
					return gate.Outcome{Status: 200}
				}
				m.job = func(context.Context, string, []byte) gate.Outcome {
					for _, body := range dead {
						if !m.transmit(body) {
							t.Error("the sink had not recovered when the job ran")
						}
					}
					return gate.Outcome{}
				}
				p := m.plan(&st, stimuli(8, nil)...)
				p.Scenario = config.Scenario{Name: "o", Kind: config.Outage, Sinks: []string{"mail"}, Mood: test.mood, From: 0.375, To: 0.75, Jobs: []string{"nightly"}}
				r, err := replay.Run(t.Context(), p)
				must(t, err)
				retries.Wait()
				if d := cmp.Diff(test.want, st.bodies()); d != "" {
					t.Error(d)
				}
				if len(st.gaps) > 0 || r.Footer.Refused < 3 || r.Footer.Accepted != 8 {
					t.Errorf("gaps %v, footer %+v", st.gaps, r.Footer)
				}
				if i := slices.IndexFunc(st.outcomes, func(o gate.Outcome) bool { return o.Stimulus == "job/nightly" }); i < 0 || st.outcomes[i].Phase != "nightly" {
					t.Errorf("the outcome of the job is not there: %+v", st.outcomes)
				}
			})
		})
	}
}

func TestJobAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{job: func(_ context.Context, name string, _ []byte) gate.Outcome {
			return gate.Outcome{Status: len(name) - 1}
		}}
		p := m.plan(&st, stimuli(2, nil)...)
		p.Scenario = config.Scenario{Name: "j", Kind: config.Alone, Jobs: []string{"a", "bc"}}
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if len(st.outcomes) != 2 || st.kinds()[gate.GapJobFailed] != 1 || len(st.gaps) != 1 || st.gaps[0].Where != "job bc" {
			t.Errorf("outcomes %+v, gaps %+v", st.outcomes, st.gaps)
		}
	})
}

func TestCorpus(t *testing.T) {
	broken := errors.New("damaged at byte 7")
	for _, test := range []struct {
		name    string
		stimuli iter.Seq2[gate.Stimulus, error]
		total   uint64
		want    string // the only kind of gap
		err     string
	}{
		{"empty", all(nil), 0, gate.GapEmptyCorpus, ""},
		{"damaged", func(yield func(gate.Stimulus, error) bool) {
			if yield(stimuli(1, nil)[0], nil) {
				yield(gate.Stimulus{}, broken)
			}
		}, 0, gate.GapNotReplayed, "read the corpus after 1 stimuli: damaged at byte 7"},
		{"shorter than it was said to be", all(stimuli(2, nil)), 5, gate.GapNotReplayed, "ended after 2 of 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var st store
				m := &memory{}
				p := m.plan(&st)
				p.Stimuli, p.Total = test.stimuli, test.total
				_, err := replay.Run(t.Context(), p)
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("error is %v, want %q", err, test.err)
				}
				if kinds := st.kinds(); len(kinds) != 1 || kinds[test.want] == 0 {
					t.Errorf("gaps are %+v, want %s", st.gaps, test.want)
				}
				if m.stops.Load() != 1 {
					t.Errorf("the build was stopped %d times", m.stops.Load())
				}
			})
		})
	}
}

func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on device")
		st := store{fail: full}
		m := &memory{}
		m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
			if m.transmit("x") {
				t.Error("a message was acknowledged that was not stored")
			}
			return gate.Outcome{Status: 200}
		}
		_, err := replay.Run(t.Context(), m.plan(&st, stimuli(50, nil)...))
		if !errors.Is(err, full) {
			t.Errorf("error is %v", err)
		}
		if m.stops.Load() != 1 || st.kinds()[gate.GapStore] != 1 || st.kinds()[gate.GapNotReplayed] == 0 {
			t.Errorf("stopped %d times, gaps %v", m.stops.Load(), st.kinds())
		}
	})
}

// Accepted equals stored, or the run says so.
func TestAcknowledgedAndNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{}
		m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
			m.transmit("x")
			m.seen.Add(1) // a sink that acknowledges what it did not keep
			return gate.Outcome{Status: 200}
		}
		r, err := replay.Run(t.Context(), m.plan(&st, stimuli(3, nil)...))
		must(t, err)
		if len(st.gaps) != 1 || st.gaps[0].Kind != gate.GapStore || st.gaps[0].Count != 3 || r.Footer.Accepted != 6 || r.Footer.Messages != 3 {
			t.Errorf("gaps are %+v, footer %+v", st.gaps, r.Footer)
		}
	})
}

func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{}
		m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
			for range 100 {
				m.transmit("x")
			}
			return gate.Outcome{Status: 200}
		}
		p := m.plan(&st, stimuli(50, nil)...)
		p.MaxMessages = 250
		r, err := replay.Run(t.Context(), p)
		must(t, err)
		if len(st.messages) != 250 || r.Footer.Messages != 250 || r.Footer.Accepted != 250 {
			t.Errorf("%d messages are stored, footer %+v", len(st.messages), r.Footer)
		}
		if st.kinds()[gate.GapFlood] != 1 || st.kinds()[gate.GapNotReplayed] == 0 {
			t.Errorf("gaps are %v", st.kinds())
		}
	})
}

func TestStartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		no := errors.New("no such program")
		p := (&memory{}).plan(&st, stimuli(1, nil)...)
		p.Start = func(context.Context, map[string]string) (replay.Build, error) { return nil, no }
		_, err := replay.Run(t.Context(), p)
		if !errors.Is(err, no) || st.kinds()[gate.GapBuildCrashed] != 1 {
			t.Errorf("error %v, gaps %v", err, st.gaps)
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{}
		m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
			time.Sleep(10 * time.Millisecond)
			m.transmit("x")
			return gate.Outcome{Status: 200}
		}
		p := m.plan(&st, stimuli(400, nil)...)
		var told []replay.Progress
		var at []time.Time
		p.Progress = func(pr replay.Progress) { told, at = append(told, pr), append(at, time.Now()) }
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if len(told) < 5 || told[len(told)-1] != (replay.Progress{Phase: "steady", Done: 400, Total: 400, Messages: 400}) {
			t.Fatalf("progress is %+v", told)
		}
		for i := 1; i < len(told)-1; i++ {
			if at[i].Sub(at[i-1]) < 100*time.Millisecond || told[i].Done < told[i-1].Done {
				t.Errorf("progress %+v came %s after %+v", told[i], at[i].Sub(at[i-1]), told[i-1])
			}
		}
	})
}

func TestPlanIsChecked(t *testing.T) {
	for want, change := range map[string]func(*replay.Plan){
		"no store":                     func(p *replay.Plan) { p.Store = nil },
		"no build":                     func(p *replay.Plan) { p.Start = nil },
		"no stimuli":                   func(p *replay.Plan) { p.Stimuli = nil },
		"no sinks":                     func(p *replay.Plan) { p.Sinks = nil },
		"concurrency must be":          func(p *replay.Plan) { p.Concurrency = 0 },
		"time-outs must be":            func(p *replay.Plan) { p.QuietTimeout = 0 },
		"limit of messages":            func(p *replay.Plan) { p.MaxMessages = 0 },
		"pace must not":                func(p *replay.Plan) { p.Pace = -1 },
		"two sinks are called mail":    func(p *replay.Plan) { p.Sinks = append(p.Sinks, p.Sinks[0]) },
		"sink mail has no sinks":       func(p *replay.Plan) { p.Sinks[0].Listen = nil },
		"door web has no driver":       func(p *replay.Plan) { p.Doors["web"] = replay.Door{} },
		`unknown kind of scenario ""`:  func(p *replay.Plan) { p.Scenario.Kind = "" },
		"an outage of no sink":         func(p *replay.Plan) { p.Scenario = config.Scenario{Kind: config.Outage, Mood: config.Drop, To: 1} },
		"from before to":               func(p *replay.Plan) { p.Scenario = config.Scenario{Kind: config.Outage, Mood: config.Drop} },
		`unknown mood ""`:              func(p *replay.Plan) { p.Scenario = config.Scenario{Kind: config.Outage, To: 1} },
		"sink fax, which there is not": func(p *replay.Plan) { p.Scenario = config.Scenario{Kind: config.Outage, To: 1, Sinks: []string{"fax"}} },
		"needs its length": func(p *replay.Plan) {
			p.Total, p.Scenario = 0, config.Scenario{Kind: config.Outage, To: 0.5, Sinks: []string{"mail"}}
		},
	} {
		p := (&memory{}).plan(&store{}, stimuli(1, nil)...)
		change(&p)
		if _, err := replay.Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	m := &memory{}
	var st store
	p := m.plan(&st)
	p.Total, p.MaxMessages = uint64(b.N), uint64(b.N)+1
	p.Settle = time.Millisecond
	p.Stimuli = func(yield func(gate.Stimulus, error) bool) {
		for i := range b.N {
			if !yield(gate.Stimulus{ID: "x", Channel: "http", Door: "web", Key: fmt.Sprint(i % 1000)}, nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	if _, err := replay.Run(b.Context(), p); err != nil {
		b.Fatal(err)
	}
}

// With one worker stimuli are sent in the order in which they were recorded, over all
// sessions: whoever comes last, and whatever numbers are given out, is as it was.
func TestRecordedOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order, want []string
		var st store
		m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
			time.Sleep(time.Duration(len(order)%7) * time.Millisecond)
			order = append(order, s.ID)
			return gate.Outcome{Status: 200}
		}}
		list := stimuli(3000, func(i int, s *gate.Stimulus) { // more than are read ahead
			if s.Key = fmt.Sprint("visitor ", i/3%40); i%5 == 0 {
				s.Key = ""
			}
			want = append(want, s.ID)
		})
		p := m.plan(&st, list...)
		p.Concurrency = 1
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if !slices.Equal(order, want) {
			t.Error("stimuli are not sent in the order of the corpus")
		}
	})
}
