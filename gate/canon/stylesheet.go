package canon

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/waybill-dev/waybill/gate"
)

// How many style sheets and attributes are remembered, and how long each may be: mails
// of one kind have the same ones.
const (
	maxSheets    = 64
	maxSheetText = 64 << 10
	maxInline    = 4096
	maxInlineLen = 512
)

// sheet returns what a style sheet says.
func (h *htmlReader) sheet(text []byte) *sheet {
	if s, ok := h.sheets[string(text)]; ok {
		return s
	}
	s := readSheet(string(text))
	if len(text) <= maxSheetText {
		if h.sheets == nil || len(h.sheets) >= maxSheets {
			h.sheets = make(map[string]*sheet)
		}
		h.sheets[string(text)] = s
	}
	return s
}

// declarations returns what an attribute "style" says.
func (h *htmlReader) declarations(text string) *sheet {
	if s, ok := h.inline[text]; ok {
		return s
	}
	text = strings.Clone(text)
	s := readDeclarations(text)
	if len(text) <= maxInlineLen {
		if h.inline == nil || len(h.inline) >= maxInline {
			h.inline = make(map[string]*sheet)
		}
		h.inline[text] = s
	}
	return s
}

// styleSheet adds what a style sheet loads and says, and hides the rest of it, once in
// a document.
func (h *htmlReader) styleSheet(s *sheet) {
	for _, url := range s.loads {
		h.load(url)
	}
	for _, text := range s.comments {
		h.part("hidden/comment", gate.Text, text)
	}
	for _, text := range s.texts {
		h.part("hidden/css", gate.Text, text)
	}
	if s.seen != h.document || h.document == 0 {
		s.seen = h.document
		h.styles = append(append(h.styles, s.plain...), '\n')
	}
}

// survey reads all style sheets of the document: one may stand behind what it is for.
func (h *htmlReader) survey() {
	h.rules = cascade{tries: maxTries}
	last := lastStyleSheet(h.doc)
	if last < 0 {
		return
	}
	m := &h.inner
	m.doc = h.doc
	for m.at <= last {
		kind := m.next()
		if kind != startToken || atom.Lookup(m.name()) != atom.Style {
			continue
		}
		applies, conditional := true, false
		for i := range m.attrs {
			switch value := string(m.attributeValue(m.attrs[i].value)); string(m.lower(m.attrs[i].key)) {
			case "media":
				conditional = !isEveryMedium(value)
			case "type":
				applies = value == "" || strings.EqualFold(strings.TrimSpace(value), "text/css")
			}
		}
		if m.raw == "" || m.next() != textToken {
			continue
		}
		if applies {
			h.rules.add(h.sheet(m.value(textToken)), conditional)
		}
	}
	h.inner = m.reset()
}

// lastStyleSheet is where the last tag "style" of a document may begin, -1 where none does.
func lastStyleSheet(doc []byte) int {
	const name = "style"
	last := -1
	for at := 0; ; at++ {
		i := bytes.IndexByte(doc[at:], '<')
		if i < 0 {
			return last
		}
		at += i
		if tag := doc[at+1:]; len(tag) > len(name) && tag[0]|0x20 == name[0] && strings.EqualFold(string(tag[:len(name)]), name) {
			last = at
		}
	}
}
