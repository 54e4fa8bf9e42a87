package tape

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate"
)

// The parts of an encrypted tape: see the package comment, format 2.

const (
	encryptedVersion = 2

	secretBytes = 32
	secretSize  = 43 // of the text that it is
	macSize     = sha256.Size
	offsetSize  = 8
	maxBlock    = 1 << 20 // bytes of a key block or trailer
	work        = 1       // of scrypt, as a power of two: the secret is random, and needs no stretching

	// overhead is the most that encryption adds to a frame, besides a 64th of it:
	// header, stanza and nonce of age, its tags of 16 bytes for 64 KiB, the offset.
	overhead = 512
)

// A crypt encrypts and decrypts the frames of one tape.
type crypt struct {
	recipient *age.ScryptRecipient
	identity  *age.ScryptIdentity
	macKey    []byte
}

func newCrypt(secret string) (*crypt, error) {
	r, err := age.NewScryptRecipient(secret)
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(work)
	i, err := age.NewScryptIdentity(secret)
	if err != nil {
		return nil, err
	}
	i.SetMaxWorkFactor(work)
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "waybill tape trailer", sha256.Size)
	if err != nil {
		return nil, err
	}
	return &crypt{r, i, key}, nil
}

// seal appends plain, which stands at offset, encrypted to dst.
func (c *crypt) seal(dst *bytes.Buffer, offset int64, plain []byte) error {
	w, err := age.Encrypt(dst, c.recipient)
	if err != nil {
		return err
	}
	var at [offsetSize]byte
	binary.LittleEndian.PutUint64(at[:], uint64(offset))
	if _, err := w.Write(at[:]); err != nil {
		return err
	}
	if _, err := w.Write(plain); err != nil {
		return err
	}
	return w.Close()
}

// open undoes seal. dst, which is as long as sealed, is memory for the answer.
func (c *crypt) open(dst []byte, offset int64, sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), c.identity)
	if err != nil {
		return nil, errors.New("a frame was not encrypted for this tape")
	}
	n, err := 0, error(nil)
	for err == nil && n < len(dst) { // which is longer than what was sealed
		var m int
		m, err = r.Read(dst[n:])
		n += m
	}
	if err != io.EOF { // where a chunk is missing it is another one, which io.ReadFull would not tell from this
		return nil, errors.New("a frame cannot be decrypted: it is not as it was written")
	}
	if n < offsetSize {
		return nil, errors.New("an encrypted frame is empty")
	}
	if at := binary.LittleEndian.Uint64(dst); at != uint64(offset) {
		return nil, fmt.Errorf("a frame that was encrypted for byte %d stands here: frames were moved, repeated or removed", at)
	}
	return dst[offsetSize:n], nil
}

// A keyBlock says who can read a tape, and holds its secret for them.
type keyBlock struct {
	Recipients []string `json:"recipients"` // fingerprints

	bytes  []byte // all of the block
	sealed []byte // its age file: secret, "\n", the JSON of this
}

// newKeyBlock makes a secret and the block that holds it.
func newKeyBlock(recipients []string) (secret string, block []byte, err error) {
	to, prints, err := parseRecipients(recipients)
	if err != nil {
		return "", nil, err
	}
	random := make([]byte, secretBytes)
	rand.Read(random)
	secret = base64.RawURLEncoding.EncodeToString(random)
	shown, err := json.Marshal(keyBlock{Recipients: prints}, jsonOptions())
	if err != nil {
		return "", nil, err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err == nil {
		_, err = w.Write([]byte(secret + "\n" + string(shown)))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", nil, fmt.Errorf("encrypt for %s: %w", strings.Join(prints, ", "), err)
	}
	block = binary.LittleEndian.AppendUint32(nil, uint32(len(shown)))
	block = append(append(block, shown...), sealed.Bytes()...)
	if len(block) > maxBlock {
		return "", nil, fmt.Errorf("%d recipients are too many: their keys take %d bytes, the most is %d", len(to), len(block), maxBlock)
	}
	return secret, block, nil
}

func parseKeyBlock(block []byte) (*keyBlock, error) {
	if len(block) < 4 || int64(binary.LittleEndian.Uint32(block)) > int64(len(block)-4) {
		return nil, errors.New("its key block is too short")
	}
	n := 4 + binary.LittleEndian.Uint32(block)
	b := &keyBlock{bytes: block}
	if err := json.Unmarshal(block[4:n], b, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("its key block cannot be read: %w", err)
	}
	b.sealed = block[n:]
	return b, nil
}

// open gives the secret.
func (b *keyBlock) open(identities []age.Identity) (string, error) {
	r, err := age.Decrypt(bytes.NewReader(b.sealed), identities...)
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxBlock))
	if err != nil {
		return "", err
	}
	if len(plain) <= secretSize || plain[secretSize] != '\n' {
		return "", errors.New("it is not the key of a tape")
	}
	shown, err := json.Marshal(keyBlock{Recipients: b.Recipients}, jsonOptions())
	if err != nil || !bytes.Equal(shown, plain[secretSize+1:]) {
		return "", errors.New("the recipients that it names are not those that it was made for")
	}
	return string(plain[:secretSize]), nil
}

// Claims are what an encrypted tape says of itself to everybody.
type Claims struct {
	Stimuli  uint64 `json:"stimuli"`
	Messages uint64 `json:"messages"`
	Outcomes uint64 `json:"outcomes"`
	Gaps     uint64 `json:"gaps"`
	Digest   string `json:"digest"` // see [Reader.Digest]
}

// records is how many records such a tape has, header and footer included.
func (c *Claims) records() uint64 { return c.Stimuli + c.Messages + c.Outcomes + c.Gaps + 2 }

func (c *Claims) counts() counts { return counts{c.Stimuli, c.Messages, c.Outcomes, c.Gaps} }

// trailer is the block of claims: JSON, then its HMAC-SHA256.
func (c *crypt) trailer(claims *Claims) ([]byte, error) {
	text, err := json.Marshal(claims, jsonOptions())
	if err != nil {
		return nil, err
	}
	return append(text, c.mac(text)...), nil
}

func (c *crypt) mac(text []byte) []byte {
	h := hmac.New(sha256.New, c.macKey)
	h.Write(text)
	return h.Sum(nil)
}

// parseTrailer reads claims, and checks them where c, which may be nil, can.
func parseTrailer(c *crypt, block []byte) (*Claims, error) {
	if len(block) < macSize {
		return nil, errors.New("its trailer is too short")
	}
	text, mac := block[:len(block)-macSize], block[len(block)-macSize:]
	if c != nil && !hmac.Equal(mac, c.mac(text)) {
		return nil, errors.New("its trailer was altered")
	}
	claims := new(Claims)
	if err := json.Unmarshal(text, claims, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("its trailer cannot be read: %w", err)
	}
	return claims, nil
}

// appendBlock appends a block that stands at offset: a header that declares no
// records, and the block.
func appendBlock(dst []byte, offset int64, block []byte) []byte {
	start := len(dst)
	dst = append(append(dst, make([]byte, headerSize)...), block...)
	putHeader(dst[start:start+headerSize], offset, dst[start+headerSize:], len(block), 0)
	return dst
}

// isBlock reports whether f, a header that is whole, is that of a block.
func (f header) isBlock() bool { return f.count == 0 }

// judgeBlock says what is wrong with the header of a block.
func (f header) judgeBlock() error {
	switch {
	case f.raw != f.stored:
		return fmt.Errorf("a block declares %d bytes in %d", f.raw, f.stored)
	case f.stored > maxBlock:
		return fmt.Errorf("a block declares %d bytes, the most is %d", f.stored, maxBlock)
	}
	return nil
}

// encrypted is what a writer of an encrypted tape needs besides.
type encrypted struct {
	*crypt
	sum   digest
	plain []byte       // a compressed frame
	out   bytes.Buffer // the same, encrypted
}

// newEncrypted makes what encrypts a tape with header h for recipients, and the
// bytes that such a tape begins with.
func newEncrypted(h *gate.Header, recipients []string) (*encrypted, []byte, error) {
	secret, block, err := newKeyBlock(recipients)
	if err != nil {
		return nil, nil, err
	}
	c, err := newCrypt(secret)
	if err != nil {
		return nil, nil, err
	}
	sum, err := newDigest(h)
	if err != nil {
		return nil, nil, err
	}
	return &encrypted{crypt: c, sum: sum}, appendBlock(appendPrefix(nil, encryptedVersion), prefixSize, block), nil
}

// appendFrame is [appendFrame], encrypted. All but the header's records enter the digest.
func (e *encrypted) appendFrame(dst []byte, enc *zstd.Encoder, offset int64, records []byte, count int) ([]byte, error) {
	e.plain = appendCompressed(e.plain[:0], enc, records)
	e.out.Reset()
	if err := e.seal(&e.out, offset, e.plain); err != nil {
		return nil, fmt.Errorf("encrypt a frame: %w", err)
	}
	if records[kindAt] != kindHeader {
		e.sum.Write(records)
	}
	start := len(dst)
	dst = append(append(dst, make([]byte, headerSize)...), e.out.Bytes()...)
	putHeader(dst[start:start+headerSize], offset, dst[start+headerSize:], len(records), count)
	if e.out.Cap() > 2*shareLimit {
		e.plain, e.out = nil, bytes.Buffer{}
	}
	return dst, nil
}

// appendTrailer appends the trailer to frame, which holds the footer and stands at offset.
func (e *encrypted) appendTrailer(frame []byte, offset int64, c counts) ([]byte, error) {
	block, err := e.trailer(&Claims{c.stimuli, c.messages, c.outcomes, c.gaps, e.sum.String()})
	if err != nil {
		return nil, err
	}
	return appendBlock(frame, offset+int64(len(frame)), block), nil
}
