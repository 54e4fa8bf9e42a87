package tape

import "fmt"

// An Outline is what shows of an encrypted tape without a key. Checksums were
// compared; what Claims says is only the tape's own word.
type Outline struct {
	Path       string   `json:"path"`
	Recipients []string `json:"recipients"`       // fingerprints of those that can read it
	Records    uint64   `json:"records"`          // header and footer included
	Claims     *Claims  `json:"claims,omitempty"` // nil where the tape is not whole

	Frames int   `json:"frames"`
	Stored int64 `json:"stored"` // bytes of the file up to the end of its last good frame
}

// Inspect reads the whole of the encrypted tape at path, for which it needs no key.
// Its errors are those of [Open] and [Reader.Next]: where a tape is torn or damaged
// the outline tells of what stands before. A tape that is not encrypted is an error.
func Inspect(path string) (Outline, error) {
	o := Outline{Path: path}
	r, err := openFile(path)
	if err != nil {
		return o, err
	}
	defer r.file.Close()
	if err := r.start(); err != nil {
		return o, err
	}
	if !r.Encrypted() {
		return o, fmt.Errorf("outline of tape %s: it is not encrypted", path)
	}
	o.Recipients = r.keys.Recipients
	c := r.newCursor()
	for {
		o.Stored = c.after
		f, err := c.fetch()
		if err != nil {
			return o, err
		}
		if !f.isBlock() {
			o.Records += uint64(f.count)
			o.Frames++
			continue
		}
		claims, err := parseTrailer(nil, c.stored)
		if err == nil && o.Records != claims.records() {
			err = fmt.Errorf("its trailer counts %v, and before it stand %d records", claims.counts(), o.Records)
		}
		if err != nil {
			return o, r.damaged(c.pos, err)
		}
		if err := c.atEnd(); err != nil {
			return o, err
		}
		o.Claims, o.Stored = claims, c.after
		return o, nil
	}
}
