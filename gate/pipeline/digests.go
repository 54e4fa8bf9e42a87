package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/waybill-dev/waybill/gate"
)

// What a scan of a run found is kept beside its tape, in a file called as the tape
// with [DigestsSuffix]: then an unchanged run is compared without being decoded.
//
// The file is derived, and never evidence. It is used only where a key that it
// begins with is the one that is computed anew from all that a scan depends on:
//
//   - SHA-256 over every byte of the tape, so that a tape that was altered, damaged,
//     cut or added to in any way is scanned, and what is wrong with it said;
//   - the same of the corpus, where messages are told by the traces of its stimuli;
//   - [Options].Form, which names the canonical form, its masks and the program;
//   - the names of the sinks at which order matters, and this format's version.
//
// HMAC-SHA-256 over the file under [Options].Seal must match too: it covers that key, all
// that is read at once and the checksums of the rest, against which each piece of it is held
// when it is read. So a file that somebody made who does not have the key is made anew. Where anything does not, or the file
// is not there or cannot be read, the run is scanned and the file is made anew. It is
// made of a run whose tape is whole and has its footer; of a corpus it is neither
// made nor used, since a corpus is pinned by a digest that does not cover it. Nor is
// it of an encrypted tape: it would stand there in the clear.
//
// What this does not hold against is somebody who can read the key: it belongs where no
// build can.

// DigestsSuffix is what the name of a tape's file of digests has after the tape's.
const DigestsSuffix = ".digests"

// Format, version 10; integers are little-endian:
//
//	"waybill-digests", u8 version
//	key of 32 bytes
//	u64 each: bytes of index, then of meta, how many seals, extents, people, hidden, arrivals, entries, bytes of held
//	index    of a run of production: see [runIndex]; of other runs there is none
//	meta     [digestsMeta] as JSON
//	seal     16 bytes, the first of SHA-256 over each 16 KiB of the index
//	extent   u64 offset, u32 first
//	person   u64
//	hidden   u64, fact of what masks left out, sort by sort, and then the numbers with their places
//	arrival  u64 sink and recipient, u64 seq, digest of 16 bytes, u64 offset, u32 index, u32 letter, u32 to
//	entry    digest of 16 bytes, u32 record, u32 letter, u32 to
//	held     blocks of a [filter] of the facts of a run of production
//	HMAC-SHA-256 of all that stands before it but the index
const (
	digestsMagic  = "waybill-digests\x0a"
	digestsHead   = len(digestsMagic) + sha256.Size + 9*8
	extentSize    = 12
	personSize    = 8
	factSize      = 8
	arrivalSize   = 52
	entrySize     = 28
	digestsBuffer = 256 << 10
)

// digestsMeta is what is small of a scan.
type digestsMeta struct {
	Facts   gate.RunFacts     `json:"facts"`
	Gaps    []gate.Gap        `json:"gaps"`
	Classes map[uint64]uint32 `json:"classes"`
	Parties []string          `json:"parties"`
	Masks   []gate.Masked     `json:"masks"`
	Traced  uint64            `json:"traced"`
	Hidden  [factSorts]int    `json:"hidden"` // how many facts of each sort
	At      [numberSorts]int  `json:"at"`     // how many numbers of each sort, each at each place
	Forms   [2]idForms        `json:"forms"`  // of hiddenFacts: hidden and shown
	Masked  [2]hashes         `json:"masked"` // masked and maskedOwned
	Called  []string          `json:"called"` // pairs of words that may be a name
	Shared  uint64            `json:"shared"` // see sharing
	Clocked uint64            `json:"clocked"`
	Again   uint64            `json:"again"`
	Sinks   []*sinkFacts      `json:"sinks"`
	Steps   map[uint64][]step `json:"steps"`
	Index   *indexMeta        `json:"index,omitempty"`
}

// digestsKey is what a file of digests must begin with to be used.
type digestsKey [sha256.Size]byte

// KeepDigests makes the file of digests of the run on the tape at path, unless it is
// there and fits. An error says why it could not; a comparison does without it.
func KeepDigests(ctx context.Context, o Options, path string) error {
	t := &tapeSide{path: path, o: &o}
	k := newKeys(&o)
	r, key, err := k.restore(t)
	if r != nil {
		err = errors.Join(err, r.Close())
	}
	if err != nil || r != nil {
		return err
	}
	causes, err := stimulusTraces(ctx, &o)
	if err != nil {
		return err
	}
	g := k.gatherer(t, key)
	defer g.Close()
	if r, err = scan(ctx, &o, t, reading{stage: "run", causes: causes, gather: g, hidden: true, names: key.role == gate.Production}); err != nil {
		return err
	}
	return errors.Join(k.store(t, key, r, g), r.Close())
}

// gatherer makes one for the run of production on t, where there is a place for it;
// else it is nil, and production is read once more where staging differs.
func (k *keys) gatherer(t *tapeSide, key stamped) *gatherer {
	if key.role != gate.Production {
		return nil
	}
	g, err := newGatherer(filepath.Dir(t.path))
	if err != nil {
		return nil
	}
	return g
}

// errNoDigests says that no digests are kept of a run, by rule.
var errNoDigests = errors.New("digests are kept beside whole tapes of runs alone, that are not encrypted")

// keys computes the keys of the tapes of one comparison.
type keys struct {
	o       *Options
	replays bool // whether production was replayed more than once
	corpus  func() ([sha256.Size]byte, error)
}

func newKeys(o *Options) *keys {
	return &keys{o: o, corpus: sync.OnceValues(func() ([sha256.Size]byte, error) {
		if o.Traces == nil || o.Corpus == "" {
			return [sha256.Size]byte{}, nil
		}
		return fileSum(o.Corpus)
	})}
}

// stamped is a key, and the file that it was made of as it was then.
type stamped struct {
	digestsKey
	file fs.FileInfo
	role gate.Role
	seal []byte // see [Options]
}

func (k *keys) key(path string) (key stamped, err error) {
	key.seal = k.o.Seal
	if key.file, err = os.Stat(path); err != nil {
		return stamped{}, err
	}
	sum, err := fileSum(path)
	if err != nil {
		return stamped{}, err
	}
	corpus, err := k.corpus()
	if err != nil {
		return stamped{}, err
	}
	h := sha256.New()
	ordered := slices.Sorted(slices.Values(k.o.Ordered))
	for _, s := range append([]string{digestsMagic, k.o.Form, string(sum[:]), string(corpus[:])}, ordered...) {
		io.WriteString(h, strconv.Itoa(len(s))+":"+s)
	}
	h.Sum(key.digestsKey[:0])
	return key, nil
}

// fileSum is SHA-256 over a file.
func fileSum(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, digestsBuffer)); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// restore gives what is kept of t, nil where nothing that fits is. The error says
// that nothing can be kept.
func (k *keys) restore(t *tapeSide) (*scanned, stamped, error) {
	if k.o.Form == "" {
		return nil, stamped{}, errNoDigests
	}
	r, err := t.o.Keys.Open(t.path) // which also keeps writers from replacing it meanwhile
	if err != nil {
		return nil, stamped{}, err
	}
	defer r.Close()
	if r.Header().Content != gate.RunTape || r.Encrypted() {
		return nil, stamped{}, errNoDigests
	}
	key, err := k.key(t.path)
	if err != nil {
		return nil, stamped{}, err
	}
	key.role = r.Header().Role
	kept, err := readDigests(t.path+DigestsSuffix, key)
	if err != nil {
		return nil, key, nil
	}
	if k.replays && kept.index != nil {
		if kept.hidden.ids, kept.hidden.owned, err = kept.index.ids(); err != nil {
			_ = kept.Close() // of what was only read
			return nil, key, nil
		}
	}
	kept.side, kept.header, kept.whole, kept.facts.Tape = t, r.Header(), true, t.path
	return kept, key, nil
}

// store keeps r, and an index of what g gathered, beside t's tape, unless that is not
// what it was when key was made. r has the index then.
func (k *keys) store(t *tapeSide, key stamped, r *scanned, g *gatherer) (err error) {
	now, err := os.Stat(t.path)
	if err != nil {
		return err
	}
	if g == nil && key.role == gate.Production {
		return errNoDigests // there is nowhere to keep its ids
	}
	if !r.whole || !os.SameFile(now, key.file) || now.Size() != key.file.Size() || !now.ModTime().Equal(key.file.ModTime()) {
		return errNoDigests
	}
	path := t.path + DigestsSuffix
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep digests in %s: %w", path, errors.Join(err, os.Remove(f.Name())))
		}
	}()
	index, err := writeDigests(f, key, r, g)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if index == nil || err != nil {
		return errors.Join(err, f.Close())
	}
	r.index = index
	return nil
}

// writeDigests writes a file of digests. The index is open where there is one.
func writeDigests(f *os.File, key stamped, r *scanned, g *gatherer) (*runIndex, error) {
	w := &digestsWriter{hash: hmac.New(sha256.New, key.seal)}
	index := &sealer{out: bufio.NewWriterSize(io.NewOffsetWriter(f, int64(digestsHead)), digestsBuffer)}
	meta := digestsMeta{Facts: r.facts, Gaps: r.gaps, Classes: r.classes, Parties: slices.Sorted(maps.Keys(r.parties)), Traced: r.traced, Shared: r.shared, Clocked: r.clocked, Again: r.again, Sinks: r.sinks, Steps: r.steps}
	for i, l := range r.hidden.facts {
		meta.Hidden[i] = len(l)
	}
	for i, l := range r.hidden.at {
		meta.At[i] = len(l)
	}
	meta.Forms, meta.Masked = [2]idForms{r.hidden.hidden, r.hidden.shown}, [2]hashes{r.hidden.masked, r.hidden.maskedOwned}
	meta.Called = slices.Sorted(maps.Keys(r.hidden.called))
	if g != nil {
		m, held, err := g.write(index, r)
		if err = errors.Join(err, index.out.(*bufio.Writer).Flush()); err != nil {
			return nil, err
		}
		meta.Index, r.held = &m, []*filter{held}
	}
	if _, err := f.Seek(int64(digestsHead)+index.n, io.SeekStart); err != nil {
		return nil, err
	}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.hash), digestsBuffer)
	head, err := w.scanned(key.digestsKey, r, meta, index)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(w.hash.Sum(nil)); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(head, 0); err != nil || g == nil {
		return nil, err
	}
	return openIndex(f, &region{file: f, at: int64(digestsHead), size: index.n, seals: index.seals}, *meta.Index, r.people)
}

type digestsWriter struct {
	out  *bufio.Writer
	hash hash.Hash
	b    []byte // one item
}

// scanned writes all but the head, which it gives, and the index.
func (w *digestsWriter) scanned(key digestsKey, r *scanned, meta digestsMeta, index *sealer) (head []byte, err error) {
	meta.Facts.Tape = ""
	meta.Masks = r.masks.list()
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	arrivals := 0
	for _, list := range r.order {
		arrivals += len(list)
	}
	hidden := slices.Concat(slices.Concat(r.hidden.facts[:]...), slices.Concat(r.hidden.at[:]...))
	var held []byte
	if meta.Index != nil {
		held = r.held[0].bytes()
	}
	head = append([]byte(digestsMagic), key[:]...)
	for _, n := range []int{int(index.n), len(text), len(index.seals), len(r.extents), len(r.people), len(hidden), arrivals, len(r.entries), len(held)} {
		head = binary.LittleEndian.AppendUint64(head, uint64(n))
	}
	w.hash.Write(head)
	w.out.Write(text)
	for _, s := range index.seals {
		w.out.Write(s[:])
	}
	for _, e := range r.extents {
		w.u64(uint64(e.offset)).u32(e.first).flush()
	}
	for _, p := range r.people {
		w.u64(p).flush()
	}
	for _, k := range hidden {
		w.u64(k).flush()
	}
	for _, k := range slices.Sorted(maps.Keys(r.order)) {
		for _, a := range r.order[k] {
			w.u64(k).u64(a.seq).digest(a.digest).u64(uint64(a.at.offset)).u32(a.at.index).u32(a.at.letter).u32(a.to).flush()
		}
	}
	for i := range r.entries {
		e := &r.entries[i]
		w.digest(e.digest).u32(e.record).u32(e.letter).u32(e.to).flush()
	}
	w.out.Write(held)
	return head, w.out.Flush() // which tells of all errors before it
}

func (w *digestsWriter) u64(n uint64) *digestsWriter {
	w.b = binary.LittleEndian.AppendUint64(w.b, n)
	return w
}

func (w *digestsWriter) u32(n uint32) *digestsWriter {
	w.b = binary.LittleEndian.AppendUint32(w.b, n)
	return w
}

func (w *digestsWriter) digest(d gate.Digest) *digestsWriter {
	w.b = append(w.b, d[:]...)
	return w
}

func (w *digestsWriter) flush() {
	w.out.Write(w.b)
	w.b = w.b[:0]
}

// readDigests reads a file of digests made under key. Sizes are held against the
// file's own before memory is taken for them.
func readDigests(path string, key stamped) (_ *scanned, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var r *scanned
	defer func() {
		if err != nil {
			err = fmt.Errorf("read digests %s: %w", path, err)
			if r != nil {
				r.memory.free()
			}
		}
		if err != nil || r.index == nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	head := make([]byte, digestsHead)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	sizes, err := readHead(head, key.digestsKey, info.Size())
	if err != nil {
		return nil, err
	}
	from := int64(digestsHead) + sizes.index
	h := hmac.New(sha256.New, key.seal)
	h.Write(head)
	rest := io.NewSectionReader(f, from, info.Size()-sha256.Size-from)
	in := &digestsReader{in: bufio.NewReaderSize(io.TeeReader(rest, h), digestsBuffer)}
	var meta *digestsMeta
	var seals []seal
	if r, meta, seals, err = in.scanned(sizes); err != nil {
		return nil, err
	}
	var sum [sha256.Size]byte
	if _, err := f.ReadAt(sum[:], info.Size()-sha256.Size); err != nil {
		return nil, err
	}
	if !hmac.Equal(sum[:], h.Sum(nil)) {
		return nil, errors.New("its checksum does not match: it is damaged, or was made elsewhere")
	}
	if meta.Index != nil {
		r.index, err = openIndex(f, &region{file: f, at: int64(digestsHead), size: sizes.index, seals: seals}, *meta.Index, r.people)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// digestsSizes is what the head of a file of digests says of its parts: bytes of index,
// meta and held, and how many there are of the others.
type digestsSizes struct {
	index, meta, seals, extents, people, hidden, arrivals, entries, held int64
}

// readHead reads the head of a file of size bytes.
func readHead(head []byte, key digestsKey, size int64) (s digestsSizes, err error) {
	if string(head[:len(digestsMagic)]) != digestsMagic || !bytes.Equal(head[len(digestsMagic):][:sha256.Size], key[:]) {
		return s, errDigests
	}
	head = head[len(digestsMagic)+sha256.Size:]
	want := int64(digestsHead + sha256.Size)
	for i, n := range []struct {
		to *int64
		of int64
	}{{&s.index, 1}, {&s.meta, 1}, {&s.seals, int64(len(seal{}))}, {&s.extents, extentSize}, {&s.people, personSize}, {&s.hidden, factSize}, {&s.arrivals, arrivalSize}, {&s.entries, entrySize}, {&s.held, 1}} {
		count := binary.LittleEndian.Uint64(head[8*i:])
		if count > uint64(size) {
			return s, errDigests
		}
		*n.to = int64(count)
		want += int64(count) * n.of // of numbers below a file's size: no overflow
	}
	if want != size || s.seals != (s.index+sealedPiece-1)/sealedPiece {
		return s, errDigests
	}
	return s, nil
}

type digestsReader struct {
	in  *bufio.Reader
	b   []byte // what is left of one item
	buf [arrivalSize]byte
	err error
}

var errDigests = errors.New("it is damaged, or made under another key")

func (r *digestsReader) scanned(n digestsSizes) (*scanned, *digestsMeta, []seal, error) {
	text := make([]byte, n.meta)
	if _, err := io.ReadFull(r.in, text); err != nil {
		return nil, nil, nil, err
	}
	var meta digestsMeta
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, nil, nil, err
	}
	seals := make([]seal, n.seals)
	for i := range seals {
		r.next(len(seals[i]))
		copy(seals[i][:], r.b)
	}
	s := &scanned{
		about:   about{facts: meta.Facts, gaps: meta.Gaps, extents: make([]extent, n.extents)},
		memory:  newEntries(int(n.entries)),
		classes: meta.Classes, parties: map[string]struct{}{}, masks: maskSums{}, order: map[uint64][]arrival{},
		traced: meta.Traced, shared: meta.Shared, clocked: meta.Clocked, again: meta.Again, sinks: meta.Sinks, steps: meta.Steps,
	}
	for _, id := range meta.Parties {
		s.parties[id] = struct{}{}
	}
	for _, m := range meta.Masks {
		s.masks.add(m)
	}
	for i := range s.extents {
		r.next(extentSize)
		s.extents[i] = extent{int64(r.u64()), r.u32()}
	}
	s.people = r.u64s(int(n.people))
	s.hidden.hidden, s.hidden.shown = meta.Forms[0], meta.Forms[1]
	s.hidden.masked, s.hidden.maskedOwned = meta.Masked[0], meta.Masked[1]
	s.hidden.called = make(map[string]struct{}, len(meta.Called))
	for _, name := range meta.Called {
		s.hidden.called[name] = struct{}{}
	}
	for i, size := range append(meta.Hidden[:], meta.At[:]...) {
		if n.hidden -= int64(size); size < 0 || n.hidden < 0 {
			return nil, nil, nil, errDigests
		}
		if i < factSorts {
			s.hidden.facts[i] = r.u64s(size)
		} else {
			s.hidden.at[i-factSorts] = r.u64s(size)
		}
	}
	for range n.arrivals {
		r.next(arrivalSize)
		k := r.u64()
		s.order[k] = append(s.order[k], arrival{r.u64(), r.digest(), position{int64(r.u64()), r.u32(), r.u32()}, r.u32()})
	}
	s.entries = s.memory.list
	for i := range s.entries {
		r.next(entrySize)
		s.entries[i] = entry{r.digest(), place{r.u32(), r.u32()}, r.u32()}
	}
	if meta.Index != nil {
		held := make([]byte, n.held)
		if _, err := io.ReadFull(r.in, held); err != nil {
			return s, nil, nil, err
		}
		s.held = []*filter{filterOf(held)}
	}
	return s, &meta, seals, r.err
}

// u64s reads n numbers.
func (r *digestsReader) u64s(n int) []uint64 {
	out := make([]uint64, 0, n)
	b := make([]byte, 8*min(n, digestsBuffer/8))
	for len(out) < n && r.err == nil {
		b = b[:8*min(n-len(out), len(b)/8)]
		if _, r.err = io.ReadFull(r.in, b); r.err != nil {
			return nil
		}
		for at := 0; at < len(b); at += 8 {
			out = append(out, binary.LittleEndian.Uint64(b[at:]))
		}
	}
	return out
}

// next reads an item of n bytes; after an error, zeros.
func (r *digestsReader) next(n int) {
	r.b = r.buf[:n]
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, r.b)
	}
	if r.err != nil {
		clear(r.b)
	}
}

func (r *digestsReader) u64() uint64 {
	n := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return n
}

func (r *digestsReader) u32() uint32 {
	n := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return n
}

func (r *digestsReader) digest() (d gate.Digest) {
	r.b = r.b[copy(d[:], r.b):]
	return d
}
