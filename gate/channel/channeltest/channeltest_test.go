package channeltest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

// planted names the environment variable that says which defect to plant.
const planted = "WAYBILL_PLANTED_DEFECT"

// defects break a sound protocol, each in one way, and name the part of the suite
// that must see it.
func defects() map[string]struct {
	seen  string
	plant func(*channel.Protocol)
} {
	type defect = struct {
		seen  string
		plant func(*channel.Protocol)
	}
	listen := func(change func(*channel.SinkConfig)) func(*channel.Protocol) {
		return func(p *channel.Protocol) {
			sound := p.Listen
			p.Listen = func(cfg channel.SinkConfig) (channel.Sink, error) {
				if cfg.Keep != nil {
					change(&cfg)
				}
				return sound(cfg)
			}
		}
	}
	tap := func(change func(*channel.TapConfig)) func(*channel.Protocol) {
		return func(p *channel.Protocol) {
			sound := p.Tap
			p.Tap = func(cfg channel.TapConfig) (channel.Tap, error) {
				if cfg.Missed != nil {
					change(&cfg)
				}
				return sound(cfg)
			}
		}
	}
	wrap := func(change func(channel.Sink) channel.Sink) func(*channel.Protocol) {
		return func(p *channel.Protocol) {
			sound := p.Listen
			p.Listen = func(cfg channel.SinkConfig) (channel.Sink, error) {
				s, err := sound(cfg)
				if err != nil {
					return nil, err
				}
				return change(s), nil
			}
		}
	}
	return map[string]defect{
		"acknowledges what was not stored": {"keep_fails", listen(func(c *channel.SinkConfig) {
			keep := c.Keep
			c.Keep = func(m *gate.Message) error { keep(m); return nil }
		})},
		"acknowledges too early": {"acknowledges_after_keep", listen(func(c *channel.SinkConfig) {
			keep := c.Keep
			c.Keep = func(m *gate.Message) error { go keep(m); return nil }
		})},
		"loses one message of seven": {"concurrency", listen(func(c *channel.SinkConfig) {
			keep, n := c.Keep, atomic.Int64{}
			c.Keep = func(m *gate.Message) error {
				if n.Add(1)%7 == 0 {
					return nil
				}
				return keep(m)
			}
		})},
		"keeps a message twice": {"concurrency", listen(func(c *channel.SinkConfig) {
			keep := c.Keep
			c.Keep = func(m *gate.Message) error { again := *m; return errors.Join(keep(m), keep(&again)) }
		})},
		"changes the body": {"round_trip", listen(func(c *channel.SinkConfig) {
			keep := c.Keep
			c.Keep = func(m *gate.Message) error { m.Body = append(m.Body, ' '); return keep(m) }
		})},
		"is quiet about what broke":         {"broken", listen(func(c *channel.SinkConfig) { c.Gap = func(gate.Gap) {} })},
		"is quiet about what closing broke": {"close", listen(func(c *channel.SinkConfig) { c.Gap = func(gate.Gap) {} })},
		"is quiet about what it cut":        {"body_limit", listen(func(c *channel.SinkConfig) { c.Gap = func(gate.Gap) {} })},
		"takes mail in every mood":          {"moods", wrap(func(s channel.Sink) channel.Sink { return moodless{s} })},
		"goes on after closing":             {"close", wrap(func(s channel.Sink) channel.Sink { return endless{s} })},
		"does not check its settings":       {"value", func(p *channel.Protocol) { p.Check = func(channel.Settings) error { return nil } }},
		"decodes differently each time": {"decode", func(p *channel.Protocol) {
			n := atomic.Int64{}
			p.Decode = func(s channel.Settings) (channel.Decoder, error) {
				decode, err := smtp.Protocol().Decode(s)
				return func(m *gate.Message) ([]gate.Decoded, error) {
					d, err := decode(m)
					if err == nil && n.Add(1)%2 == 0 {
						d[0].Class = "even"
					}
					return d, err
				}, err
			}
		}},
		"decodes to nobody": {"decode", func(p *channel.Protocol) {
			p.Decode = func(s channel.Settings) (channel.Decoder, error) {
				_, err := smtp.Protocol().Decode(s)
				return func(m *gate.Message) ([]gate.Decoded, error) { return []gate.Decoded{{}}, nil }, err
			}
		}},
		"copies another body": {"tap_passes", tap(func(c *channel.TapConfig) {
			exchange := c.Exchange
			c.Exchange = func(s *gate.Stimulus, o *gate.Outcome) { s.Body = append(s.Body, ' '); exchange(s, o) }
		})},
		"copies another envelope": {"tap_passes", tap(func(c *channel.TapConfig) {
			message := c.Message
			c.Message = func(m *gate.Message) { m.Head = m.Head[:len(m.Head)/2]; message(m) }
		})},
		"passes on before it copies": {"tap_tells_first", tap(func(c *channel.TapConfig) {
			exchange, message := c.Exchange, c.Message
			c.Exchange = func(s *gate.Stimulus, o *gate.Outcome) { go exchange(s, o) }
			c.Message = func(m *gate.Message) { go message(m) }
		})},
		"copies twice": {"tap_concurrency", tap(func(c *channel.TapConfig) {
			exchange := c.Exchange
			c.Exchange = func(s *gate.Stimulus, o *gate.Outcome) { exchange(s, o); exchange(s, o) }
		})},
		"is quiet about what a tap cut":    {"tap_limit", tap(func(c *channel.TapConfig) { c.Missed = func(gate.Gap) {} })},
		"is quiet about what a tap missed": {"tap_broken", tap(func(c *channel.TapConfig) { c.Missed = func(gate.Gap) {} })},
		"copies to nowhere": {"tap_without_callbacks", func(p *channel.Protocol) {
			sound := p.Tap
			p.Tap = func(cfg channel.TapConfig) (channel.Tap, error) {
				if cfg.Missed == nil {
					cfg.Missed, cfg.Exchange, cfg.Message = func(gate.Gap) {}, func(*gate.Stimulus, *gate.Outcome) {}, func(*gate.Message) {}
				}
				return sound(cfg)
			}
		}},
		"": {"", func(*channel.Protocol) {}},
	}
}

type moodless struct{ channel.Sink }

func (moodless) Mood(channel.Mood) {}

type endless struct{ channel.Sink }

func (endless) Close(context.Context) error { return nil }

// TestPlanted runs the suite on a protocol with the defect that the environment
// names, and on a sound one where it names none.
func TestPlanted(t *testing.T) {
	p := smtp.Protocol()
	defects()[os.Getenv(planted)].plant(&p)
	channeltest.Run(t, channeltest.Suite{
		Protocol: p,
		Sample: func(_ int, body []byte) gate.Stimulus {
			return gate.Stimulus{Channel: smtp.Name, Head: []byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\n"), Body: body}
		},
		Open: []byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nDATA\r\nhalf"),
	})
}

// TestSuiteSees proves that the suite can fail: for each planted defect the part
// that must see it does.
func TestSuiteSees(t *testing.T) {
	for name, defect := range defects() {
		if name == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPlanted$/^"+defect.seen+"$")
			cmd.Env = append(os.Environ(), planted+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestPlanted/"+defect.seen) {
				t.Errorf("not seen by %q: %v\n%s", defect.seen, err, out)
			}
		})
	}
}
