package smtp

import (
	"bytes"
	"strconv"
)

// A dataReader undoes dot stuffing (RFC 5321, 4.5.2) of a message that passes in
// pieces. It reads as reader.data does, which see.
type dataReader struct {
	at      dataState
	afterCR bool // the piece before ended with CR
	letter  letter
}

// A dataState is what stands before the next byte of a message.
type dataState uint8

const (
	lineBegins dataState = iota // CRLF, or nothing
	inLine
	dotSeen   // a dot that begins a line
	dotCRSeen // that, and CR
)

// A letter is a message as far as it has passed.
type letter struct {
	bytes []byte
	max   int64
	cut   int64
	all   int64 // bytes that have passed, kept or not

	bareLF, crs, crlf, loose int64
}

func (l *letter) keep(p []byte) {
	l.all += int64(len(p))
	l.crs += int64(bytes.Count(p, []byte{'\r'}))
	if room := l.max - int64(len(l.bytes)); int64(len(p)) > room {
		l.cut += int64(len(p)) - room
		p = p[:room]
	}
	l.bytes = append(l.bytes, p...)
}

// events are what a sink would note of the message: see the package comment.
func (l *letter) events() []string {
	ambiguous := int64(0)
	if l.bareLF > 0 || l.crs > l.crlf {
		ambiguous = int64(ambiguousEnds(l.bytes))
	}
	var events []string
	for _, e := range []struct {
		name string
		n    int64
	}{{"bare-lf", l.bareLF}, {"bare-cr", l.crs - l.crlf}, {"dot-unstuffed-loosely", l.loose}, {"ambiguous-end", ambiguous}} {
		if e.n > 0 {
			events = append(events, e.name+" "+strconv.FormatInt(e.n, 10))
		}
	}
	return events
}

// feed takes bytes of p. done says that the message has ended after the n-th.
func (d *dataReader) feed(p []byte) (n int, done bool) {
	for n < len(p) {
		switch d.at {
		case lineBegins:
			if d.at = inLine; p[n] == '.' {
				d.at = dotSeen
				n++
			}
		case dotSeen:
			switch d.at = inLine; p[n] {
			case '\r':
				d.at = dotCRSeen
				n++
			case '.':
			default:
				d.letter.loose++
			}
		case dotCRSeen:
			if p[n] == '\n' {
				return n + 1, true
			}
			d.letter.loose++
			d.letter.keep([]byte{'\r'})
			d.at, d.afterCR = inLine, true
		case inLine:
			n += d.lines(p[n:])
		}
	}
	return n, false
}

// lines takes text up to the next line that begins with a dot.
func (d *dataReader) lines(p []byte) (n int) {
	for n < len(p) {
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			n = len(p)
			d.afterCR = p[n-1] == '\r'
			break
		}
		n += i + 1
		crlf := n > 1 && p[n-2] == '\r' || n == 1 && d.afterCR
		d.afterCR = false
		if !crlf {
			d.letter.bareLF++
			continue
		}
		d.letter.crlf++
		if n == len(p) || p[n] == '.' {
			d.at = lineBegins
			break
		}
	}
	d.letter.keep(p[:n])
	return n
}

// chunk takes content of BDAT (RFC 3030), which is not stuffed.
func (d *dataReader) chunk(p []byte) {
	pairs := int64(bytes.Count(p, []byte("\r\n")))
	if d.afterCR && p[0] == '\n' {
		pairs++
	}
	d.afterCR = p[len(p)-1] == '\r'
	d.letter.crlf += pairs
	d.letter.bareLF += int64(bytes.Count(p, []byte{'\n'})) - pairs
	d.letter.keep(p)
}

// A lineReader collects lines from the pieces in which they pass.
type lineReader struct{ part []byte }

// feed takes bytes of p up to the next line end. line has no end, and is valid until
// the next call.
func (r *lineReader) feed(p []byte) (n int, line []byte, done bool) {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		r.part = append(r.part, p...)
		return len(p), nil, false
	}
	line = p[:i]
	if len(r.part) > 0 {
		r.part = append(r.part, line...)
		line, r.part = r.part, r.part[:0]
	}
	return i + 1, bytes.TrimSuffix(line, []byte{'\r'}), true
}

// tooLong reports whether what has come of a line is more than any may have.
func (r *lineReader) tooLong() bool { return len(r.part) > maxLine }

// replyCode reads one line of a reply (RFC 5321, 4.2).
func replyCode(line []byte) (code int, more, ok bool) {
	if len(line) < 3 {
		return 0, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, false
	}
	return code, len(line) > 3 && line[3] == '-', true
}
