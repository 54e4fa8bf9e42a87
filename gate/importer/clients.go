package importer

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// maxClients is how many clients are told apart. All others are one.
const maxClients = 1 << 16

// Clients make keys that tell clients apart and name none of them: they are numbered in
// the order in which they come. The zero value is ready.
type Clients struct {
	seen map[uint64]int
}

// Key is the key of the client that identity stands for: an address, a session. It is ""
// where identity is.
func (c *Clients) Key(identity string) string {
	if identity == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(identity))
	id := binary.LittleEndian.Uint64(sum[:])
	n, known := c.seen[id]
	switch {
	case known:
	case len(c.seen) == maxClients:
		return "client-others"
	default:
		if c.seen == nil {
			c.seen = map[uint64]int{}
		}
		n = len(c.seen) + 1
		c.seen[id] = n
	}
	return "client-" + strconv.Itoa(n)
}
