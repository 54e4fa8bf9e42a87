package pseudonym

import (
	"bytes"
	"errors"
	"strings"
)

var errNoJSON = errors.New("it is no JSON")

// A Row is one row of a table of people's data: as many cells as columns.
type Row struct {
	Table   string   // its name, "" where it has none
	Columns []string // their names
	Cells   []string
	Null    []bool // cells that hold nothing, and stay; nil: none does
}

// Row replaces the people in a row of a table, in place, as they are replaced in traffic
// under the same key: what a column holds is told by its name. Hashes of passwords stay, and
// are counted. After an error, which names nobody, the row may not be kept.
func (c *Cleaner) Row(r Row) (hashes int, err error) {
	out := make([]string, len(r.Cells))
	err = c.clean("", func(w *item) {
		hashes = w.row(&r, out)
	}, func() func() { return func() {} }, func(w *item) bool {
		l := &looker{w: w, budget: maxUnfolded, numbers: true}
		for i := range out {
			if !r.isNull(i) && l.text([]byte(out[i]), 0) {
				return true
			}
		}
		return false
	})
	if err == nil {
		copy(r.Cells, out)
	}
	return hashes, err
}

func (r *Row) isNull(i int) bool { return r.Null != nil && r.Null[i] }

// row writes the cells of r with their people replaced to out.
func (w *item) row(r *Row, out []string) (hashes int) {
	personal := isPersons(r.Table)
	address := ""
	for i, name := range r.Columns {
		m := w.c.meanings.of(name)
		personal = personal || m.personal()
		if m == mailbox && address == "" && i < len(r.Cells) {
			address = r.Cells[i]
		}
	}
	if strings.IndexByte(address, '@') < 0 {
		address = ""
	}
	var full []byte
	for i := range r.Cells { // names first, for they stand in other cells too
		cell := []byte(r.Cells[i])
		switch m := w.c.meanings.of(column(r, i)); {
		case r.isNull(i):
		case w.c.names.has("form", column(r, i)) || w.c.names.has("json", "$."+column(r, i)):
			w.declaredName(cell)
			w.nameOf(cell, address)
		case m == personName && isName(cell):
			full = append(append(full, cell...), ' ')
		case m == plainName && personal && isName(cell):
			w.nameOf(cell, address)
		case m == plainName && looksFull(cell):
			w.likely(cell, "")
		}
	}
	w.nameOf(full, address)
	for i := range r.Cells {
		if out[i] = r.Cells[i]; r.isNull(i) || out[i] == "" {
			continue
		}
		name, cell := column(r, i), []byte(r.Cells[i])
		m := w.c.meanings.of(name)
		if m == personName || m == plainName && personal || w.c.names.has("form", name) || w.c.names.has("json", "$."+name) {
			if text, whole := w.inPlace(cell, w.c.names.has("form", name) || w.c.names.has("json", "$."+name)); whole {
				out[i] = string(text)
				continue
			}
		}
		if w.c.fields.has("form", name) || w.c.fields.has("json", "$."+name) {
			out[i] = string(w.whole(cell, false))
			continue
		}
		if m == secret {
			if isHash(cell) {
				hashes++
			} else {
				out[i] = w.c.secret(out[i])
			}
			continue
		}
		if text, whole := w.meant(m, cell); whole {
			out[i] = string(text)
			continue
		}
		if looksLikeJSON(cell) {
			if text, ok := w.json(cell); ok {
				out[i] = string(text)
				continue
			}
		}
		out[i] = string(w.text(cell, manner{number: m == telephone, digest: isDigestField(name), html: bytes.IndexByte(cell, '<') >= 0}))
	}
	return hashes
}

func column(r *Row, i int) string {
	if i < len(r.Columns) {
		return r.Columns[i]
	}
	return ""
}

// isHash reports whether what stands in a column of passwords is a hash: of crypt(3) or of
// its successors, which begin with "$", "{" or a name, or hexadecimal digits.
func isHash(s []byte) bool {
	if len(s) < 13 {
		return false
	}
	return s[0] == '$' || s[0] == '{' || s[0] == '*' && len(s) == 41 || len(s) >= 32 && isHexWord(s) ||
		bytes.HasPrefix(s, []byte("pbkdf2")) || bytes.HasPrefix(s, []byte("scrypt:")) || bytes.HasPrefix(s, []byte("bcrypt")) || bytes.HasPrefix(s, []byte("argon2"))
}

// JSON replaces the people in a JSON text. The error says that it is none, or why it cannot
// be cleared.
func (c *Cleaner) JSON(t []byte) (out []byte, err error) {
	ok := true
	err = c.clean("", func(w *item) { out, ok = w.json(t) }, func() func() { return func() {} }, func(w *item) bool {
		return (&looker{w: w, budget: maxUnfolded, numbers: true}).text(out, 0)
	})
	if err == nil && !ok {
		err = errNoJSON
	}
	return out, err
}

// Text replaces the people in a text.
func (c *Cleaner) Text(t []byte) (out []byte, err error) {
	err = c.clean("", func(w *item) { out = w.content("", nil, t, inMail, 0) }, func() func() { return func() {} }, func(w *item) bool {
		return (&looker{w: w, budget: maxUnfolded, numbers: true}).text(out, 0)
	})
	return out, err
}
