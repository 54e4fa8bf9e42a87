package tape_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate/tape"
)

// small is a tape of several frames and where each of them begins.
func small(t testing.TB) (data []byte, frames []int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.tape")
	write(t, path, run(), samples()[:2], samples()[2:4], samples()[4:])
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(16); at < int64(len(data)); {
		frames = append(frames, at)
		at += 40 + int64(binary.LittleEndian.Uint32(data[at+16:]))
	}
	return data, frames
}

func save(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A tape that was cut anywhere gives its whole frames and then says where it ends.
func TestTornAtEveryByte(t *testing.T) {
	data, frames := small(t)
	held := []int{0, 2, 2, 1, 0} // records that Next gives from each frame
	if len(frames) != len(held) {
		t.Fatalf("%d frames", len(frames))
	}
	path := filepath.Join(t.TempDir(), "torn.tape")
	for n := range data {
		save(t, path, data[:n])
		var end int64
		var want int
		for i, at := range frames {
			if at > int64(n) {
				break
			}
			end = at
			if i > 0 {
				want += held[i-1]
			}
		}
		got, err := read(path)
		var torn *tape.TornError
		if !errors.As(err, &torn) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		if torn.Path != path || torn.Offset != end || torn.Reason == "" {
			t.Fatalf("cut to %d bytes: %v, want offset %d", n, torn, end)
		}
		if d := diff(samples()[:want], got); d != "" {
			t.Fatalf("cut to %d bytes: %s", n, d)
		}
	}
}

// A flipped bit is seen, and nothing that is read before that is other than it was.
func TestFlippedBitAtEveryByte(t *testing.T) {
	data, _ := small(t)
	path := filepath.Join(t.TempDir(), "flipped.tape")
	for i := range data {
		for _, bit := range []int{i % 8, (i + 3) % 8} {
			flipped := bytes.Clone(data)
			flipped[i] ^= 1 << bit
			save(t, path, flipped)
			got, err := read(path)
			if err == nil || err == io.EOF {
				t.Fatalf("bit %d of byte %d: not seen", bit, i)
			}
			var damaged *tape.DamagedError
			if i >= 16 && !errors.As(err, &damaged) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("bit %d of byte %d: %v does not name the file", bit, i, err)
			}
			if d := diff(samples()[:len(got)], got); d != "" {
				t.Fatalf("bit %d of byte %d: %s", bit, i, d)
			}
		}
	}
}

// Frames that are whole by themselves and not where they were written.
func TestFramesMoved(t *testing.T) {
	data, at := small(t)
	frame := func(i int) []byte {
		if i == len(at)-1 {
			return data[at[i]:]
		}
		return data[at[i]:at[i+1]]
	}
	for name, order := range map[string][]int{
		"removed": {0, 1, 3, 4}, "repeated": {0, 1, 1, 2, 3, 4}, "swapped": {0, 2, 1, 3, 4},
		"after the footer": {0, 1, 2, 3, 4, 4}, "no header": {1, 2, 3, 4},
	} {
		moved := bytes.Clone(data[:16])
		for _, i := range order {
			moved = append(moved, frame(i)...)
		}
		path := filepath.Join(t.TempDir(), "moved.tape")
		save(t, path, moved)
		var damaged *tape.DamagedError
		if _, err := read(path); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A forged tape has right checksums and wrong contents. It is built here from the
// layout in the package comment, and so checks that too.
type forged struct{ data []byte }

func forge() *forged {
	return &forged{[]byte("\x5b\x2a\x4d\x18\x08\x00\x00\x00waybill\x01")}
}

type declared struct{ raw, count uint32 }

func (f *forged) frame(records []byte, count int, change ...func(*declared)) *forged {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	stored := enc.EncodeAll(records, nil)
	d := declared{uint32(len(records)), uint32(count)}
	for _, c := range change {
		c(&d)
	}
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0x184D2A5B)
	h = le.AppendUint32(h, 32)
	h = le.AppendUint64(h, uint64(len(f.data)))
	h = le.AppendUint32(h, uint32(len(stored)))
	h = le.AppendUint32(h, d.raw)
	h = le.AppendUint32(h, d.count)
	h = le.AppendUint32(h, 0)
	h = le.AppendUint32(h, crc32.Checksum(stored, crc32.MakeTable(crc32.Castagnoli)))
	h = le.AppendUint32(h, crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
	f.data = append(append(f.data, h...), stored...)
	return f
}

func record(kind byte, meta, head, body string) []byte {
	le := binary.LittleEndian
	p := le.AppendUint32(nil, uint32(len(meta)+len(head)+len(body)))
	p = append(p, kind)
	p = le.AppendUint32(p, uint32(len(meta)))
	p = le.AppendUint32(p, uint32(len(head)))
	return append(p, meta+head+body...)
}

const (
	goodHeader = `{"content":"run","schema":1}`
	goodFooter = `{"stimuli":0,"messages":1,"outcomes":0,"gaps":0}`
)

func (f *forged) headed() *forged { return f.frame(record(1, goodHeader, "", ""), 1) }

func TestForged(t *testing.T) {
	msg := record(3, `{"seq":1,"channel":"smtp","sink":"mail"}`, "head", "body")
	foot := record(6, goodFooter, "", "")
	long := bytes.Clone(msg)
	long[0]++
	meta := bytes.Clone(msg)
	meta[8] = 0xff
	for name, c := range map[string]struct {
		tape *forged
		want string // in the error; "" is a whole tape
	}{
		"good":                 {forge().headed().frame(msg, 1).frame(foot, 1), ""},
		"good in one frame":    {forge().frame(slices.Concat(record(1, goodHeader, "", ""), msg, foot), 3), ""},
		"newer schema":         {forge().frame(record(1, `{"content":"run","schema":2,"mood":"?"}`, "", ""), 1), "schema 2, and this waybill reads schema 1"},
		"no schema":            {forge().frame(record(1, `{"content":"run"}`, "", ""), 1), "schema 0"},
		"no content":           {forge().frame(record(1, `{"schema":1}`, "", ""), 1), "content"},
		"unknown header key":   {forge().frame(record(1, `{"content":"run","schema":1,"mood":1}`, "", ""), 1), "mood"},
		"first is a message":   {forge().frame(msg, 1), "first record is not a header|header must be the first"},
		"second header":        {forge().headed().headed(), "header must be the first"},
		"header in first":      {forge().frame(slices.Concat(record(1, goodHeader, "", ""), record(1, goodHeader, "", "")), 2), "header must be the first"},
		"footer counts":        {forge().headed().frame(foot, 1), "0 messages"},
		"after footer, frame":  {forge().headed().frame(msg, 1).frame(foot, 1).frame(msg, 1), "after the footer"},
		"after footer, record": {forge().headed().frame(slices.Concat(msg, foot, msg), 3), "after the footer"},
		"unknown kind":         {forge().headed().frame(record(7, `{}`, "", ""), 1), "unknown kind 7"},
		"kind zero":            {forge().headed().frame(record(0, `{}`, "", ""), 1), "unknown kind 0"},
		"unknown key":          {forge().headed().frame(record(3, `{"seq":1,"to":"x"}`, "", ""), 1), "to"},
		"same key twice":       {forge().headed().frame(record(3, `{"seq":1,"seq":2}`, "", ""), 1), "duplicate"},
		"null":                 {forge().headed().frame(record(3, `null`, "", ""), 1), "not a JSON object"},
		"no meta":              {forge().headed().frame(record(5, ``, "", ""), 1), "not a JSON object"},
		"body in meta":         {forge().headed().frame(record(3, `{"seq":1,"body":"x"}`, "", ""), 1), "belong beside it"},
		"head in meta":         {forge().headed().frame(record(2, `{"id":"1","head_base64":"eA=="}`, "", ""), 1), "belong beside it"},
		"record too long":      {forge().headed().frame(long, 1), "does not fit"},
		"meta too long":        {forge().headed().frame(meta, 1), "does not fit"},
		"half a record":        {forge().headed().frame(slices.Concat(msg, msg[:5]), 2), "should begin"},
		"count too small":      {forge().headed().frame(slices.Concat(msg, msg), 1), "as many records"},
		"count too large":      {forge().headed().frame(msg, 2), "as many records"},
		"count beyond reason":  {forge().headed().frame(msg, 1<<30), "declares 1073741824 records"},
		"count zero":           {forge().headed().frame(msg, 0), "declares 0 records"},
		"raw too small":        {forge().headed().frame(msg, 1, func(d *declared) { d.raw-- }), "decompressed|holds"},
		"raw too large":        {forge().headed().frame(msg, 1, func(d *declared) { d.raw++ }), "declares"},
		"raw beyond the limit": {forge().headed().frame(msg, 1, func(d *declared) { d.raw = tape.MaxRecord + 1 }), "the most is"},
		"bomb":                 {forge().headed().frame(record(3, `{"seq":1}`, "", string(make([]byte, 8<<20))), 1), "more than 1000 to 1"},
		"bomb that denies it":  {forge().headed().frame(record(3, `{"seq":1}`, "", string(make([]byte, 8<<20))), 1, func(d *declared) { d.raw = 4096 }), "decompressed"},
	} {
		path := filepath.Join(t.TempDir(), "forged.tape")
		save(t, path, c.tape.data)
		_, err := read(path)
		if c.want == "" {
			if err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !slices.ContainsFunc(strings.Split(c.want, "|"), func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// A frame that declares more than the file holds is torn, and costs no memory.
func TestLengthIsCheckedBeforeAllocation(t *testing.T) {
	f := forge().headed()
	start := len(f.data)
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	f.frame(record(3, `{"seq":1}`, "", string(noise)), 1, func(d *declared) { d.raw = tape.MaxRecord })
	h := f.data[start : start+40]
	binary.LittleEndian.PutUint32(h[16:], 200<<20)
	binary.LittleEndian.PutUint32(h[36:], crc32.Checksum(h[:36], crc32.MakeTable(crc32.Castagnoli)))
	path := filepath.Join(t.TempDir(), "long.tape")
	save(t, path, f.data)
	var err error
	used := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err = read(path)
		}
	}).AllocedBytesPerOp()
	var torn *tape.TornError
	if !errors.As(err, &torn) || used > 16<<20 {
		t.Errorf("%v, %d bytes allocated", err, used)
	}
}

func TestNewerFormat(t *testing.T) {
	data, _ := small(t)
	path := filepath.Join(t.TempDir(), "newer.tape")
	data[15] = 3
	save(t, path, data)
	_, err := tape.Open(path)
	if want := fmt.Sprintf("open tape %s: it is of format 3, and this waybill reads formats 1 and 2", path); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "mail.mbox")
	save(t, other, []byte("From alice@example.org Thu Aug 22 12:36:23 2002\n\nhello\n"))
	short := filepath.Join(dir, "x")
	save(t, short, []byte("x"))
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "not a regular file",
		other:                        "not a tape",
		short:                        "not a tape",
	} {
		if _, err := tape.Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// The package comment promises that other tools can read the records.
func TestTapeIsAZstdStream(t *testing.T) {
	data, _ := small(t)
	dec, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	got, err := io.ReadAll(dec)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Subject: héllo\r\n\r\nline\r\n", `"content":"run"`, `"quiet":"probe"`} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("%q is missing", want)
		}
	}
	tool, err := exec.LookPath("zstd")
	if err != nil {
		t.Log("zstd is not installed: not compared with it")
		return
	}
	cmd := exec.Command(tool, "-dc")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.Output(); err != nil || !bytes.Equal(out, got) {
		t.Errorf("zstd -dc: %v, %d bytes, want %d", err, len(out), len(got))
	}
}

func FuzzReader(f *testing.F) {
	data, frames := small(f)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:frames[1]])
	f.Add(forge().headed().frame(record(3, `{"seq":1}`, "h", "b"), 1).data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.tape")
		save(t, path, reseal(data))
		got, err := read(path)
		if err == nil {
			t.Fatal("reading ended without an error and without io.EOF")
		}
		rep, verr := tape.Verify(path)
		if (err == io.EOF) != (verr == nil) {
			t.Fatalf("Next ends in %v and Verify in %v", err, verr)
		}
		if n := rep.Stimuli + rep.Messages + rep.Outcomes + rep.Gaps; err == io.EOF && n != uint64(len(got)) {
			t.Fatalf("%d records read, %d counted", len(got), n)
		}
		for _, p := range got {
			if !p.rec.Valid() {
				t.Fatalf("an invalid record: %+v", p.rec)
			}
		}
		if err := tape.Cat(io.Discard, path); (err == nil) != (verr == nil) {
			t.Fatalf("Cat ends in %v and Verify in %v", err, verr)
		}
	})
}

// reseal makes checksums and offsets right, so that what is behind them is reached.
func reseal(data []byte) []byte {
	data = bytes.Clone(data)
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	for at := 16; at+40 <= len(data); {
		h := data[at : at+40]
		stored := data[at+40:]
		if n := le.Uint32(h[16:]); int64(n) <= int64(len(stored)) {
			stored = stored[:n]
		}
		le.PutUint64(h[8:], uint64(at))
		le.PutUint32(h[32:], crc32.Checksum(stored, table))
		le.PutUint32(h[36:], crc32.Checksum(h[:36], table))
		at += 40 + len(stored)
	}
	return data
}
