package pseudonym

import (
	"bytes"
	"encoding/csv"
)

// columns makes identities of what the columns of CSV (RFC 4180) hold by the names in its
// first line. What cannot be read as such is read as any text is.
func (w *item) columns(t []byte) {
	first := t[:lineEnd(t, 0)]
	r := csv.NewReader(bytes.NewReader(t))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	for _, d := range []rune{';', '\t', '|'} {
		if bytes.Count(first, []byte(string(d))) > bytes.Count(first, []byte(string(r.Comma))) {
			r.Comma = d
		}
	}
	names, err := r.Read()
	if err != nil || len(names) < 2 {
		return
	}
	held := make([]meaning, len(names))
	any, pieces := false, 0
	for i, name := range names {
		if held[i] = w.c.meanings.of(name); held[i] == namePiece {
			pieces++
		}
		any = any || held[i] != noMeaning
	}
	for any {
		row, err := r.Read()
		if err != nil {
			return
		}
		var full []byte
		address := ""
		for i, cell := range row {
			if i >= len(held) {
				break
			}
			switch m := held[i]; {
			case m == mailbox:
				address = addressIn([]byte(cell))
			case (m == personName || m == namePiece && pieces > 1) && isName([]byte(cell)):
				full = append(append(full, cell...), ' ')
			default:
				w.learn(m, []byte(cell))
			}
		}
		w.nameOf(full, address)
	}
}
