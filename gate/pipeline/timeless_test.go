package pipeline_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// Tokens made in one second share what reads the clock in them, and are nobody else's for that;
// the token of another person is, whatever else stands in it.
func TestReadingsInTokens(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	drawn := func(r *rand.Rand, n int) string {
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	for name, token := range map[string]func(r *rand.Rand, at time.Time) string{
		"before": func(r *rand.Rand, at time.Time) string { return fmt.Sprintf("%d-%s", at.Unix(), drawn(r, 40)) },
		"within": func(r *rand.Rand, at time.Time) string {
			return fmt.Sprintf("%s-%d-1.0.1.1-%s", drawn(r, 43), at.Unix(), drawn(r, 60))
		},
		"behind": func(r *rand.Rand, at time.Time) string { return fmt.Sprintf("%s.%d", drawn(r, 32), at.Unix()) },
		"thousandths": func(r *rand.Rand, at time.Time) string {
			return fmt.Sprintf("%s_%d", drawn(r, 32), at.UnixMilli())
		},
		"base 36": func(r *rand.Rand, at time.Time) string {
			return drawn(r, 32) + "-" + strconv.FormatInt(at.UnixMilli(), 36)
		},
		"hexadecimal": func(r *rand.Rand, at time.Time) string { return fmt.Sprintf("%s-%x", drawn(r, 32), at.Unix()) },
		"base64": func(r *rand.Rand, at time.Time) string {
			return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", drawn(r, 32), at.Unix()))
		},
	} {
		for _, exchange := range []bool{false, true} {
			r := rand.New(rand.NewPCG(1, 2))
			run := func(role gate.Role, at time.Time, exchange bool) string {
				tokens := make([]string, 8)
				for i := range tokens {
					tokens[i] = token(r, at)
				}
				var records []*gate.Record
				add := func(path, body string) {
					records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
						Seq: uint64(len(records) + 1), Channel: "http", Sink: "web", Host: "api.partner.example", At: at.UnixNano(),
						Head: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: api.partner.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, len(body)),
						Body: []byte(body),
					}})
				}
				for i := range tokens {
					j := i
					if exchange && i < 2 {
						j = 1 - i
					}
					add("/issued", fmt.Sprintf(`{"who":"member%d","token":%q}`, i, tokens[i]))
					add("/used", fmt.Sprintf(`{"by":"member%d","token":%q}`, i, tokens[j]))
				}
				h := runHeader(role)
				h.Settings = map[string]string{"web": ""}
				return write(t, filepath.Join(t.TempDir(), "r.tape"), h, records...)
			}
			p := []string{run(gate.Production, start, false), run(gate.Production, start.Add(11*time.Second), false)}
			got, _, err := pipeline.Compare(context.Background(), options(t), p, run(gate.Staging, start.Add(27*time.Second), exchange))
			if err != nil {
				t.Fatal(err)
			}
			if (len(got.Changes) > 0) != exchange {
				t.Errorf("%s, exchanged %t: %d changes: %+v", name, exchange, len(got.Changes), got.Changes)
			}
		}
	}
}

// A request that is read as several messages is told apart by what all of these say, and not by
// the one alone that has its head. Two that name one person are as two mails to one.
func TestRequestsReadInPieces(t *testing.T) {
	run := func(role gate.Role, seed uint64, event string, body func(i int) string) string {
		r := rand.New(rand.NewPCG(seed, 2))
		var records []*gate.Record
		for i := range 6 {
			b := body(i)
			records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: uint64(i + 1), Channel: "http", Sink: "web", Host: "bus.partner.example",
				Head: fmt.Appendf(nil, "POST /events HTTP/1.1\r\nHost: bus.partner.example\r\nContent-Type: application/json\r\n%sPartner-Event: %x%x\r\nContent-Length: %d\r\n\r\n", event, r.Uint64(), r.Uint64(), len(b)),
				Body: []byte(b),
			}})
		}
		h := runHeader(role)
		h.Settings = map[string]string{"web": ""}
		return write(t, filepath.Join(t.TempDir(), "r.tape"), h, records...)
	}
	const pieces = "Ce-Specversion: 1.0\r\nCe-Id: result\r\nCe-Type: result.ready\r\nCe-Source: /lab\r\n"
	for _, c := range []struct {
		name, event string
		body        func(i int) string
		gap         bool
	}{
		{"a record in each", pieces, func(i int) string {
			return fmt.Sprintf(`{"patient":"MRN-%d","mail":"member%d@example.org"}`, 40211+i*7, i)
		}, false},
		{"nothing in any", pieces, func(int) string { return `{"patient":"","mail":""}` }, true},
		{"two of one person", "", func(i int) string { return fmt.Sprintf(`{"mail":"member%d@example.org"}`, max(i, 1)) }, false},
		{"all of one address", "", func(int) string { return `{"mail":"desk@practice.example"}` }, true},
		{"two alike", pieces, func(i int) string { return fmt.Sprintf(`{"patient":"MRN-%d"}`, 40211+max(i, 1)*7) }, true},
	} {
		p := []string{run(gate.Production, 1, c.event, c.body), run(gate.Production, 2, c.event, c.body)}
		got, gaps, err := pipeline.Compare(context.Background(), options(t), p, run(gate.Staging, 3, c.event, c.body))
		if err != nil {
			t.Fatal(err)
		}
		gap := slices.ContainsFunc(gaps, func(g gate.Gap) bool { return g.Kind == gate.GapUnanchored })
		if len(got.Changes) > 0 || gap != c.gap {
			t.Errorf("%s: %d changes, gap %t, want %t: %+v", c.name, len(got.Changes), gap, c.gap, gaps)
		}
	}
}
