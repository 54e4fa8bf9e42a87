package gate

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A Digest names what a person receives: equal digests, equal deliveries.
type Digest [16]byte

// A Digester makes digests one after the other in the same memory. It is for one
// goroutine; its zero value is ready.
type Digester struct {
	hash   hash.Hash
	filled int
	buffer [1024]byte // so that short texts are hashed in one go
	sum    [sha256.Size]byte
}

// Content is [Canonical.ContentDigest].
func (d *Digester) Content(c *Canonical) Digest {
	d.reset()
	d.text(c.Channel)
	d.text(c.Sink)
	for i := range c.Parts {
		p := &c.Parts[i]
		d.text(p.Name)
		d.byte(byte(p.Kind))
		d.text(p.Value)
	}
	return d.digest()
}

// Body is [Canonical.BodyDigest].
func (d *Digester) Body(c *Canonical) Digest {
	d.reset()
	for i := range c.Parts {
		p := &c.Parts[i]
		if p.Kind == Addresses || p.Kind == Transport {
			continue
		}
		d.text(p.Name)
		d.text(p.Value)
	}
	return d.digest()
}

// Delivery is [DeliveryDigest].
func (d *Digester) Delivery(content Digest, r Recipient) Digest {
	d.reset()
	d.filled = copy(d.buffer[:], content[:])
	d.text(string(r.Kind))
	d.text(r.Address)
	d.text(string(r.Role))
	return d.digest()
}

// ContentDigest is over everything that is compared but the recipients: the
// first 16 bytes of SHA-256 over channel, sink and parts, length-prefixed.
func (c *Canonical) ContentDigest() Digest { return new(Digester).Content(c) }

// BodyDigest is over the content that a person reads, without who it is
// addressed to: parts of kind Text, Value, Link, Load and Binary.
func (c *Canonical) BodyDigest() Digest { return new(Digester).Body(c) }

// DeliveryDigest is over one delivery: its recipient, role and content.
func DeliveryDigest(content Digest, r Recipient) Digest { return new(Digester).Delivery(content, r) }

func (d *Digester) reset() {
	if d.hash == nil {
		d.hash = sha256.New()
	}
	d.hash.Reset()
	d.filled = 0
}

// text hashes s after its length.
func (d *Digester) text(s string) {
	if d.filled+8 > len(d.buffer) {
		d.flush()
	}
	binary.LittleEndian.PutUint64(d.buffer[d.filled:], uint64(len(s)))
	d.filled += 8
	for {
		n := copy(d.buffer[d.filled:], s)
		d.filled += n
		if s = s[n:]; s == "" {
			return
		}
		d.flush()
	}
}

func (d *Digester) byte(b byte) {
	if d.filled == len(d.buffer) {
		d.flush()
	}
	d.buffer[d.filled] = b
	d.filled++
}

func (d *Digester) flush() {
	d.hash.Write(d.buffer[:d.filled])
	d.filled = 0
}

func (d *Digester) digest() (out Digest) {
	d.flush()
	copy(out[:], d.hash.Sum(d.sum[:0]))
	return out
}

// digestString hashes s after its length.
func digestString(h hash.Hash, s string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}
