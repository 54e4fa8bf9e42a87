package pipeline

import (
	"encoding/binary"
	"math/bits"
)

// A filter says of 64-bit hashes that they are surely not in a set, or may be: a Bloom filter
// whose hashes have one bit in each of the eight words of a block (Putze, Sanders, Singler:
// Cache-, Hash- and Space-Efficient Bloom Filters, 2007). With up to 24 bits for each hash, one
// of 2^14 that are not in it may be. The zero filter is empty. Where it would grow beyond
// bound, it knows nothing: all may be in it.
type filter struct {
	levels [][]block // each of twice as many as the one before
	n      int       // hashes in the last
	full   bool
}

type block [8]uint64

const (
	blockBytes  = 64
	leastBlocks = 1 << 8
	mostBlocks  = 1 << 18 // of one level: 16 MiB
	ofBlock     = 21      // hashes
)

// filterFor gives one for n hashes, which may be added in order.
func filterFor(n int) *filter {
	if n > 2*mostBlocks*ofBlock {
		return &filter{full: true}
	}
	return &filter{levels: [][]block{make([]block, n/ofBlock+1)}}
}

// add adds a hash. Where it is not known how many come, they must come in no order.
func (f *filter) add(hash uint64) {
	if f.full {
		return
	}
	last := len(f.levels) - 1
	if last < 0 || f.n > len(f.levels[last])*ofBlock {
		size := leastBlocks << len(f.levels)
		if size > mostBlocks {
			*f = filter{full: true}
			return
		}
		f.levels = append(f.levels, make([]block, size))
		f.n = 0
		last++
	}
	at := blockOf(f.levels[last], hash)
	added := false
	for i, bit := 0, spread8(hash); i < len(at); i, bit = i+1, bit>>6 {
		added = added || at[i]&(1<<(bit&63)) == 0
		at[i] |= 1 << (bit & 63)
	}
	if added {
		f.n++
	}
}

// mayHave reports whether hash may have been added.
func (f *filter) mayHave(hash uint64) bool {
	if f.full {
		return true
	}
levels:
	for _, l := range f.levels {
		at := blockOf(l, hash)
		for i, bit := 0, spread8(hash); i < len(at); i, bit = i+1, bit>>6 {
			if at[i]&(1<<(bit&63)) == 0 {
				continue levels
			}
		}
		return true
	}
	return false
}

// blockOf is by the first bits of a hash: who asks in order reads the filter in order.
func blockOf(l []block, hash uint64) *block {
	i, _ := bits.Mul64(hash, uint64(len(l)))
	return &l[i]
}

// spread8 gives six bits for each of eight words.
func spread8(hash uint64) uint64 {
	hash *= 0x9e3779b97f4a7c15
	return hash ^ hash>>32
}

// bytes gives f, which has one level at most, as it is kept.
func (f *filter) bytes() []byte {
	var b []byte
	for _, l := range f.levels {
		b = make([]byte, 0, len(l)*blockBytes)
		for i := range l {
			for _, w := range l[i] {
				b = binary.LittleEndian.AppendUint64(b, w)
			}
		}
	}
	return b
}

// filterOf is what bytes gave.
func filterOf(b []byte) *filter {
	l := make([]block, len(b)/blockBytes)
	for i := range l {
		for j := range l[i] {
			l[i][j] = binary.LittleEndian.Uint64(b[i*blockBytes+8*j:])
		}
	}
	return &filter{levels: [][]block{l}, full: len(l) == 0}
}
