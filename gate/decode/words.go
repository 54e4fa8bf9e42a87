package decode

import (
	"encoding/base64"
	"strings"
)

// maxWord is how many bytes an encoded word may have. RFC 2047, 2, has 75; senders
// that do not fold write whole subjects into one.
const maxWord = 8192

// EncodedWords undoes the encoded words (RFC 2047) in s, wherever they stand, and
// makes runs of white space one space. White space between two words is dropped, and
// the bytes of neighbours of one charset are decoded together, since senders split
// characters between words. Words that do not decode without loss stay as they are.
func EncodedWords(s string) string {
	next := strings.Index(s, "=?")
	if next < 0 {
		return s
	}
	var out strings.Builder
	var run []byte // what the words of s[start:end] carry
	var charset string
	start, end := 0, 0 // s[end:] is not written yet
	flush := func() {
		if start == end {
			return
		}
		if text, lossy, known := Charset(run, charset); lossy || !known {
			out.WriteString(s[start:end])
		} else {
			out.Write(text)
		}
		run, start = run[:0], end
	}
	for at := next; at < len(s); {
		label, data, n := encodedWord(s[at:])
		if n > 0 {
			between := s[end:at]
			joined := start < end && strings.TrimLeft(between, " ") == ""
			if !joined || !strings.EqualFold(label, charset) {
				flush()
				if !joined {
					out.WriteString(between)
				}
				start, charset = at, label
			}
			run = append(run, data...)
			end = at + n
			at = end
		} else {
			at += 2
		}
		i := strings.Index(s[at:], "=?")
		if i < 0 {
			break
		}
		at += i
	}
	flush()
	out.WriteString(s[end:])
	return Collapse(out.String())
}

// EncodedPhrases is [EncodedWords] for a field that holds ids of messages, and between
// them at most phrases (RFC 5322, 4.5.4). No encoded word may be in an id (RFC 2047,
// 5): mail programs do not find the message that one names, so they stay as they are.
func EncodedPhrases(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var out strings.Builder
	for s != "" {
		phrase, id := s, ""
		if open := strings.IndexByte(s, '<'); open >= 0 {
			phrase, id = s[:open], s[open:]
			if end := strings.IndexByte(id, '>'); end >= 0 {
				id = id[:end+1]
			}
		}
		s = s[len(phrase)+len(id):]
		if decoded := EncodedWords(phrase); strings.ContainsAny(decoded, "<>@") {
			out.WriteString(phrase)
		} else {
			out.WriteString(decoded)
		}
		out.WriteString(id)
	}
	return Collapse(out.String())
}

// encodedWord reads the encoded word that s begins with; n is its length, 0 where
// s does not begin with one.
func encodedWord(s string) (charset string, data []byte, n int) {
	window := s[:min(len(s), maxWord)]
	charset, rest, ok := strings.Cut(window[2:], "?")
	if !ok || charset == "" || len(charset) > 64 || strings.IndexByte(charset, ' ') >= 0 || len(rest) < 2 || rest[1] != '?' {
		return "", nil, 0
	}
	n = len("=?") + len(charset) + len("?x?")
	charset, _, _ = strings.Cut(charset, "*") // RFC 2231, 5: a language may follow
	text, _, ok := strings.Cut(rest[2:], "?=")
	if !ok {
		return "", nil, 0
	}
	n += len(text) + len("?=")
	switch rest[0] {
	case 'q', 'Q':
		data, ok = wordQ(text)
	case 'b', 'B':
		var err error
		data, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		ok = err == nil
	default:
		ok = false
	}
	if !ok {
		return "", nil, 0
	}
	return charset, data, n
}

// wordQ undoes the Q encoding (RFC 2047, 4.2).
func wordQ(text string) (data []byte, ok bool) {
	data = make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '_':
			data = append(data, ' ')
		case '=':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return nil, false
			}
			data = append(data, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
			i += 2
		default:
			data = append(data, c)
		}
	}
	return data, true
}

// Collapse makes each run of white space one space, and drops it at both ends.
func Collapse(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	space := false // was seen since the last of out
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isSpace(c) {
			space = true
			continue
		}
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteByte(c)
	}
	return out.String()
}
