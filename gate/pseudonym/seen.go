package pseudonym

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"sync/atomic"
)

// seenIdentities bounds how many identities are remembered, in each of two
// generations: the older is forgotten when the younger is full.
const seenIdentities = 32 << 10

// A known is what is remembered of an identity in one way of writing it. Nothing of
// it is changed but digested.
type known struct {
	original  string // as it is written
	lower     string // that in lower case
	pseudonym []byte
	image     string      // the pseudonym in lower case
	digested  atomic.Bool // it is found by its digests
}

func newKnown(original, pseudonym string) *known {
	return &known{original: original, lower: strings.ToLower(original), pseudonym: []byte(pseudonym), image: strings.ToLower(pseudonym)}
}

// A memory holds the identities that were seen, with their pseudonyms, and knows
// them by their digests.
type memory struct {
	mu         sync.RWMutex
	young, old generation
}

type generation struct {
	list     map[string]*known
	digests  map[uint64]string // first bytes of a digest, to the identity
	digested map[string]bool   // identities whose digests are there
}

func newGeneration() generation {
	return generation{make(map[string]*known), make(map[uint64]string), make(map[string]bool)}
}

func newMemory() *memory { return &memory{young: newGeneration(), old: newGeneration()} }

// get is what was put under a key; nil: nothing was, or it is forgotten.
func (m *memory) get(key []byte) *known {
	m.mu.RLock()
	k := m.young.list[string(key)]
	aged := false
	if k == nil {
		k = m.old.list[string(key)]
		aged = k != nil
	}
	m.mu.RUnlock()
	if aged {
		k = &known{original: k.original, lower: k.lower, pseudonym: k.pseudonym, image: k.image}
		m.put(string(key), k)
	}
	return k
}

func (m *memory) put(key string, k *known) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young.list) >= seenIdentities {
		m.old, m.young = m.young, newGeneration()
	}
	m.young.list[key] = k
}

// know makes an identity one that is found by its digests.
func (m *memory) know(identity string) {
	m.mu.RLock()
	known := m.young.digested[identity]
	m.mu.RUnlock()
	if known {
		return
	}
	var keys [3 * 3]uint64
	list := keys[:0]
	for _, f := range forms(identity) {
		for _, sum := range algorithms {
			list = append(list, binary.LittleEndian.Uint64(sum(f)))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young.digested) >= seenIdentities {
		m.old, m.young = m.young, newGeneration()
	}
	m.young.digested[identity] = true
	for _, k := range list {
		m.young.digests[k] = identity
	}
}

// knowThis makes an identity that is in the memory one that is found by its digests.
func (m *memory) knowThis(k *known) {
	if !k.digested.Load() {
		m.know(k.original)
		k.digested.Store(true)
	}
}

// algorithms are the digests that trackers make.
var algorithms = [...]func(string) []byte{
	func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] },
	func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] },
	func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] },
}

// forms are the texts of an identity of which digests are made: as it is, in lower
// case, and as providers normalise it. In the same order they are those of its
// pseudonym, for pseudonyms keep case, dots and tags where they are.
func forms(identity string) []string {
	lower := strings.ToLower(identity)
	local, domain, ok := strings.Cut(lower, "@")
	if !ok { // a number
		bare := strings.TrimPrefix(identity, "+")
		return []string{bare, "+" + bare}
	}
	base, _, _ := strings.Cut(local, "+")
	out := []string{lower}
	if identity != lower {
		out = append(out, identity)
	}
	if short := strings.ReplaceAll(base, ".", "") + "@" + domain; short != lower {
		out = append(out, short)
	}
	return out
}

// digest is the digest of a pseudonym in the place of that of an identity which
// was seen. sum is 16, 20 or 32 bytes.
func (m *memory) digest(sum []byte, pseudonym func(identity string) string) ([]byte, bool) {
	key := binary.LittleEndian.Uint64(sum)
	m.mu.RLock()
	identity, ok := m.young.digests[key]
	if !ok {
		identity, ok = m.old.digests[key]
	}
	m.mu.RUnlock()
	if !ok {
		return nil, false
	}
	theirs := forms(pseudonym(identity))
	for i, f := range forms(identity) {
		for _, algorithm := range algorithms {
			if string(algorithm(f)) == string(sum) && i < len(theirs) {
				return algorithm(theirs[i]), true
			}
		}
	}
	return nil, false
}

func hexWord(b []byte) string { return hex.EncodeToString(b) }
