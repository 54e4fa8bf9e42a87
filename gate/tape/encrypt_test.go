package tape_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A party is somebody who can read tapes.
type party struct {
	recipient string
	keys      tape.Keys
}

func newParty(t testing.TB) party {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return party{id.Recipient().String(), keysOf(t, "# created for a test\n\n"+id.String()+"\n")}
}

func keysOf(t testing.TB, text string) tape.Keys {
	t.Helper()
	path := filepath.Join(t.TempDir(), "identities")
	save(t, path, []byte(text))
	k, err := tape.ReadKeys(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// writeFor makes an encrypted tape with one frame for each batch.
func writeFor(t testing.TB, path string, h gate.Header, recipients []string, batches ...[]*gate.Record) {
	t.Helper()
	w, err := tape.Create(path, h, tape.Options{Recipients: recipients})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Append(b...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Accepted: 7, Quiet: "probe"}); err != nil {
		t.Fatal(err)
	}
}

func readWith(k tape.Keys, path string) ([]placed, error) {
	r, err := k.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var got []placed
	for {
		rec, ref, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, placed{rec, ref})
	}
}

// What is encrypted reads back as it was, by every recipient, in every way of
// reading, and has the digest of the same tape in the clear.
func TestEncryptedRoundTrip(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	dir := t.TempDir()
	clear, path := filepath.Join(dir, "clear.tape"), filepath.Join(dir, "encrypted.tape")
	large := message(3, letter(300<<10)) // several chunks of age
	batches := [][]*gate.Record{samples()[:2], samples()[2:], {large}}
	all := append(samples(), large)
	write(t, clear, run(), batches...)
	writeFor(t, path, run(), []string{alice.recipient, bob.recipient}, batches...)
	want, err := tape.Verify(clear)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]party{"alice": alice, "bob": bob} {
		got, err := readWith(p.keys, path)
		if err != io.EOF {
			t.Fatalf("%s: %v", name, err)
		}
		if d := diff(all, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		r, err := p.keys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range slices.Backward(got) {
			rec, err := r.At(g.ref)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff([]*gate.Record{&g.rec}, []placed{{rec: rec}}); d != "" {
				t.Errorf("%s, at %v: %s", name, g.ref, d)
			}
		}
		records := 0
		for f, err := range r.Frames() {
			if err != nil {
				t.Fatal(err)
			}
			frame, _, err := r.Frame(f.Offset)
			if err != nil {
				t.Fatal(err)
			}
			records += len(frame)
		}
		if records != len(all)+2 {
			t.Errorf("%s: %d records in frames, want %d", name, records, len(all)+2)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		rep, err := p.keys.Verify(path, nil)
		if err != nil || rep.Digest != want.Digest || len(rep.Recipients) != 2 || rep.Messages != want.Messages || rep.Raw != want.Raw {
			t.Errorf("%s: %+v, %v; want %+v", name, rep, err, want)
		}
		if d, err := p.keys.Digest(path); err != nil || d != want.Digest {
			t.Errorf("%s: digest %s, %v", name, d, err)
		}
		var a, b bytes.Buffer
		if err := errors.Join(tape.Cat(&a, clear), p.keys.Cat(&b, path)); err != nil || a.String() != b.String() {
			t.Errorf("%s: Cat: %v\n%s\n%s", name, err, a.String(), b.String())
		}
	}
	if d, err := alice.keys.Digest(clear); err != nil || d != want.Digest {
		t.Errorf("a tape in the clear with keys: %s, %v", d, err)
	}
}

// Nothing that was recorded stands in the file, nor does anything of the header.
func TestEncryptedShowsNothing(t *testing.T) {
	alice := newParty(t)
	path := filepath.Join(t.TempDir(), "a.tape")
	h := run()
	h.Notes = map[string]string{"what": "portal of members"}
	marks := []string{"members", "steady", "production"}
	var recs []*gate.Record
	for i := range 20 {
		mark := fmt.Sprintf("mark-%d-%x", i, i*7919)
		marks = append(marks, mark)
		recs = append(recs, message(uint64(i+1), mark))
	}
	marks = append(marks, "MAIL FROM", "example.org", "smtp")
	writeFor(t, path, h, []string{alice.recipient}, recs[:5], recs[5:])
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		if bytes.Contains(data, []byte(m)) {
			t.Errorf("%q stands in the file", m)
		}
	}
	// Compression could have hidden them too.
	r, err := alice.keys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for f, err := range r.Frames() {
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data[f.Offset+40:], []byte("age-encryption.org/v1\n-> scrypt ")) {
			t.Errorf("the frame at %d is no age file", f.Offset)
		}
	}
}

// Without a key a tape shows counts and digests; with a wrong one it says whose it is.
func TestEncryptedWithoutKey(t *testing.T) {
	alice, eve := newParty(t), newParty(t)
	path := filepath.Join(t.TempDir(), "a.tape")
	writeFor(t, path, run(), []string{alice.recipient}, samples()[:2], samples()[2:])
	digest, err := alice.keys.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		keys  tape.Keys
		given int
		says  string
	}{"none": {tape.Keys{}, 0, "and no identity was given"}, "wrong": {eve.keys, 1, "none of the identities given"}} {
		for how, err := range map[string]error{
			"open": second(c.keys.Open(path)), "verify": second(c.keys.Verify(path, nil)), "digest": second(c.keys.Digest(path)),
			"cat": c.keys.Cat(io.Discard, path), "all": allErr(c.keys, path),
		} {
			var locked *tape.KeyError
			if !errors.As(err, &locked) || len(locked.Recipients) != 1 || len(locked.Given) != c.given || locked.Path != path || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
	o, err := tape.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	if o.Records != 7 || o.Frames != 4 || len(o.Recipients) != 1 || o.Claims == nil || *o.Claims != (tape.Claims{Stimuli: 1, Messages: 2, Outcomes: 1, Gaps: 1, Digest: digest}) {
		t.Errorf("outline %+v %+v, digest %s", o, o.Claims, digest)
	}
	clear := filepath.Join(t.TempDir(), "clear.tape")
	write(t, clear, run())
	if _, err := tape.Inspect(clear); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("outline of a tape in the clear: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func allErr(k tape.Keys, path string) (last error) {
	for _, err := range k.All(path) {
		last = err
	}
	return last
}

// smallFor is an encrypted tape of several frames, where each of them begins, and
// where its trailer does.
func smallFor(t testing.TB, p party) (data []byte, frames []int64, trailer int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.tape")
	writeFor(t, path, run(), []string{p.recipient}, samples()[:2], samples()[2:4], samples()[4:])
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	for at := int64(16); at < int64(len(data)); at += 40 + int64(le.Uint32(data[at+16:])) {
		if le.Uint32(data[at+24:]) > 0 {
			frames = append(frames, at)
		} else {
			trailer = at
		}
	}
	return data, frames, trailer
}

func TestEncryptedTornAtEveryByte(t *testing.T) {
	alice := newParty(t)
	data, frames, _ := smallFor(t, alice)
	held := []int{0, 2, 2, 1, 0} // records that Next gives from each frame
	if len(frames) != len(held) {
		t.Fatalf("%d frames", len(frames))
	}
	path := filepath.Join(t.TempDir(), "torn.tape")
	for n := range data {
		save(t, path, data[:n])
		want := 0
		for i, at := range frames {
			if at > int64(n) {
				break
			}
			if i > 0 {
				want += held[i-1]
			}
		}
		got, err := readWith(alice.keys, path)
		var torn *tape.TornError
		if !errors.As(err, &torn) || torn.Reason == "" {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		if d := diff(samples()[:want], got); d != "" {
			t.Fatalf("cut to %d bytes: %s", n, d)
		}
		o, err := tape.Inspect(path)
		if !errors.As(err, &torn) || o.Claims != nil || o.Stored > int64(n) {
			t.Fatalf("cut to %d bytes, without a key: %+v, %v", n, o, err)
		}
	}
}

func TestEncryptedFlippedBitAtEveryByte(t *testing.T) {
	alice := newParty(t)
	data, frames, _ := smallFor(t, alice)
	path := filepath.Join(t.TempDir(), "flipped.tape")
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 1 << (i % 8)
		for name, altered := range map[string][]byte{"flipped": flipped, "with checksums made right": reseal(flipped)} {
			save(t, path, altered)
			got, err := readWith(alice.keys, path)
			if bytes.Equal(altered, data) { // it was a checksum or an offset that was altered
				continue
			}
			if err == nil || err == io.EOF {
				t.Fatalf("byte %d %s: not seen", i, name)
			}
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("byte %d %s: %v does not name the file", i, name, err)
			}
			if d := diff(samples()[:len(got)], got); d != "" {
				t.Fatalf("byte %d %s: %s", i, name, d)
			}
			var damaged *tape.DamagedError
			if int64(i) >= frames[0] && name == "flipped" && !errors.As(err, &damaged) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}

// Frames that are whole by themselves, with their headers made to fit: from
// elsewhere on the tape, and from another tape for the same recipient.
func TestEncryptedFramesMoved(t *testing.T) {
	alice := newParty(t)
	data, at, trailer := smallFor(t, alice)
	other, otherAt, otherTrailer := smallFor(t, alice)
	ends := append(slices.Clone(at[1:]), trailer)
	frame := func(data []byte, at []int64, ends []int64, i int) []byte { return data[at[i]:ends[i]] }
	otherEnds := append(slices.Clone(otherAt[1:]), otherTrailer)
	path := filepath.Join(t.TempDir(), "moved.tape")
	for name, order := range map[string][]int{
		"as it was": {0, 1, 2, 3, 4, -1}, "removed": {0, 1, 3, 4, -1}, "repeated": {0, 1, 1, 2, 3, 4, -1},
		"swapped": {0, 2, 1, 3, 4, -1}, "after the trailer": {0, 1, 2, 3, 4, -1, 4}, "no header": {1, 2, 3, 4, -1},
		"two trailers": {0, 1, 2, 3, 4, -1, -1}, "no trailer": {0, 1, 2, 3, 4}, "trailer before the footer": {0, 1, 2, 3, -1, 4},
		"frame of another tape": {0, 101, 2, 3, 4, -1}, "trailer of another tape": {0, 1, 2, 3, 4, -2},
	} {
		for _, fit := range []bool{false, true} {
			moved := bytes.Clone(data[:at[0]])
			for _, i := range order {
				switch {
				case i == -1:
					moved = append(moved, data[trailer:]...)
				case i == -2:
					moved = append(moved, other[otherTrailer:]...)
				case i > 100:
					moved = append(moved, frame(other, otherAt, otherEnds, i-100)...)
				default:
					moved = append(moved, frame(data, at, ends, i)...)
				}
			}
			if fit {
				moved = reseal(moved)
			}
			save(t, path, moved)
			_, err := readWith(alice.keys, path)
			var damaged *tape.DamagedError
			var torn *tape.TornError
			switch {
			case name == "as it was" && err != io.EOF:
				t.Errorf("%s: %v", name, err)
			case name == "no trailer" && !errors.As(err, &torn):
				t.Errorf("%s: %v", name, err)
			case name != "as it was" && name != "no trailer" && !errors.As(err, &damaged):
				t.Errorf("%s, made to fit %v: %v", name, fit, err)
			}
		}
	}
}

// One chunk of a frame's age file is taken away, and the header made to fit: what
// stands before it decrypts, and the end of it is marked nowhere.
func TestEncryptedFrameCutShort(t *testing.T) {
	alice := newParty(t)
	path := filepath.Join(t.TempDir(), "a.tape")
	noise := make([]byte, 200<<10)
	rand.Read(noise)
	writeFor(t, path, run(), []string{alice.recipient}, []*gate.Record{message(1, string(noise))})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	at := 16
	for le.Uint32(data[at+16:]) < 100<<10 {
		at += 40 + int(le.Uint32(data[at+16:]))
	}
	stored := data[at+40:][:le.Uint32(data[at+16:])]
	head := bytes.Index(stored, []byte("\n--- ")) + len("\n--- ") + 43 + 1 + 16
	for _, chunks := range []int{1, 2, 3} {
		cut := bytes.Clone(data[:at+40+head+chunks*(64<<10+16)])
		le.PutUint32(cut[at+16:], uint32(len(cut)-at-40))
		save(t, path, reseal(cut))
		var damaged *tape.DamagedError
		if _, err := readWith(alice.keys, path); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "decrypted") {
			t.Errorf("%d chunks left: %v", chunks, err)
		}
	}
}

// The trailer can be read by everybody, and altered by nobody.
func TestEncryptedTrailerForged(t *testing.T) {
	alice := newParty(t)
	data, _, trailer := smallFor(t, alice)
	path := filepath.Join(t.TempDir(), "forged.tape")
	digest := []byte(`"digest":"sha256:`)
	i := bytes.Index(data[trailer:], digest)
	forged := bytes.Clone(data)
	for j := range 8 {
		forged[int(trailer)+i+len(digest)+j] = 'f'
	}
	save(t, path, reseal(forged))
	var damaged *tape.DamagedError
	if _, err := readWith(alice.keys, path); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "trailer was altered") {
		t.Errorf("with a key: %v", err)
	}
	if o, err := tape.Inspect(path); err != nil || !strings.HasPrefix(o.Claims.Digest, "sha256:ffffffff") {
		t.Errorf("without a key it is the tape's own word: %+v, %v", o.Claims, err)
	}
}

// A header that asks for much is refused before anything is done for it.
func TestEncryptedHostileHeaders(t *testing.T) {
	alice := newParty(t)
	data, frames, trailer := smallFor(t, alice)
	le := binary.LittleEndian
	path := filepath.Join(t.TempDir(), "hostile.tape")
	for name, c := range map[string]struct {
		at    int64
		field int
		value uint32
		want  string
	}{
		"key block beyond the limit":  {16, 16, 2 << 20, "declares"},
		"key block with records":      {16, 24, 1, "frame stands where|declares|stores"},
		"key block larger than it is": {16, 20, 1, "a block declares"},
		"trailer beyond the limit":    {trailer, 16, 2 << 20, "declares"},
		"frame beyond the limit":      {frames[1], 20, tape.MaxRecord + 1, "the most is"},
		"frame larger than it says":   {frames[1], 20, 30, "decompressed"},
		"frame as a block":            {frames[1], 24, 0, "a block declares"},
	} {
		h := bytes.Clone(data)
		le.PutUint32(h[c.at+int64(c.field):], c.value)
		le.PutUint32(h[c.at+36:], crc32.Checksum(h[c.at:c.at+36], crc32.MakeTable(crc32.Castagnoli)))
		save(t, path, h)
		_, err := readWith(alice.keys, path)
		if err == nil || !slices.ContainsFunc(strings.Split(c.want, "|"), func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Work that a stanza asks for is bounded: a forged one could ask for hours of it.
func TestEncryptedWorkIsBounded(t *testing.T) {
	alice := newParty(t)
	data, frames, _ := smallFor(t, alice)
	at := frames[0] + 40
	i := bytes.Index(data[at:], []byte("-> scrypt ")) + len("-> scrypt ") + 22
	if !bytes.Equal(data[int(at)+i:int(at)+i+3], []byte(" 1\n")) {
		t.Fatalf("%q", data[at:int(at)+i+3])
	}
	data[int(at)+i+1] = '9'
	path := filepath.Join(t.TempDir(), "work.tape")
	save(t, path, reseal(data))
	var damaged *tape.DamagedError
	if _, err := readWith(alice.keys, path); !errors.As(err, &damaged) {
		t.Error(err)
	}
}

func TestReadKeysRefuses(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	secret := id.String()
	altered := "Q"
	if secret[40] == 'Q' {
		altered = "P"
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":       {"", "no identity"},
		"comments":    {"# nothing\n", "no identity"},
		"recipient":   {id.Recipient().String(), "line 1 is not an identity"},
		"altered":     {"# x\n" + secret[:40] + altered + secret[41:], "line 2 is not an identity"},
		"encrypted":   {"age-encryption.org/v1\n-> scrypt x 18\n", "encrypted itself"},
		"armoured":    {"-----BEGIN AGE ENCRYPTED FILE-----\n", "encrypted itself"},
		"certificate": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not an SSH private key"},
		"long":        {strings.Repeat("#\n", 600<<10), "longer than"},
	} {
		path := filepath.Join(dir, "identities")
		save(t, path, []byte(c.text))
		_, err := tape.ReadKeys(path, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret[20:40]) {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
	if _, err := tape.ReadKeys(filepath.Join(dir, "absent"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRecipientsRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.tape")
	for _, c := range []struct{ recipient, want string }{
		{"alice@example.org", "must begin with"},
		{"age1qqqq", "recipient"},
		{"ssh-ed25519 AAAA", "recipient"},
		{id.String(), "it is an identity, which is secret"},
	} {
		_, err := tape.Create(path, run(), tape.Options{Recipients: []string{c.recipient}})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), id.String()[20:]) {
			t.Errorf("%s: %v", c.recipient, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a file was made", c.recipient)
		}
	}
}

// SSH keys and post-quantum ones do as well.
func TestEncryptedForOtherKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	var wire []byte // RFC 8709, section 4
	for _, field := range []string{"ssh-ed25519", string(public)} {
		wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(field))), field...)
	}
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]party{
		"ssh":    {"ssh-ed25519 " + base64.StdEncoding.EncodeToString(wire) + " alice@example.org", keysOf(t, string(pem.EncodeToMemory(block)))},
		"hybrid": {pq.Recipient().String(), keysOf(t, pq.String())},
	} {
		path := filepath.Join(t.TempDir(), "a.tape")
		writeFor(t, path, run(), []string{p.recipient}, samples())
		if got, err := readWith(p.keys, path); err != io.EOF || len(got) != len(samples()) {
			t.Errorf("%s: %d, %v", name, len(got), err)
		}
		var locked *tape.KeyError
		if _, err := readWith(newParty(t).keys, path); !errors.As(err, &locked) {
			t.Errorf("%s, with another key: %v", name, err)
		}
	}
}

// pluginKey names the variable that makes the test binary a plugin; each unwrapping
// adds a byte to the file that it names.
const pluginKey = "WAYBILL_TAPE_TEST_PLUGIN"

// A plugin's identity is asked once for a tape, however often it is opened, and what
// it says is passed on.
func TestEncryptedForPlugin(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(dir, "asked")
	script := fmt.Sprintf("#!/bin/sh\n%s=%s exec %s \"$@\"\n", pluginKey, asked, self)
	if err := os.WriteFile(filepath.Join(dir, "age-plugin-drawer"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	recipient, identity := plugin.EncodeRecipient("drawer", []byte("r")), plugin.EncodeIdentity("drawer", []byte("i"))
	file := filepath.Join(dir, "identities")
	save(t, file, []byte(identity+"\n"))
	var mu sync.Mutex
	var told []string
	keys, err := tape.ReadKeys(file, func(m string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, m)
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.tape")
	writeFor(t, path, run(), []string{recipient}, samples())
	for range 3 {
		if got, err := readWith(keys, path); err != io.EOF || len(got) != len(samples()) {
			t.Fatalf("%d, %v", len(got), err)
		}
	}
	if b, err := os.ReadFile(asked); err != nil || len(b) != 1 {
		t.Errorf("asked %d times, %v", len(b), err)
	}
	if !slices.Contains(told, "age-plugin-drawer: touch the handle") {
		t.Errorf("told %q", told)
	}
	var locked *tape.KeyError
	if _, err := readWith(newParty(t).keys, path); !errors.As(err, &locked) {
		t.Error(err)
	}
	t.Setenv("PATH", filepath.Join(dir, "nowhere"))
	again, err := tape.ReadKeys(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readWith(again, path); err == nil || !strings.Contains(err.Error(), "drawer") {
		t.Errorf("without the plugin's program: %v", err)
	}
}

// drawer is a plugin that hides nothing.
func drawer(asked string) {
	p, err := plugin.New("drawer")
	if err != nil {
		panic(err)
	}
	p.HandleRecipient(func([]byte) (age.Recipient, error) { return drawerKey{}, nil })
	p.HandleIdentity(func([]byte) (age.Identity, error) { return drawerKey{p, asked}, nil })
	os.Exit(p.Main())
}

type drawerKey struct {
	p     *plugin.Plugin
	asked string
}

func (drawerKey) Wrap(key []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "drawer", Body: key}}, nil
}

func (k drawerKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != "drawer" {
			continue
		}
		f, err := os.OpenFile(k.asked, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_, err = f.Write([]byte("x"))
		return s.Body, errors.Join(err, f.Close(), k.p.DisplayMessage("touch the handle"))
	}
	return nil, age.ErrIncorrectIdentity
}

// Plain age opens the parts: a tape can be read where there is no waybill at hand.
func TestEncryptedPartsAreAgeFiles(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p := party{recipient: id.Recipient().String()}
	data, frames, _ := smallFor(t, p)
	shown := binary.LittleEndian.Uint32(data[56:])
	r, err := age.Decrypt(bytes.NewReader(data[60+shown:frames[0]]), id)
	if err != nil {
		t.Fatal(err)
	}
	key, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, _ := strings.Cut(string(key), "\n")
	pass, err := age.NewScryptIdentity(secret)
	if err != nil {
		t.Fatal(err)
	}
	var undone []byte
	for i, at := range frames[:len(frames)-1] {
		r, err := age.Decrypt(bytes.NewReader(data[at+40:frames[i+1]]), pass)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(plain); got != uint64(at) {
			t.Errorf("frame at %d says %d", at, got)
		}
		undone = append(undone, plain[8:]...)
	}
	tool, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed")
	}
	cmd := exec.Command(tool, "-dc")
	cmd.Stdin = bytes.NewReader(undone)
	if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte("Subject: héllo\r\n\r\nline\r\n")) {
		t.Errorf("zstd -dc: %v, %q", err, out)
	}
}

func FuzzEncryptedReader(f *testing.F) {
	// The same in every run, for what was found in one to be found in the next.
	id, err := age.ParseX25519Identity("AGE-SECRET-KEY-10XYN7373ULXDNWT7ASHHK7AKD447PS5WXGD95QDEQDM7D9KKWYWQ5V8CZK")
	if err != nil {
		f.Fatal(err)
	}
	p := party{id.Recipient().String(), keysOf(f, id.String())}
	data, frames, trailer := smallFor(f, p)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:trailer])
	f.Add(data[:frames[0]])
	f.Add(data[:frames[1]])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.tape")
		save(t, path, reseal(data))
		got, err := readWith(p.keys, path)
		if err == nil {
			t.Fatal("reading ended without an error and without io.EOF")
		}
		rep, verr := p.keys.Verify(path, nil)
		if (err == io.EOF) != (verr == nil) {
			t.Fatalf("Next ends in %v and Verify in %v", err, verr)
		}
		o, ierr := tape.Inspect(path)
		if verr == nil && rep.Recipients != nil {
			if ierr != nil || o.Claims == nil || o.Claims.Digest != rep.Digest || o.Records != uint64(len(got))+2 {
				t.Fatalf("with a key %+v, without %+v, %v", rep, o, ierr)
			}
		}
	})
}
