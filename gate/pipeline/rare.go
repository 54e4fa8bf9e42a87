package pipeline

import (
	"cmp"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/gate/exposure"
)

// Where a run hides many numbers, some are somebody's by chance, and those tell nothing. But they
// stand at a few places, which hold ids. At a place that holds few numbers, one that is somebody's
// is theirs.

// placeBits are those of a place in [numberAt].
const placeBits = 16

// numberAt is a number with its place: the first bits of one and the last of the other.
func numberAt(place, number uint64) uint64 {
	return place>>(64-placeBits)<<(64-placeBits) | number<<placeBits>>placeBits
}

// whereRare returns those of the held numbers that stand hidden where so few do that, over all such places
// together, somebody's is met by chance as seldom as [rareOf] says. people are how many there are.
func whereRare(runs []*scanned, sort int, held []exposure.Key, people int) []exposure.Key {
	var all hashes
	for _, s := range runs {
		all = append(all, s.hidden.at[sort]...)
	}
	all.compact()
	var places [][]uint64
	for len(all) > 0 {
		end, _ := slices.BinarySearch(all, numberAt(all[0], math.MaxUint64))
		if end < len(all) && all[end]>>(64-placeBits) == all[0]>>(64-placeBits) {
			end++
		}
		places = append(places, all[:end])
		all = all[end:]
	}
	slices.SortStableFunc(places, func(x, y []uint64) int { return cmp.Compare(len(x), len(y)) })
	chance := 0.0
	var out []exposure.Key
	for _, p := range places {
		if chance += float64(len(p)) * float64(max(people, 2)) * factsOfOne / math.Pow(10, figuresOf[sort]); chance > rareOf[sort] {
			break
		}
		for _, k := range held {
			if _, ok := slices.BinarySearch(p, numberAt(p[0], uint64(k))); ok {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
