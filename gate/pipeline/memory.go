package pipeline

// entryMemory holds entries outside of the collector's heap, where the system has
// such memory. There is an entry for each delivery of a run, and no pointer in it: in
// the heap, what is free for garbage would grow with them, and peak memory by twice
// their size.
type entryMemory struct {
	list   []entry // of the length and capacity asked for
	system []byte  // nil: list is in the heap
}

// leastOutside is for how many entries memory is asked of the system.
const leastOutside = 4096

// newEntries gives memory for n entries.
func newEntries(n int) entryMemory {
	if n >= leastOutside {
		if m, ok := mapped(n); ok {
			return m
		}
	}
	return entryMemory{list: make([]entry, n)}
}

// free gives the memory back. Nothing may look at list afterwards.
func (m *entryMemory) free() {
	if m.system != nil {
		release(m.system)
	}
	*m = entryMemory{}
}
