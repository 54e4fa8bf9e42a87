//go:build unix

package tape_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// roleKey names the variable that turns the test binary into a child that writes.
const roleKey = "WAYBILL_TAPE_TEST_CHILD"

// forKey names the variable that holds the recipient of the tapes of such a child;
// empty: they are not encrypted.
const forKey = "WAYBILL_TAPE_TEST_RECIPIENT"

func childOptions() (o tape.Options) {
	if r := os.Getenv(forKey); r != "" {
		o.Recipients = []string{r}
	}
	return o
}

func TestMain(m *testing.M) {
	if asked := os.Getenv(pluginKey); asked != "" {
		drawer(asked)
	}
	role, path, _ := strings.Cut(os.Getenv(roleKey), ":")
	switch role {
	case "":
		os.Exit(m.Run())
	case "killed":
		appendForever(path)
	case "full":
		fillUp(path)
	}
}

func child(role, path, recipient string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleKey+"="+role+":"+path, forKey+"="+recipient)
	cmd.Stderr = os.Stderr
	return cmd
}

// appendForever acknowledges on standard output what Append has acknowledged.
func appendForever(path string) {
	w, err := tape.Create(path, run(), childOptions())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for seq := uint64(i + 1); ; seq += 8 {
				if err := w.Append(message(seq, strings.Repeat("body ", int(seq%2000)))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d\n", seq)
			}
		})
	}
	wg.Wait()
}

func TestKilledProcess(t *testing.T) {
	p := newParty(t)
	for round := range 4 {
		path := filepath.Join(t.TempDir(), "killed.tape")
		recipient := ""
		if round%2 == 1 {
			recipient = p.recipient
		}
		cmd := child("killed", path, recipient)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acked []uint64
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // half an acknowledgement is none
			}
			seq, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acked = append(acked, seq)
			if len(acked) == 500+round*333 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Success() || exit.Exited() {
			t.Fatalf("the child was not killed: %v", err)
		}
		if len(acked) < 500 {
			t.Fatalf("only %d acknowledged", len(acked))
		}
		got, err := readWith(p.keys, path)
		var torn *tape.TornError
		if !errors.As(err, &torn) {
			t.Fatal(err)
		}
		if o, err := tape.Inspect(path); recipient != "" && (!errors.As(err, &torn) || o.Records != uint64(len(got))+1) {
			t.Fatalf("without a key %d records show of %d: %v", o.Records, len(got), err)
		}
		stored := map[uint64]string{}
		for _, p := range got {
			stored[p.ref.Seq] = string(p.rec.Message.Body)
		}
		for _, seq := range acked {
			if body, ok := stored[seq]; !ok || body != strings.Repeat("body ", int(seq%2000)) {
				t.Fatalf("message %d was acknowledged and cannot be read", seq)
			}
		}
	}
}

// fillUp appends from many goroutines until the file may not grow, and then checks
// that the writer stays failed. It prints what was acknowledged.
func fillUp(path string) {
	fail := func(v ...any) {
		fmt.Fprintln(os.Stderr, v...)
		os.Exit(1)
	}
	w, err := tape.Create(path, run(), childOptions())
	if err != nil {
		fail(err)
	}
	var room unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &room); err != nil {
		fail(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 200 << 10, Max: room.Max}); err != nil {
		fail(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for seq := uint64(i + 1); ; seq += 8 {
				if err := w.Append(message(seq, letter(int(seq%3000)))); err != nil {
					if !errors.Is(err, unix.EFBIG) {
						fail("append:", err)
					}
					return
				}
				fmt.Printf("%d\n", seq)
			}
		})
	}
	wg.Wait()
	// There is room again, but the tape has a torn end: nothing may follow it.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &room); err != nil {
		fail(err)
	}
	if err := w.Append(message(1, "")); !errors.Is(err, unix.EFBIG) {
		fail("append after the failure:", err)
	}
	if err := w.Close(gate.Footer{}); !errors.Is(err, unix.EFBIG) {
		fail("close after the failure:", err)
	}
	os.Exit(0)
}

func TestFullDisk(t *testing.T) {
	t.Run("clear", func(t *testing.T) { testFullDisk(t, party{}) })
	t.Run("encrypted", func(t *testing.T) { testFullDisk(t, newParty(t)) })
}

func testFullDisk(t *testing.T, p party) {
	path := filepath.Join(t.TempDir(), "full.tape")
	cmd := child("full", path, p.recipient)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	got, err := readWith(p.keys, path)
	var torn *tape.TornError
	if !errors.As(err, &torn) {
		t.Error(err)
	}
	stored := map[string]bool{}
	for _, p := range got {
		stored[strconv.FormatUint(p.ref.Seq, 10)] = true
	}
	acked := strings.Fields(out.String())
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged before the disk was full")
	}
	for _, seq := range acked {
		if !stored[seq] {
			t.Errorf("message %s was acknowledged and cannot be read", seq)
		}
	}
}
