package pipeline

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate/diff"
)

// A date, a time of day or a number that is written in another form says what it said.

// reformatted reports whether what differs, with the whole words around it, is one date, one
// time or one number, in two forms.
func reformatted(h *diff.Hunk) bool {
	if h.NewPart || h.GonePart {
		return false
	}
	if sameLine(h) || sameMoment(h) || sameTelephone(h) {
		return true
	}
	if h.Before == "" || h.After == "" {
		return false
	}
	before, after := widened(h.Around[0], h.Before), widened(h.Around[1], h.After)
	return before != after && sameNumber(before, after)
}

// widened is what differs with what stands beside it up to spaces, without the punctuation of
// the sentence.
func widened(p diff.Passage, text string) string {
	if p.To > len(p.Text) || p.From > p.To {
		return text
	}
	from, to := p.From, p.To
	for from > 0 && !unicode.IsSpace(rune(p.Text[from-1])) {
		from--
	}
	for to < len(p.Text) && !unicode.IsSpace(rune(p.Text[to])) {
		to++
	}
	return strings.Trim(p.Text[from:to], " \t\r\n.,;:!?()[]\"'")
}

// A number with its thousands kept apart, and one without.
var (
	thousands = regexp.MustCompile(`^([^\d]*)(\d{1,3}(?:[,' \x{00a0}\x{202f}]\d{3})+)(\.\d+)?([^\d]*)$`)
	unbroken  = regexp.MustCompile(`^([^\d]*)(\d{4,})(\.\d+)?([^\d]*)$`)
)

// sameNumber reports whether one of two texts is the other with its thousands kept apart.
func sameNumber(x, y string) bool {
	g, p := thousands.FindStringSubmatch(x), unbroken.FindStringSubmatch(y)
	if g == nil || p == nil {
		g, p = thousands.FindStringSubmatch(y), unbroken.FindStringSubmatch(x)
	}
	if g == nil || p == nil {
		return false
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, g[2])
	return g[1] == p[1] && digits == p[2] && g[3] == p[3] && g[4] == p[4]
}
