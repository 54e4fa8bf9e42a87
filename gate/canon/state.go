package canon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

// errMalformed says that bytes are not what their media type says they are.
var errMalformed = errors.New("malformed")

// state is one message on its way to canonical form.
type state struct {
	arena
	*scratch
	canon  *Canon
	out    gate.Canonical
	budget decode.Budget     // of what decoding may still produce
	over   string            // which limit was exceeded; "" is none. Set, nothing more is emitted
	masks  map[maskKey]int   // where they stand, once they are many
	cids   map[string]string // Content-IDs of the message at hand, to the names of their parts

	// Of the outermost mail, for its class.
	isMail bool
	from   string
	names  []string // display names of those it is addressed to
}

type maskKey struct{ rule, part string }

// emit adds a part, unless a limit is or was exceeded.
func (s *state) emit(name string, kind gate.PartKind, value string) {
	if s.over != "" || !s.spend(int64(len(name))) {
		return
	}
	if len(s.out.Parts) >= s.canon.limits.Parts {
		s.exceed("it has more than " + strconv.Itoa(s.canon.limits.Parts) + " parts")
		return
	}
	s.force(name, kind, value)
}

// force adds a part whatever the limits: for what stands in for a layer that
// exceeded one, and for what others have bounded.
func (s *state) force(name string, kind gate.PartKind, value string) {
	s.out.Parts = append(s.out.Parts, gate.Part{Name: name, Kind: kind, Value: value})
}

// spend takes n bytes from what decoding may produce and reports whether they were there.
func (s *state) spend(n int64) bool {
	if s.budget.Bytes -= n; s.budget.Bytes < 0 {
		s.budget.Bytes = 0
		s.exceed(fmt.Sprintf("decoding it gives more than %d bytes", s.canon.limits.Bytes))
		return false
	}
	return true
}

func (s *state) exceed(why string) {
	if s.over == "" {
		s.over = why
	}
}

// deep reports whether depth is within the limit.
func (s *state) deep(depth int) bool {
	if depth > s.canon.limits.Depth {
		s.exceed("it is nested more than " + strconv.Itoa(s.canon.limits.Depth) + " deep")
		return false
	}
	return true
}

// attempt runs decode, which emits the parts of raw. Where a limit was exceeded or
// raw is malformed, what was emitted is taken back: then raw is compared by digest,
// which is a gap, or verbatim.
func (s *state) attempt(name string, raw []byte, decode func() error) {
	mark, hidden := len(s.out.Parts), len(s.out.Hidden)
	err := decode()
	if err == nil && s.over == "" {
		return
	}
	s.takeBack(mark, hidden)
	if s.over == "" {
		s.verbatim(s.join(name, "malformed"), raw)
		return
	}
	s.gap(name, s.over)
	s.over = ""
	s.force(s.join(name, "digest"), gate.Binary, digest(raw))
}

// takeBack drops the parts and hidden values beyond the first ones.
func (s *state) takeBack(parts, hidden int) {
	clear(s.out.Parts[parts:])
	s.out.Parts = s.out.Parts[:parts]
	s.out.Hidden = s.out.Hidden[:hidden]
}

// verbatim adds bytes that could not be read as text that shows them.
func (s *state) verbatim(name string, raw []byte) {
	text, lossy := latin(raw)
	s.force(name, gate.Text, normal(gate.Text, string(text)))
	if lossy {
		s.force(s.join(name, "digest"), gate.Binary, digest(raw))
	}
}

// gap says that the layer called name was not undone.
func (s *state) gap(name, why string) {
	if name == "" {
		name = "message"
	}
	s.out.Gaps = append(s.out.Gaps, gate.Gap{Kind: gate.GapNotDecoded, Where: name, Detail: why})
}

// fewMasks is how many masks are looked through one by one: mails have about ten.
const fewMasks = 64

// mask records that rule hid something of part.
func (s *state) mask(rule, part string, count uint64) {
	if count > 0 {
		s.masked(rule, part).Count += count
	}
}

// masked returns the record of what rule hid of part, which is valid until the next.
func (s *state) masked(rule, part string) *gate.Masked {
	if s.masks == nil {
		for i := range s.out.Masks {
			if m := &s.out.Masks[i]; m.Rule == rule && m.Part == part {
				return m
			}
		}
		s.out.Masks = append(s.out.Masks, gate.Masked{Rule: rule, Part: part})
		if len(s.out.Masks) == fewMasks {
			s.masks = make(map[maskKey]int, 2*fewMasks)
			for i, m := range s.out.Masks {
				s.masks[maskKey{m.Rule, m.Part}] = i
			}
		}
		return &s.out.Masks[len(s.out.Masks)-1]
	}
	k := maskKey{rule, part}
	i, ok := s.masks[k]
	if !ok {
		i = len(s.out.Masks)
		s.masks[k] = i
		s.out.Masks = append(s.out.Masks, gate.Masked{Rule: rule, Part: part})
	}
	return &s.out.Masks[i]
}

// hide leaves out a value that has the exact shape which the mask of rule is for. part is
// the name of the part that it would be. It is kept beside the parts, so that it can be
// asked for facts: see [gate.Hidden].
func (s *state) hide(rule, part, value string) {
	m := s.masked(rule, part)
	m.Count++
	m.Bytes += uint64(len(value))
	s.keep(rule, part, value)
}

// keep adds a hidden value of a part that is counted already.
func (s *state) keep(rule, part, value string) {
	if value != "" {
		s.out.Hidden = append(s.out.Hidden, gate.Hidden{Rule: rule, Part: part, Value: value})
	}
}

// spelling counts how often a part is written otherwise than most write it, where every
// reader takes that for the same.
func (s *state) spelling(part string, count uint64) { s.mask("spelling", part, count) }

// hideRuns is hide of a value that was made of others, joined by underscores or equals
// signs. Its runs are kept apart, so that each is read as the word or number it is. shown is
// the value of the part that it would be.
func (s *state) hideRuns(rule, part, value, shown string) {
	if strings.IndexByte(value, '_') < 0 && strings.IndexByte(value, '=') < 0 && value == shown {
		s.hide(rule, part, value)
		return
	}
	n := len(s.out.Hidden)
	if runs := strings.FieldsFunc(value, func(r rune) bool { return r == '_' || r == '=' }); len(runs) > 1 {
		value = strings.Join(runs, " ")
	}
	s.hide(rule, part, value)
	if len(s.out.Hidden) > n {
		s.out.Hidden[n].Shown = shown
	}
}

// maxTraces is how many ids of one message are recorded: a cause has one or two.
const maxTraces = 64

// trace records an id that a build may have carried through from a stimulus.
func (s *state) trace(id string) {
	if len(id) <= gate.MaxAddress && len(s.out.Traces) < maxTraces && !slices.Contains(s.out.Traces, id) {
		s.out.Traces = append(s.out.Traces, id)
	}
}

// indexed is a name for the i-th of its kind: "text", "text[1]".
func indexed(name string, i int) string {
	if i == 0 {
		return name
	}
	return numbered(name, i)
}

// numbered is a name for the i-th of its kind: "attachment[0]".
func numbered(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// digest is the value of a part of kind Binary: "sha256:<hex> <size in bytes>".
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	var buf [7 + 2*sha256.Size + 21]byte
	out := append(buf[:0], "sha256:"...)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, ' ')
	return string(strconv.AppendInt(out, int64(len(b)), 10))
}

// maxName is how many bytes of a name that a message chose, a JSON member's or a
// form field's, go into a part's name.
const maxName = 256

// shortName is name, or where it is too long for a part's name, or holds control
// characters, its digest; ok says which.
func shortName(name string) (short string, ok bool) {
	ok = len(name) <= maxName
	for i := 0; i < len(name) && ok; i++ {
		ok = name[i] >= ' ' && name[i] != 0x7f
	}
	if ok {
		return name, true
	}
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:]), false
}
