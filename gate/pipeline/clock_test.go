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

// Dates and times of day as people read them are the clock's where they are when their message
// was sent, whatever turns meanwhile; else they are somebody's.
func TestReadingsOfMinutes(t *testing.T) {
	run := func(role gate.Role, at time.Time, text func(i int) string) string {
		var records []*gate.Record
		for i := range 4 {
			to := fmt.Sprintf("member%d@example.org", i)
			records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: uint64(i + 1), Channel: "smtp", Sink: "mail", At: at.UnixNano(),
				Head: []byte("EHLO app\r\nMAIL FROM:<noreply@example.org>\r\nRCPT TO:<" + to + ">\r\n"),
				Body: []byte("From: noreply@example.org\r\nTo: " + to + "\r\nSubject: hi\r\n\r\nDear member, sent " + text(i) + ".\r\n"),
			}})
		}
		h := runHeader(role)
		h.Settings = map[string]string{"mail": ""}
		return write(t, filepath.Join(t.TempDir(), "r.tape"), h, records...)
	}
	compared := func(at, then time.Time, production, staging func(i int) string) int {
		t.Helper()
		p := []string{run(gate.Production, at, production), run(gate.Production, at.Add(5*time.Second), production)}
		got, _, err := pipeline.Compare(context.Background(), options(t), p, run(gate.Staging, then, staging))
		if err != nil {
			t.Fatal(err)
		}
		return len(got.Changes)
	}
	turns := []time.Time{
		time.Date(2026, 11, 30, 12, 51, 50, 0, time.UTC), // a minute
		time.Date(2026, 11, 30, 12, 59, 50, 0, time.UTC), // an hour
		time.Date(2026, 11, 30, 23, 59, 50, 0, time.UTC), // a day and a month
		time.Date(2026, 12, 31, 23, 59, 50, 0, time.UTC), // a year
	}
	for _, layout := range []string{
		"at 15:04", "15:04Z", "15:04 UTC", "at 3:04 PM", "2006-01-02 15:04", "2006-01-02T15:04Z", "02/01/2006 15:04", "01/02/2006 15:04",
		"02.01.2006, 15.04 Uhr", "Monday, 2. January 2006 15:04", "Jan 02, 2006 03:04 PM", "2 January 2006 at 15:04", "Mon 02 Jan 15:04 UTC",
		"2006-01-02", "on 02 January 2006", "Monday, January 2, 2006",
	} {
		for _, at := range turns {
			then := at.Add(20 * time.Second)
			now := func(at time.Time) func(int) string { return func(int) string { return at.Format(layout) } }
			if n := compared(at, then, now(at), now(then)); n != 0 {
				t.Errorf("%q at %s: %d changes, want none", layout, at, n)
			}
			other := func(ahead time.Duration) func(int) string {
				return func(i int) string {
					if i < 2 {
						return then.Add(ahead).Format(layout)
					}
					return then.Format(layout)
				}
			}
			if n := compared(at, then, now(at), other(73*time.Hour+7*time.Minute)); n < 2 {
				t.Errorf("%q at %s, two people's are of another day: %d changes", layout, at, n)
			}
		}
	}
	// Appointments, which two people exchange, at any distance from now.
	at := turns[0]
	for _, layout := range []string{"15:04", "2006-01-02 15:04"} {
		for ahead := 5 * time.Minute; ahead < 30*time.Hour; ahead += 97 * time.Minute {
			own := func(i int) string { return at.Add(ahead + time.Duration(i)*time.Minute).Format(layout) }
			others := func(i int) string { return own(i ^ 1) }
			if n := compared(at, at.Add(20*time.Second), own, others); n != 4 {
				t.Errorf("%q, appointments %s ahead are exchanged: %d changes, want 4", layout, ahead, n)
			}
		}
	}
}
