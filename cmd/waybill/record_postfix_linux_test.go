package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/fixtures/builds/postfix"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/tape"
)

// TestRecordPostfix puts a recorder before and behind a real Postfix: every mail
// arrives as Postfix sent it, and the tape holds what was received and what was sent.
func TestRecordPostfix(t *testing.T) {
	if err := postfix.Usable(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("this test needs the real server: %v", err)
		}
		t.Skipf("this test needs the real server: %v", err)
	}
	digest := func(head, body []byte) string {
		return fmt.Sprintf("%x", sha256.Sum256(append(bytes.Clone(head), body...)))
	}

	var mu sync.Mutex
	arrived, bodies := map[string]int{}, [][]byte{}
	sink, err := smtp.Protocol().Listen(channel.SinkConfig{
		Name: "out", Address: "127.0.0.1:0", Gap: func(g gate.Gap) { t.Errorf("gap: %+v", g) },
		Keep: func(m *gate.Message) error {
			mu.Lock()
			defer mu.Unlock()
			arrived[digest(m.Head, m.Body)]++
			bodies = append(bodies, m.Body)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	smtpd := l.Addr().String()
	l.Close()

	r := startRecorder(t, fmt.Sprintf(mailTap, "front", smtpd)+strings.Replace(fmt.Sprintf(mailTap, "behind", sink.Address()), "taps.mail", "taps.out", 1), "--keep-identities")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	server, err := postfix.Create(dir, postfix.Config{
		Listen: smtpd, Relay: r.taps["out"], Virtual: "desk@example.org one@example.org, two@example.net\n",
		Main: map[string]string{"smtp_connection_cache_on_demand": "yes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()

	texts := []string{
		"Subject: dots\r\n\r\n.\r\n..\r\n...three\r\n",
		"Subject: =?utf-8?q?caf=C3=A9?=\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncaf\xc3\xa9 and caf\xe9\r\n",
		"Subject: long\r\n\r\n" + strings.Repeat("x", 990) + "\r\n",
		"Subject: large\r\n\r\n" + strings.Repeat("0123456789 line of a large mail\r\n.\r\n", 20_000),
		"Subject: empty\r\n\r\n",
	}
	const mails = 60
	sent := map[string]int{}
	d, err := smtp.Protocol().Drive(channel.DriveConfig{Door: "in", Address: r.taps["mail"], Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := w; i < mails; i += 4 {
				to := []string{fmt.Sprintf("<member%d@example.org>", i)}
				if i%3 == 0 {
					to = append(to, "<desk@example.org> NOTIFY=NEVER")
				}
				head := fmt.Sprintf("EHLO c.example\r\nMAIL FROM:<a%d@x.example> BODY=8BITMIME\r\n", i)
				for _, r := range to {
					head += "RCPT TO:" + r + "\r\n"
				}
				s := gate.Stimulus{ID: fmt.Sprint(i), Head: []byte(head), Body: []byte(fmt.Sprintf("X-Number: %d\r\n", i) + texts[i%len(texts)])}
				if o := d.Do(t.Context(), &s); o.Status != 250 {
					t.Errorf("mail %d: %d %s %s", i, o.Status, o.Error, o.Head)
				}
				mu.Lock()
				sent[digest(s.Head, s.Body)]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) { // between two looks
		if quiet, err := server.Quiet(); err != nil {
			t.Fatal(err)
		} else if quiet {
			break
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(server.Log())
			t.Fatalf("mail is still under way:\n%s", log)
		}
	}
	d.Close()
	if out, code := r.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, &r.errs)
	}

	received, passed := map[string]int{}, map[string]int{}
	for _, path := range r.tapes() {
		for rec, err := range tape.All(path) {
			switch {
			case err != nil:
				t.Fatal(err)
			case rec.Stimulus != nil:
				received[digest(rec.Stimulus.Head, rec.Stimulus.Body)]++
			case rec.Message != nil:
				passed[digest(rec.Message.Head, rec.Message.Body)]++
			}
		}
	}
	if diff := cmp.Diff(sent, received); diff != "" {
		t.Errorf("what was received is not what is on the tape (-sent +tape):\n%s", diff)
	}
	if diff := cmp.Diff(arrived, passed); diff != "" {
		t.Errorf("what arrived is not what is on the tape (-arrived +tape):\n%s", diff)
	}
	// Nothing is lost between the two either: each text arrives as it was sent.
	for i := range mails {
		found := false
		mark := []byte(fmt.Sprintf("X-Number: %d\r\n", i))
		_, text, _ := strings.Cut(texts[i%len(texts)], "\r\n\r\n")
		for _, b := range bodies {
			if bytes.Contains(b, mark) && bytes.HasSuffix(b, []byte("\r\n\r\n"+text)) {
				found = true
			}
		}
		if !found {
			t.Errorf("mail %d did not arrive as it was sent", i)
		}
	}
}
