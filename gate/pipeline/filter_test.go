package pipeline

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A filter has all that was added, in whatever order and of however many, seldom anything
// else, and is the same when it was kept.
func TestFilter(t *testing.T) {
	const n, asked = 50_000, 400_000
	random := rand.New(rand.NewPCG(1, 2))
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = random.Uint64()
	}
	sorted := slices.Sorted(slices.Values(hashes))
	grown, sized := new(filter), filterFor(n)
	for i := range hashes {
		grown.add(hashes[i])
		sized.add(sorted[i])
	}
	if len(grown.levels) < 2 || len(sized.levels) != 1 {
		t.Errorf("%d and %d levels", len(grown.levels), len(sized.levels))
	}
	for name, f := range map[string]*filter{"grown": grown, "of a known size": sized, "kept": filterOf(sized.bytes())} {
		for _, h := range hashes {
			if !f.mayHave(h) {
				t.Fatalf("%s: it has not what was added", name)
			}
		}
		more := 0
		for range asked {
			if f.mayHave(random.Uint64()) {
				more++
			}
		}
		if more > asked>>10 {
			t.Errorf("%s: it may have %d of %d that were not added", name, more, asked)
		}
	}
}

// What is beyond a filter's bounds, or was never known, may be anything; an empty one has nothing.
func TestFilterBounds(t *testing.T) {
	if new(filter).mayHave(1) || filterFor(0).mayHave(1) {
		t.Error("an empty filter may have something")
	}
	if f := filterFor(1 << 40); !f.mayHave(1) || !filterOf(f.bytes()).mayHave(1) {
		t.Error("a filter that is full says what it has not")
	}
	f := &filter{levels: [][]block{make([]block, mostBlocks)}, n: mostBlocks*ofBlock + 1}
	for range 64 { // each level that is added is larger
		if f.full {
			break
		}
		f.levels, f.n = append(f.levels, nil), 1
		f.add(1)
	}
	if !f.full || len(f.levels) > 0 || !f.mayHave(2) {
		t.Error("a filter grows without bound")
	}
}
