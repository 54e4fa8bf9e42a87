package pipeline

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A runIndex answers, from what was gathered in the scan of a run, what is asked of it
// where another run differs: who held a fact, who had a body, which records are of a
// class. It stands in the file of digests and is read where it is asked.
type runIndex struct {
	file                           io.Closer
	region                         *region
	meta                           indexMeta
	people                         []uint64 // of the run: hashes, sorted
	facts, selves, bodies, records lookup
}

var _ exposure.Index = (*runIndex)(nil)

// indexMeta says where the parts of an index stand in its region.
type indexMeta struct {
	Size                           int64
	Facts, Selves, Bodies, Records listMeta
	Names, Offsets, Found          int64 // where they begin
	IDs, Owned                     int64 // the same, of hiddenFacts; Owned ends the region
}

// listMeta says where postings stand: blocks up to Dir, and there, of each block, the
// first key and the offset.
type listMeta struct{ Dir, Blocks int64 }

// Postings are in blocks of about blockSize bytes:
//
//	block  u64 first key, entry
//	entry  varint key less the one before, varint 0 for common or how many values,
//	       varint each value less the one before
const (
	blockSize    = 4 << 10
	dirEntrySize = 16
)

// write writes the index of r to w, whose first byte begins the region, and gives a filter of
// the facts in it that tell people apart.
func (g *gatherer) write(w *sealer, r *scanned) (meta indexMeta, held *filter, err error) {
	if err := g.finish(); err != nil {
		return meta, nil, err
	}
	people := r.people
	keys := 0
	err = g.facts.all(func(_ uint64, _ []uint64, isCommon bool) error {
		if !isCommon {
			keys++
		}
		return nil
	})
	if err != nil {
		return meta, nil, err
	}
	held = filterFor(keys)
	// The number of whoever has the hash v, of which the last bits may say a role. Values
	// are sorted: each is looked for behind the one before.
	from := 0
	number := func(v, without uint64) (uint64, error) {
		if from < len(people) && people[from]&^without > v&^without {
			from = 0
		}
		n, found := slices.BinarySearchFunc(people[from:], v&^without, func(p, v uint64) int { return cmp.Compare(p&^without, v) })
		if !found {
			return 0, errDigests
		}
		from += n
		return uint64(from), nil
	}
	for _, l := range []struct {
		meta  *listMeta
		of    *gathering
		value func(uint64) (uint64, error)
		held  *filter
	}{
		{&meta.Facts, g.facts, func(v uint64) (uint64, error) { return number(v, 0) }, held},
		{&meta.Selves, g.selves, func(v uint64) (uint64, error) { return number(v, 0) }, nil},
		{&meta.Bodies, g.bodies, func(v uint64) (uint64, error) {
			n, err := number(v, roleBits)
			return n<<3 | v&roleBits, err
		}, nil},
		{&meta.Records, g.records, func(v uint64) (uint64, error) { return v, nil }, nil},
	} {
		if *l.meta, err = writeList(w, l.of, l.value, l.held); err != nil {
			return meta, nil, err
		}
	}
	if err := g.writeNames(w, &meta, people); err != nil {
		return meta, nil, err
	}
	meta.Found = w.n
	err = g.found.each(g.disk, 1, func(kind []byte, text string) error {
		_, err := w.Write(append(binary.AppendUvarint(kind, uint64(len(text))), text...))
		return err
	})
	meta.IDs, meta.Owned = w.n, w.n+int64(8*len(r.hidden.ids))
	for _, k := range slices.Concat(r.hidden.ids, r.hidden.owned) {
		w.Write(binary.LittleEndian.AppendUint64(nil, k))
	}
	meta.Size = w.n
	return meta, held, errors.Join(err, w.flush())
}

// writeList writes postings, and adds the keys that are not common to held, which may be nil.
func writeList(w *sealer, of *gathering, value func(uint64) (uint64, error), held *filter) (m listMeta, err error) {
	var dir, b []byte
	var last uint64
	err = of.all(func(key uint64, values []uint64, isCommon bool) error {
		if !isCommon && held != nil {
			held.add(key)
		}
		if len(b) == 0 {
			dir = binary.LittleEndian.AppendUint64(dir, key)
			dir = binary.LittleEndian.AppendUint64(dir, uint64(w.n))
			b = binary.LittleEndian.AppendUint64(b, key)
			last = key
		}
		b = binary.AppendUvarint(b, key-last)
		last = key
		b = binary.AppendUvarint(b, uint64(len(values)))
		before := uint64(0)
		for _, v := range values {
			n, err := value(v)
			if err != nil {
				return err
			}
			b = binary.AppendUvarint(b, n-before)
			before = n
		}
		if len(b) < blockSize {
			return nil
		}
		_, err := w.Write(b)
		b = b[:0]
		return err
	})
	w.Write(b)
	m = listMeta{Dir: w.n, Blocks: int64(len(dir) / dirEntrySize)}
	w.Write(dir)
	return m, errors.Join(err, w.err)
}

// writeNames writes the names of people, each once, and where they are.
func (g *gatherer) writeNames(w *sealer, meta *indexMeta, people []uint64) error {
	meta.Names = w.n
	at := make([]int64, len(people))
	err := g.names.each(g.disk, 8, func(hash []byte, id string) error {
		n, found := slices.BinarySearch(people, binary.LittleEndian.Uint64(hash))
		if !found {
			return errDigests
		}
		if at[n] != 0 {
			return nil
		}
		at[n] = w.n + 1
		_, err := w.Write(append(binary.AppendUvarint(nil, uint64(len(id))), id...))
		return err
	})
	if err != nil {
		return err
	}
	meta.Offsets = w.n
	b := make([]byte, 0, 8*1024)
	for part := range slices.Chunk(at, 1024) {
		b = b[:0]
		for _, n := range part {
			if n == 0 {
				return errDigests
			}
			b = binary.LittleEndian.AppendUint64(b, uint64(n-1))
		}
		w.Write(b)
	}
	return w.err
}

// openIndex gives the index in region r of f, which it closes in the end.
func openIndex(f *os.File, r *region, meta indexMeta, people []uint64) (*runIndex, error) {
	x := &runIndex{file: f, region: r, meta: meta, people: people}
	for _, l := range []struct {
		to *lookup
		listMeta
	}{{&x.facts, meta.Facts}, {&x.selves, meta.Selves}, {&x.bodies, meta.Bodies}, {&x.records, meta.Records}} {
		if l.Dir < 0 || l.Dir > meta.Size || l.Blocks < 0 || l.Blocks > (meta.Size-l.Dir)/dirEntrySize {
			return nil, errDigests
		}
		b := make([]byte, l.Blocks*dirEntrySize)
		if _, err := r.ReadAt(b, l.Dir); err != nil {
			return nil, err
		}
		*l.to = lookup{region: r, end: l.Dir, blocks: make([]blockAt, l.Blocks)}
		for i := range l.to.blocks {
			l.to.blocks[i] = blockAt{binary.LittleEndian.Uint64(b[i*dirEntrySize:]), int64(binary.LittleEndian.Uint64(b[i*dirEntrySize+8:]))}
		}
	}
	return x, nil
}

func (x *runIndex) Close() error {
	if x == nil {
		return nil
	}
	return x.file.Close()
}

// People implements [exposure.Index].
func (x *runIndex) People() int { return len(x.people) }

// Number implements [exposure.Index].
func (x *runIndex) Number(id string) (uint32, bool) {
	n, ok := slices.BinarySearch(x.people, gate.HashWord(id))
	return uint32(n), ok
}

// Person implements [exposure.Index].
func (x *runIndex) Person(n uint32) (gate.Recipient, error) {
	var b [binary.MaxVarintLen64]byte
	if int(n) >= len(x.people) {
		return gate.Recipient{}, errDigests
	}
	if _, err := x.region.ReadAt(b[:8], x.meta.Offsets+8*int64(n)); err != nil {
		return gate.Recipient{}, err
	}
	at := int64(binary.LittleEndian.Uint64(b[:]))
	if _, err := x.region.ReadAt(b[:], at); err != nil && err != io.EOF {
		return gate.Recipient{}, err
	}
	size, k := binary.Uvarint(b[:])
	if k <= 0 || size > uint64(x.meta.Size) {
		return gate.Recipient{}, errDigests
	}
	id := make([]byte, size)
	if _, err := x.region.ReadAt(id, at+int64(k)); err != nil {
		return gate.Recipient{}, err
	}
	kind, address, ok := strings.Cut(string(id), ":")
	if !ok {
		return gate.Recipient{}, errDigests
	}
	return gate.Recipient{Kind: gate.RecipientKind(kind), Address: address}, nil
}

// Holders implements [exposure.Index].
func (x *runIndex) Holders(keys []exposure.Key, held func(k exposure.Key, people []uint32, isCommon bool)) error {
	var people []uint32
	return find(&x.facts, keys, func(k exposure.Key, values []uint64, isCommon bool) {
		people = people[:0]
		for _, v := range values {
			people = append(people, uint32(v))
		}
		held(k, people, isCommon)
	})
}

// Selves implements [exposure.Index].
func (x *runIndex) Selves(keys []exposure.Key, self func(k exposure.Key, n uint32)) error {
	return find(&x.selves, keys, func(k exposure.Key, values []uint64, _ bool) { self(k, uint32(values[0])) })
}

// Identities implements [exposure.Index].
func (x *runIndex) Identities(found func(kind gate.FactKind, value string)) error {
	in := bufio.NewReaderSize(io.NewSectionReader(x.region, x.meta.Found, x.meta.IDs-x.meta.Found), runBuffer)
	return eachText(in, make([]byte, 1), func(kind []byte, text string) error {
		if kind[0] == foundPhone {
			found(gate.FactPhone, text)
		} else {
			found(gate.FactAddress, text)
		}
		return nil
	})
}

// ids gives the ids that hidden values of the run held: see [hiddenFacts].
func (x *runIndex) ids() (ids, owned hashes, err error) {
	m := &x.meta
	if m.IDs < 0 || m.Owned < m.IDs || m.Size < m.Owned || x.region.size < m.Size {
		return nil, nil, errDigests
	}
	in := &digestsReader{in: bufio.NewReader(io.NewSectionReader(x.region, m.IDs, m.Size-m.IDs))}
	return in.u64s(int(m.Owned-m.IDs) / 8), in.u64s(int(m.Size-m.Owned) / 8), in.err
}

// origins calls had for each of bodies that somebody had, with the first who did, in
// the order of [withRole], maxOrigins at the most.
func (x *runIndex) origins(bodies []uint64, had func(body uint64, who []gate.Recipient)) error {
	var failed error
	err := find(&x.bodies, bodies, func(body uint64, values []uint64, _ bool) {
		var who []gate.Recipient
		for _, v := range values {
			r, err := x.Person(uint32(v >> 3))
			failed = errors.Join(failed, err)
			r.Role = roles()[v&roleBits%uint64(len(roles()))]
			who = append(who, r)
		}
		had(body, who)
	})
	return errors.Join(err, failed)
}

// of gives the places of the messages of classes, in order.
func (x *runIndex) of(classes []uint64) ([]place, error) {
	var found []uint64
	slices.Sort(classes)
	err := find(&x.records, slices.Compact(classes), func(_ uint64, values []uint64, _ bool) {
		found = append(found, values...)
	})
	slices.Sort(found)
	places := make([]place, len(found))
	for i, v := range found {
		places[i] = place{uint32(v >> 32), uint32(v)}
	}
	return places, err
}

// lookup finds postings.
type lookup struct {
	region *region
	blocks []blockAt
	end    int64 // of the last block
}

type blockAt struct {
	key uint64 // the first
	at  int64
}

// find calls found for each of keys, which are sorted, that has postings.
func find[K ~uint64](l *lookup, keys []K, found func(key K, values []uint64, isCommon bool)) error {
	var values []uint64
	for len(keys) > 0 {
		i, exact := slices.BinarySearchFunc(l.blocks, uint64(keys[0]), func(b blockAt, k uint64) int { return cmp.Compare(b.key, k) })
		if !exact {
			if i--; i < 0 {
				keys = keys[1:]
				continue
			}
		}
		end := l.end
		next := uint64(commonMark)
		if i+1 < len(l.blocks) {
			end, next = l.blocks[i+1].at, l.blocks[i+1].key
		}
		n := 1
		for n < len(keys) && uint64(keys[n]) < next {
			n++
		}
		here := keys[:n]
		keys = keys[n:]
		if end-l.blocks[i].at < 8 {
			return errDigests
		}
		b := make([]byte, end-l.blocks[i].at)
		if _, err := l.region.ReadAt(b, l.blocks[i].at); err != nil {
			return err
		}
		d := varints{b: b[8:]}
		for key := binary.LittleEndian.Uint64(b); len(d.b) > 0 && len(here) > 0; {
			key += d.next()
			count := d.next()
			values = values[:0]
			value := uint64(0)
			for range count {
				value += d.next()
				values = append(values, value)
				if d.bad {
					return errDigests
				}
			}
			for len(here) > 0 && uint64(here[0]) < key {
				here = here[1:]
			}
			if len(here) > 0 && uint64(here[0]) == key {
				found(here[0], values, count == 0)
				here = here[1:]
			}
		}
		if d.bad {
			return errDigests
		}
	}
	return nil
}

// varints reads numbers until one is not whole.
type varints struct {
	b   []byte
	bad bool
}

func (v *varints) next() uint64 {
	n, size := binary.Uvarint(v.b)
	if size <= 0 {
		v.b, v.bad = nil, true
		return 0
	}
	v.b = v.b[size:]
	return n
}
