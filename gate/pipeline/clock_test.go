package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// A date far from when its message was sent differs from one that is close. Two runs at
// different times do not differ by their dates.
func TestFarDates(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	written := func(role gate.Role, at time.Time, settings map[string]string, off func(i int) time.Duration) string {
		var records []*gate.Record
		for i := range 6 {
			to := fmt.Sprintf("member%d@example.org", i)
			date := at.Add(off(i)).Format(time.RFC1123Z)
			records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: uint64(i + 1), Channel: "smtp", Sink: "mail", At: at.UnixNano(),
				Head: []byte("EHLO app\r\nMAIL FROM:<noreply@example.org>\r\nRCPT TO:<" + to + ">\r\n"),
				Body: []byte("From: noreply@example.org\r\nTo: " + to + "\r\nDate: " + date + "\r\nSubject: hi\r\n\r\nhello\r\n"),
			}})
		}
		h := runHeader(role)
		h.Settings = settings
		return write(t, filepath.Join(t.TempDir(), "r.tape"), h, records...)
	}
	on := func(days int, which ...int) func(int) time.Duration {
		return func(i int) time.Duration {
			for _, w := range which {
				if w == i {
					return time.Duration(days) * 24 * time.Hour
				}
			}
			return time.Duration(i) * time.Second
		}
	}
	replayed := map[string]string{"mail": ""}
	for _, c := range []struct {
		name             string
		settings         map[string]string
		production, then func(int) time.Duration
		want             int
	}{
		{"close", replayed, on(0), on(1, 4), 0},
		{"one far back", replayed, on(0), on(-30, 4), 1},
		{"one far ahead", replayed, on(0), on(9, 2), 1},
		{"all far, as before", replayed, on(-30, 0, 1, 2, 3, 4, 5), on(-31, 0, 1, 2, 3, 4, 5), 0},
		{"imported", nil, on(0), on(-30, 4), 0},
	} {
		p := written(gate.Production, start, c.settings, c.production)
		s := written(gate.Staging, start.Add(26*time.Hour), c.settings, c.then)
		got, _, err := pipeline.Compare(context.Background(), options(t), []string{p}, s)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Changes) != c.want {
			t.Errorf("%s: %d changes, want %d: %+v", c.name, len(got.Changes), c.want, got.Changes)
		}
	}
}

// A value that is as far from when its message was sent as in production is the clock's, also
// where two replays of production read it in one second; one that is further off is not.
func TestClockReadings(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	run := func(role gate.Role, at time.Time, value func(at time.Time) string) string {
		var records []*gate.Record
		for i := range 4 {
			body := fmt.Sprintf(`{"who":"member%d","until":%s}`, i, value(at))
			records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: uint64(i + 1), Channel: "http", Sink: "web", Host: "api.partner.example", At: at.UnixNano(),
				Head: fmt.Appendf(nil, "POST /v1/things HTTP/1.1\r\nHost: api.partner.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body)),
				Body: []byte(body),
			}})
		}
		h := runHeader(role)
		h.Settings = map[string]string{"web": ""}
		return write(t, filepath.Join(t.TempDir(), "r.tape"), h, records...)
	}
	seconds := func(ahead time.Duration) func(time.Time) string {
		return func(at time.Time) string { return fmt.Sprint(at.Add(ahead).Unix()) }
	}
	for _, c := range []struct {
		name    string
		value   func(time.Time) string
		staging func(time.Time) string
		want    int
	}{
		{"seconds", seconds(time.Hour), seconds(time.Hour), 0},
		{"milliseconds", func(at time.Time) string { return fmt.Sprint(at.UnixMilli()) }, func(at time.Time) string { return fmt.Sprint(at.Add(3 * time.Second).UnixMilli()) }, 0},
		{"a date", func(at time.Time) string { return `"` + at.Format(time.RFC3339) + `"` }, func(at time.Time) string { return `"` + at.Format(time.RFC3339) + `"` }, 0},
		{"a day instead of an hour", seconds(time.Hour), seconds(24 * time.Hour), 4},
		{"no clock's", func(time.Time) string { return "1700000000" }, func(time.Time) string { return "1700000007" }, 4},
	} {
		p := run(gate.Production, start, c.value)
		again := run(gate.Production, start, c.value)
		s := run(gate.Staging, start.Add(20*time.Second), c.staging)
		got, _, err := pipeline.Compare(context.Background(), options(t), []string{p, again}, s)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Changes) != c.want {
			t.Errorf("%s: %d changes, want %d: %+v", c.name, len(got.Changes), c.want, got.Changes)
		}
	}
}
