package pseudonym

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
)

// seenIdentities bounds how many identities are remembered, in each of two
// generations: the older is forgotten when the younger is full.
const seenIdentities = 32 << 10

// A memory holds the identities that were seen, with their pseudonyms, and knows
// them by their digests.
type memory struct {
	mu         sync.RWMutex
	young, old generation
}

type generation struct {
	pseudonyms map[string]string
	digests    map[uint64]string // first bytes of a digest, to the identity
	known      map[string]bool   // identities whose digests are there
}

func newGeneration() generation {
	return generation{make(map[string]string), make(map[uint64]string), make(map[string]bool)}
}

func newMemory() *memory { return &memory{young: newGeneration(), old: newGeneration()} }

// get is the pseudonym of an identity that was seen.
func (m *memory) get(identity string) (string, bool) {
	m.mu.RLock()
	out, ok := m.young.pseudonyms[identity]
	aged := false
	if !ok {
		out, aged = m.old.pseudonyms[identity]
	}
	m.mu.RUnlock()
	if aged {
		m.put(identity, out)
	}
	return out, ok || aged
}

func (m *memory) put(identity, pseudonym string) {
	identity = strings.Clone(identity)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young.pseudonyms) >= seenIdentities {
		m.old, m.young = m.young, newGeneration()
	}
	m.young.pseudonyms[identity] = pseudonym
}

// know makes an identity one that is found by its digests.
func (m *memory) know(identity string) {
	m.mu.RLock()
	known := m.young.known[identity]
	m.mu.RUnlock()
	if known {
		return
	}
	identity = strings.Clone(identity)
	var keys [3 * 3]uint64
	list := keys[:0]
	for _, f := range forms(identity) {
		for _, sum := range algorithms {
			list = append(list, binary.LittleEndian.Uint64(sum(f)))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young.known) >= seenIdentities {
		m.old, m.young = m.young, newGeneration()
	}
	m.young.known[identity] = true
	for _, k := range list {
		m.young.digests[k] = identity
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
