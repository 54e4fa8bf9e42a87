//go:build unix

package pipeline

import (
	"syscall"
	"unsafe"
)

// mapped maps memory for n entries, which are zero.
func mapped(n int) (entryMemory, bool) {
	b, err := syscall.Mmap(-1, 0, n*int(unsafe.Sizeof(entry{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return entryMemory{}, false
	}
	return entryMemory{list: unsafe.Slice((*entry)(unsafe.Pointer(unsafe.SliceData(b))), n), system: b}, true
}

func release(b []byte) {
	// It can fail for memory alone that mapped did not give.
	_ = syscall.Munmap(b)
}
