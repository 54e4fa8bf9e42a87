package pseudonym

import (
	"bytes"
)

// prose replaces the people in text that may hold, besides words, files in the
// manner of old mail: armour (RFC 9580, section 6.2; RFC 7468) and uuencode.
func (w *item) prose(t []byte, m manner) []byte { return apply(t, w.proseSpans(t, m)) }

func (w *item) proseSpans(t []byte, m manner) []span {
	if m.html {
		w.markup(t)
	}
	var spans []span
	at := 0
	plain := func(end int) {
		inner := w.scan(t[at:end], m, 0)
		if at == 0 {
			spans = inner
			return
		}
		for i := range inner {
			inner[i].start += at
			inner[i].end += at
		}
		spans = append(spans, inner...)
	}
	for {
		b, ok := nextBlock(t, at)
		if !ok {
			break
		}
		if b.encrypted {
			w.fail("it is encrypted")
			return nil
		}
		plain(b.start)
		spans = append(spans, span{start: b.start, end: b.end, text: w.c.block(t[b.start:b.end], b.uu)})
		at = b.end
	}
	plain(len(t))
	return spans
}

// A block is the lines of a file within text.
type block struct {
	start, end int
	uu         bool // uuencode; else base64
	encrypted  bool
}

// nextBlock finds the next block from an offset on.
func nextBlock(t []byte, from int) (block, bool) {
	armour, uu := -1, -1
	if i := bytes.Index(t[from:], []byte("-----BEGIN ")); i >= 0 {
		armour = from + i
	}
	for at := from; ; {
		i := bytes.Index(t[at:], []byte("begin "))
		if i < 0 {
			break
		}
		at += i
		if (at == 0 || t[at-1] == '\n') && len(t) > at+10 && isDigit(t[at+6]) && isDigit(t[at+7]) && isDigit(t[at+8]) && (t[at+9] == ' ' || isDigit(t[at+9])) {
			uu = at
			break
		}
		at++
	}
	if armour >= 0 && (uu < 0 || armour < uu) {
		end := lineEnd(t, armour)
		label := bytes.TrimRight(t[armour+len("-----BEGIN "):end], "-\r\n ")
		for range 16 { // "Version: ..." and the like are text, up to an empty line
			next := lineEnd(t, end)
			if line := t[end:next]; next == end || bytes.IndexByte(line, ':') < 0 && len(bytes.TrimSpace(line)) > 0 {
				break
			}
			end = next
		}
		b := block{start: end, encrypted: string(label) == "PGP MESSAGE"}
		if string(label) == "PGP SIGNED MESSAGE" { // text follows, and then a block
			b.end = b.start
			return b, true
		}
		stop := bytes.Index(t[end:], []byte("-----END "))
		if stop < 0 {
			stop = len(t) - end
		}
		b.end = end + stop
		return b, true
	}
	if uu < 0 {
		return block{}, false
	}
	b := block{start: lineEnd(t, uu), uu: true}
	b.end = b.start
	for b.end < len(t) {
		end := lineEnd(t, b.end)
		line := bytes.TrimRight(t[b.end:end], "\r\n")
		if bytes.Equal(line, []byte("end")) || !isUULine(line) {
			break
		}
		b.end = end
	}
	return b, true
}

// isUULine reports whether a line is one of uuencode: its first character says how
// many bytes the others stand for, four for three.
func isUULine(line []byte) bool {
	if len(line) == 0 || line[0] < ' ' || line[0] > '`' {
		return false
	}
	n := (int(line[0]-' ') & 63)
	need := (n + 2) / 3 * 4
	return len(line)-1 >= need-2 && len(line)-1 <= need+2
}

// block is bytes for the bytes of a block, line by line in the same form.
func (c *Cleaner) block(t []byte, uu bool) []byte {
	stream := c.blob(t)
	out := append([]byte(nil), t...)
	for at := 0; at < len(t); {
		end := lineEnd(t, at)
		line := bytes.TrimRight(t[at:end], "\r\n")
		for k := range line {
			switch {
			case uu && k > 0:
				out[at+k] = '!' + stream[at+k]&63%60
			case !uu && (isAlnum(line[k]) || line[k] == '+' || line[k] == '/'):
				out[at+k] = base64Alphabet[stream[at+k]&63]
			}
		}
		at = end
	}
	return out
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
