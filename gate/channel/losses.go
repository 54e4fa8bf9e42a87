package channel

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

// Losses are the transmissions whose answers were lost, in [Lose]. Of equal ones the first is
// lost alone: a sender that tries again the same comes through with its second try, so that how
// often it tries does not hang on how long the mood lasts. The zero Losses has lost nothing.
type Losses struct {
	mu   sync.Mutex
	lost map[[sha256.Size]byte]struct{}
}

// First reports whether no transmission that said the same was lost, and takes it down as lost.
func (l *Losses) First(said ...[]byte) bool {
	h := sha256.New()
	for _, b := range said {
		fmt.Fprintf(h, "%d:", len(b))
		h.Write(b)
	}
	key := [sha256.Size]byte(h.Sum(nil))
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.lost[key]; ok {
		return false
	}
	if l.lost == nil {
		l.lost = map[[sha256.Size]byte]struct{}{}
	}
	l.lost[key] = struct{}{}
	return true
}
