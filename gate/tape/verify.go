package tape

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/waybill-dev/waybill/gate"
)

// A Report is what [Verify] found. Where a tape is torn or damaged it tells of
// what stands before.
type Report struct {
	Path   string       `json:"path"`
	Header gate.Header  `json:"header"`
	Footer *gate.Footer `json:"footer,omitempty"` // nil where the tape is not whole
	Digest string       `json:"digest,omitempty"` // "" where the tape is not whole

	Stimuli  uint64 `json:"stimuli"`
	Messages uint64 `json:"messages"`
	Outcomes uint64 `json:"outcomes"`
	Gaps     uint64 `json:"gaps"`

	// Recipients are the fingerprints of those that it is encrypted for; none where it is not.
	Recipients []string `json:"recipients,omitempty"`

	Frames int   `json:"frames"`
	Raw    int64 `json:"raw"`    // bytes of records
	Stored int64 `json:"stored"` // bytes of the file up to the end of its last good frame
}

// Verify reads the whole tape at path and checks everything that can be checked of
// it. Its errors are those of [Open] and [Reader.Next]; nil means that it is whole.
func Verify(path string) (Report, error) { return Keys{}.Verify(path, nil) }

// Verify is the function of that name, and reads encrypted tapes as well. each is
// called for every record between header and footer, in order, before it is known
// whether what comes after it is whole; its error ends Verify. nil is not called.
func (k Keys) Verify(path string, each func(*gate.Record) error) (Report, error) {
	rep := Report{Path: path}
	r, err := k.Open(path)
	if err != nil {
		return rep, err
	}
	defer r.Close()
	rep.Header, rep.Recipients = r.Header(), r.keys.Recipients
	sum, err := newDigest(&rep.Header)
	if err != nil {
		return rep, err
	}
	c := r.newCursor()
	rep.Footer, err = r.walk(c, sum, each)
	rep.Stimuli, rep.Messages, rep.Outcomes, rep.Gaps = c.counts.stimuli, c.counts.messages, c.counts.outcomes, c.counts.gaps
	rep.Frames, rep.Raw, rep.Stored = c.frames, c.undone, c.after
	if err == nil {
		rep.Digest = sum.String()
	}
	return rep, err
}

// Digest is "sha256:" and 64 hexadecimal digits, over all records of a whole tape in
// their order. How they were cut into frames and compressed does not enter into it.
// Nor do three fields of the header, which differ between two writings of the same
// evidence and which nothing that is replayed, decoded or judged depends on:
// Version, At and Notes. So a corpus that is imported again from the same source
// has the same digest, and the digest pins every stimulus, recorded message,
// outcome, gap and setting, byte for byte, and the footer.
//
// It hashes records as the package comment lays them out, the header encoded anew
// without those fields. A tape that is torn or damaged has no digest: the error is
// that of [Reader.Next].
func (r *Reader) Digest() (string, error) {
	sum, err := newDigest(&r.header)
	if err != nil {
		return "", err
	}
	if _, err := r.walk(r.newCursor(), sum, nil); err != nil {
		return "", err
	}
	return sum.String(), nil
}

// Digest is [Reader.Digest] of the tape at path.
func Digest(path string) (string, error) { return Keys{}.Digest(path) }

// Digest is the function of that name, and reads encrypted tapes as well.
func (k Keys) Digest(path string) (string, error) {
	r, err := k.Open(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return r.Digest()
}

// walk decodes and digests every record after the header that c stands at.
func (r *Reader) walk(c *cursor, sum digest, each func(*gate.Record) error) (*gate.Footer, error) {
	for {
		raw, pos, err := c.next()
		if err != nil {
			return nil, err
		}
		if raw.kind == kindHeader {
			continue
		}
		rec, err := raw.decode()
		if err != nil {
			return nil, r.damaged(pos, err)
		}
		sum.Write(raw.bytes)
		if rec.Footer == nil {
			if each != nil {
				if err := each(&rec); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := c.end(rec.Footer, pos); err != nil {
			return nil, err
		}
		if c.claims != nil && c.claims.Digest != sum.String() {
			return nil, r.damaged(pos, fmt.Errorf("its trailer says that its digest is %s, and it is %s", c.claims.Digest, sum))
		}
		return rec.Footer, nil
	}
}

type digest struct{ hash.Hash }

func newDigest(h *gate.Header) (digest, error) {
	pinned := *h
	pinned.Version, pinned.At, pinned.Notes = "", 0, nil
	e, err := takeApart(&gate.Record{Kind: gate.KindHeader, Header: &pinned})
	if err != nil {
		return digest{}, fmt.Errorf("digest of a tape: %w", err)
	}
	d := digest{sha256.New()}
	d.Write(e.appendTo(nil))
	return d, nil
}

func (d digest) String() string { return "sha256:" + hex.EncodeToString(d.Sum(nil)) }
