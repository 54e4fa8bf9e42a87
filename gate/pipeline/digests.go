package pipeline

import (
	"bufio"
	"bytes"
	"context"
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
	"github.com/waybill-dev/waybill/gate/tape"
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
// SHA-256 over the whole file must match too. Where anything does not, or the file
// is not there or cannot be read, the run is scanned and the file is made anew. It is
// made of a run whose tape is whole and has its footer; of a corpus it is neither
// made nor used, since a corpus is pinned by a digest that does not cover it.
//
// What this does not hold against is somebody who can write the file and wants to
// deceive: who can do that can write the tape beside it as well.

// DigestsSuffix is what the name of a tape's file of digests has after the tape's.
const DigestsSuffix = ".digests"

// Format, version 1; integers are little-endian:
//
//	"waybill-digests", u8 version
//	key of 32 bytes
//	u64 each: bytes of meta, extents, people, arrivals, entries
//	meta     [digestsMeta] as JSON
//	extent   u64 offset, u32 first
//	person   u64
//	arrival  u64 sink and recipient, u64 seq, digest of 16 bytes, u64 offset, u32 index, u32 letter, u32 to
//	entry    digest of 16 bytes, u32 record, u32 letter, u32 to
//	SHA-256 of all that stands before it
const (
	digestsMagic  = "waybill-digests\x01"
	digestsHead   = len(digestsMagic) + sha256.Size + 5*8
	extentSize    = 12
	personSize    = 8
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
}

// digestsKey is what a file of digests must begin with to be used.
type digestsKey [sha256.Size]byte

// KeepDigests makes the file of digests of the run on the tape at path, unless it is
// there and fits. An error says why it could not; a comparison does without it.
func KeepDigests(ctx context.Context, o Options, path string) error {
	t := &tapeSide{path: path, o: &o}
	k := newKeys(&o)
	r, key, err := k.restore(t)
	if err != nil || r != nil {
		return err
	}
	causes, err := stimulusTraces(ctx, &o)
	if err != nil {
		return err
	}
	if r, err = scan(ctx, &o, causes, t, "run"); err != nil {
		return err
	}
	return k.store(t, key, r)
}

// errNoDigests says that no digests are kept of a run, by rule.
var errNoDigests = errors.New("digests are kept beside whole tapes of runs alone")

// keys computes the keys of the tapes of one comparison.
type keys struct {
	o      *Options
	corpus func() ([sha256.Size]byte, error)
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
}

func (k *keys) key(path string) (key stamped, err error) {
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
	r, err := tape.Open(t.path) // which also keeps writers from replacing it meanwhile
	if err != nil {
		return nil, stamped{}, err
	}
	defer r.Close()
	if r.Header().Content != gate.RunTape {
		return nil, stamped{}, errNoDigests
	}
	key, err := k.key(t.path)
	if err != nil {
		return nil, stamped{}, err
	}
	kept, err := readDigests(t.path+DigestsSuffix, key.digestsKey)
	if err != nil {
		return nil, key, nil
	}
	kept.side, kept.header, kept.whole, kept.facts.Tape = t, r.Header(), true, t.path
	return kept, key, nil
}

// store keeps r beside t's tape, unless that is not what it was when key was made.
func (k *keys) store(t *tapeSide, key stamped, r *scanned) (err error) {
	now, err := os.Stat(t.path)
	if err != nil {
		return err
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
	w := &digestsWriter{hash: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.hash), digestsBuffer)
	err = w.scanned(key.digestsKey, r)
	if err == nil {
		_, err = f.Write(w.hash.Sum(nil))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

type digestsWriter struct {
	out  *bufio.Writer
	hash hash.Hash
	b    []byte // one item
}

func (w *digestsWriter) scanned(key digestsKey, r *scanned) error {
	meta := digestsMeta{Facts: r.facts, Gaps: r.gaps, Classes: r.classes, Parties: slices.Sorted(maps.Keys(r.parties)), Traced: r.traced}
	meta.Facts.Tape = ""
	for m, n := range r.masks {
		m.Count = n
		meta.Masks = append(meta.Masks, m)
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	arrivals := 0
	for _, list := range r.order {
		arrivals += len(list)
	}
	w.out.WriteString(digestsMagic)
	w.out.Write(key[:])
	for _, n := range []int{len(text), len(r.extents), len(r.people), arrivals, len(r.entries)} {
		w.u64(uint64(n)).flush()
	}
	w.out.Write(text)
	for _, e := range r.extents {
		w.u64(uint64(e.offset)).u32(e.first).flush()
	}
	for _, p := range r.people {
		w.u64(p).flush()
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
	return w.out.Flush() // which tells of all errors before it
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
func readDigests(path string, key digestsKey) (*scanned, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read digests %s: it is not a regular file", path)
	}
	h := sha256.New()
	in := &digestsReader{in: bufio.NewReaderSize(io.TeeReader(io.LimitReader(f, info.Size()-sha256.Size), h), digestsBuffer)}
	r, err := in.scanned(key, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read digests %s: %w", path, err)
	}
	var sum [sha256.Size]byte
	if _, err := f.ReadAt(sum[:], info.Size()-sha256.Size); err != nil {
		return nil, fmt.Errorf("read digests %s: %w", path, err)
	}
	if !bytes.Equal(sum[:], h.Sum(nil)) {
		return nil, fmt.Errorf("read digests %s: its checksum does not match", path)
	}
	return r, nil
}

type digestsReader struct {
	in  *bufio.Reader
	b   []byte // what is left of one item
	buf [max(arrivalSize, digestsHead)]byte
	err error
}

var errDigests = errors.New("it is damaged, or made under another key")

func (r *digestsReader) scanned(key digestsKey, size int64) (*scanned, error) {
	r.next(digestsHead)
	if r.err != nil || string(r.b[:len(digestsMagic)]) != digestsMagic || !bytes.Equal(r.b[len(digestsMagic):][:sha256.Size], key[:]) {
		return nil, errors.Join(errDigests, r.err)
	}
	r.b = r.b[len(digestsMagic)+sha256.Size:]
	var n [5]int64
	want := int64(digestsHead + sha256.Size)
	for i, of := range []int64{1, extentSize, personSize, arrivalSize, entrySize} {
		count := r.u64()
		if count > uint64(size) {
			return nil, errDigests
		}
		n[i] = int64(count)
		want += n[i] * of // of numbers below a file's size: no overflow
	}
	if want != size {
		return nil, errDigests
	}
	text := make([]byte, n[0])
	if _, err := io.ReadFull(r.in, text); err != nil {
		return nil, err
	}
	var meta digestsMeta
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, err
	}
	s := &scanned{
		about:   about{facts: meta.Facts, gaps: meta.Gaps, extents: make([]extent, n[1])},
		people:  make([]uint64, n[2]),
		entries: make([]entry, n[4]),
		classes: meta.Classes, parties: map[string]struct{}{}, masks: map[gate.Masked]uint64{}, order: map[uint64][]arrival{},
		traced: meta.Traced,
	}
	for _, id := range meta.Parties {
		s.parties[id] = struct{}{}
	}
	for _, m := range meta.Masks {
		count := m.Count
		m.Count = 0
		s.masks[m] = count
	}
	for i := range s.extents {
		r.next(extentSize)
		s.extents[i] = extent{int64(r.u64()), r.u32()}
	}
	for i := range s.people {
		r.next(personSize)
		s.people[i] = r.u64()
	}
	for range n[3] {
		r.next(arrivalSize)
		k := r.u64()
		s.order[k] = append(s.order[k], arrival{r.u64(), r.digest(), position{int64(r.u64()), r.u32(), r.u32()}, r.u32()})
	}
	for i := range s.entries {
		r.next(entrySize)
		s.entries[i] = entry{r.digest(), place{r.u32(), r.u32()}, r.u32()}
	}
	return s, r.err
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
