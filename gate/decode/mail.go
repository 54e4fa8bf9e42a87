package decode

import (
	"bytes"
	"strings"

	"github.com/waybill-dev/waybill/gate/fields"
)

// maxHead is how many bytes of a header section [IsMail] reads.
const maxHead = 1 << 16

// IsMail reports whether b begins as a mail does (RFC 5322, 2.1): with header fields, two or
// more of which are known, one of these a field of mailboxes, and the empty line behind them.
func IsMail[T string | []byte](b T) bool {
	if !mayBeMail(b) {
		return false
	}
	head := []byte(b[:min(len(b), maxHead)])
	known, mailboxes := 0, false
	for first := true; ; first = false {
		line, rest, ok := bytes.Cut(head, []byte("\n"))
		if !ok {
			return false
		}
		head = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return known >= 2 && mailboxes
		}
		if !first && (line[0] == ' ' || line[0] == '\t') {
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			if first && bytes.HasPrefix(line, []byte("From ")) { // of an mbox file
				continue
			}
			return false
		}
		name := bytes.TrimRight(line[:colon], " \t")
		for _, c := range name {
			if c <= ' ' || c >= 0x7f {
				return false
			}
		}
		if f := fields.Of(strings.ToLower(string(name))); f.Known() {
			known++
			mailboxes = mailboxes || f.Kind == fields.Addresses
		}
	}
}

// mayBeMail reports whether the first line of b is that of a header: quickly.
func mayBeMail[T string | []byte](b T) bool {
	for i := 0; i < len(b) && i < 80; i++ {
		switch c := b[i]; {
		case c == ':':
			return i > 0
		case !isAlnum(c) && c != '-' && c != ' ':
			return false
		}
	}
	return false
}
