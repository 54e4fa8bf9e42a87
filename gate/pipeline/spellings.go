package pipeline

import (
	"encoding/base32"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// How a fact stands in a value, by how much chance may have made it.
const (
	asWritten = iota // as it is
	respelled        // in another spelling
	windowed         // as some of the figures of a longer run
)

// Bounds of what a value is asked for in other spellings.
const (
	mostRespelled = 1 << 10 // bytes of the value
	mostWindowed  = 40      // figures of a run
	mostLabels    = 6       // words of an address that is written as one
	leastWindow   = 8
	mostWindow    = 13
	leastName     = 3 // letters of each word of a name
	mostHexadec   = 14
)

// A speller finds the facts that a value holds in spellings that no text has: figures with
// marks between them or letters about them, addresses whose marks are others, numbers in
// other bases, digests that were cut short, and all of these under the layers that software
// puts around a value.
type speller struct {
	part  string
	found func(how int, f *exposure.Found)
}

// respellings calls found for the facts of value in other spellings. A fact may be given again.
func respellings(part, value string, found func(how int, f *exposure.Found)) {
	if len(value) > mostRespelled {
		return
	}
	s := &speller{part, found}
	s.value(value)
	for _, text := range unwrapped(value) {
		s.value(text)
		exposure.InText(part, text, s.as(respelled))
	}
}

// unwrapped are the texts under one layer of value, those of short base32 among them.
func unwrapped(value string) (texts []string) {
	for l := range decode.Layers(value) {
		for _, p := range l.Pieces {
			if !p.Opaque && len(p.Data) <= mostRespelled && printable(p.Data) {
				texts = append(texts, string(p.Data))
			}
		}
	}
	if bare := strings.TrimRight(strings.ToUpper(value), "="); len(bare) >= leastWindow && len(bare) < 64 {
		if b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(bare); err == nil && printable(b) {
			texts = append(texts, string(b))
		}
	}
	return texts
}

func printable(b []byte) bool {
	return utf8.Valid(b) && strings.IndexFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' }) < 0
}

func (s *speller) as(how int) func(*exposure.Found) {
	return func(f *exposure.Found) { s.found(how, f) }
}

func (s *speller) value(value string) {
	s.joined(value)
	s.runs(value)
	s.inHexadecimal(value)
	s.addresses(value)
	if !uuids.MatchString(value) {
		for word := range strings.FieldsFuncSeq(value, notAlnum) {
			exposure.InDigest(s.part, word, s.as(respelled))
		}
	}
}

// joined finds numbers whose figures have marks between them ("9051-4426"), and values
// that are letters and figures in groups ("GB29-NWBK-6016").
func (s *speller) joined(value string) {
	for i := 0; i < len(value); {
		if !isFigure(value[i]) || i > 0 && isAlnumByte(value[i-1]) {
			i++
			continue
		}
		end, marks := i+1, 0 // behind the last figure
		for end < len(value) {
			if isFigure(value[end]) {
				end++
			} else if end+1 < len(value) && strings.IndexByte("-./ _", value[end]) >= 0 && isFigure(value[end+1]) {
				end += 2
				marks++
			} else {
				break
			}
		}
		text := value[i:end]
		if marks > 0 && (end == len(value) || !isAlnumByte(value[end])) && !exposure.IsDate(text) && !readsAsTime(text) {
			s.number(respelled, strings.Map(figureOnly, text))
		}
		i = end
	}
	whole := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-./ _", r) {
			return -1
		}
		return r
	}, value)
	if whole != value && !strings.ContainsFunc(whole, notAlnum) && strings.ContainsFunc(whole, unicode.IsLetter) && len(whole) < 64 {
		exposure.InText(s.part, whole, s.as(respelled))
	}
}

// runs finds numbers within longer words ("MRN90514426"), behind zeros, and within
// longer runs of figures.
func (s *speller) runs(value string) {
	for run := range strings.FieldsFuncSeq(value, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) < longRun || len(run) > mostWindowed {
			continue
		}
		s.number(respelled, run)
		if bare := strings.TrimLeft(run, "0"); bare != run && len(bare) >= longRun {
			s.number(respelled, bare)
		}
		if readsAsTime(run) {
			continue
		}
		for n := leastWindow; n <= min(len(run)-1, mostWindow); n++ {
			for i := 0; i+n <= len(run); i++ {
				s.number(windowed, run[i:i+n])
			}
		}
	}
}

func (s *speller) number(how int, figures string) {
	if len(figures) >= longRun && len(figures) <= mostWindowed {
		exposure.InNumber(s.part, figures, s.as(how))
	}
}

// inHexadecimal finds a number that a value is in hexadecimal.
func (s *speller) inHexadecimal(value string) {
	bare := strings.TrimPrefix(strings.ToLower(value), "0x")
	if len(bare) > mostHexadec || len(bare) < leastForeign {
		return
	}
	if n, err := strconv.ParseUint(bare, 16, 64); err == nil {
		s.number(respelled, strconv.FormatUint(n, 10))
	}
}

// addresses finds a mail address whose marks are others: "bob=example.org",
// "bob-example-org".
func (s *speller) addresses(value string) {
	for id := range strings.FieldsSeq(value) {
		labels := strings.FieldsFunc(id, func(r rune) bool { return strings.ContainsRune("-_.=+:/", r) })
		if len(labels) < 3 || len(labels) > mostLabels {
			continue
		}
		at := 0
		for i := range labels[:len(labels)-2] {
			at += strings.Index(id[at:], labels[i]) + len(labels[i])
			local := strings.TrimLeft(id[:at], "-_.=+:/")
			domain := strings.Join(labels[i+1:], ".")
			for _, text := range []string{local + "@" + domain, strings.Join(labels[:i+1], ".") + "@" + domain, local + "@" + strings.Trim(id[at:], "-_.=+:/")} {
				if _, ok := gate.ReadsAsRecipient(text); ok {
					exposure.InText(s.part, text, func(f *exposure.Found) {
						if f.Kind == gate.FactAddress {
							s.found(respelled, f)
						}
					})
				}
			}
		}
	}
}

// namesIn gives the words of value that stand beside each other, split at marks and where
// small letters turn to capitals ("bob-jones", "JonesBob"), in pairs.
func namesIn(part, value string) (pairs [][2]exposure.Found) {
	if len(value) > mostRespelled {
		return nil
	}
	last := ""
	for _, w := range nameWords(value) {
		if last != "" && w != "" {
			pairs = append(pairs, [2]exposure.Found{exposure.Word(part, last), exposure.Word(part, w)})
		}
		last = w
	}
	return pairs
}

// nameWords splits value into what may be words of a name; "" is what may not.
func nameWords(value string) (words []string) {
	for piece := range strings.FieldsFuncSeq(value, notAlnum) {
		start := 0
		var before rune
		add := func(end int) {
			w := piece[start:end]
			if utf8.RuneCountInString(w) < leastName || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }) {
				w = ""
			}
			words = append(words, w)
			start = end
		}
		for i, r := range piece {
			if unicode.IsUpper(r) && unicode.IsLower(before) || i > 0 && unicode.IsDigit(r) != unicode.IsDigit(before) {
				add(i)
			}
			before = r
		}
		add(len(piece))
	}
	return words
}

func figureOnly(r rune) rune {
	if '0' <= r && r <= '9' {
		return r
	}
	return -1
}

func notAlnum(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func isFigure(c byte) bool { return '0' <= c && c <= '9' }

func isAlnumByte(c byte) bool {
	return isFigure(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf
}
