package pipeline

import "testing"

// A list as long as that of a large run is moved whole and in order, into memory that
// the collector does not know.
func TestEntryMemory(t *testing.T) {
	const n = 2*chunkEntries + 1000
	var l entryList
	for i := range uint32(n) {
		l.add(entry{to: i})
	}
	m := newEntries(n + 1)
	if m.system == nil {
		t.Log("in the heap")
	}
	m.list[0].to = 7
	got := l.appendTo(m.list[:1])
	if len(got) != n+1 || &got[0] != &m.list[0] || got[0].to != 7 {
		t.Fatalf("%d entries, or elsewhere", len(got))
	}
	for i := range uint32(n) {
		if got[1+i].to != i || got[1+i].record != 0 {
			t.Fatalf("entry %d is %+v", i, got[1+i])
		}
	}
	l.free() // what was moved is not given back twice
	m.free()
	m.free()
	if m.list != nil {
		t.Error("what was given back can be looked at")
	}
	if small := newEntries(leastOutside - 1); small.system != nil || len(small.list) != leastOutside-1 {
		t.Error("a short list is not in the heap")
	}
}
