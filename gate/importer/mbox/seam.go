package mbox

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

// A seam looks for the places in one mail where the separator of another one may be
// missing: a From_ line that no blank line stands before, and the header section of a
// delivered mail in the body. The bodies of mails that hold others by their type have no
// such places.
type seam struct {
	body    bool
	nested  bool // Content-Type is multipart or message
	from    bool // the line before was a From_ line
	block   bool // within what may be a header section
	fields  map[string]bool
	suspect int
	headers int // From_ lines in the header section, where none can stand
}

// line takes one line, after blank lines or not.
func (s *seam) line(line []byte, afterBlank bool) {
	line = bytes.TrimRight(line, "\r\n")
	name, value, isField := bytes.Cut(line, []byte(":"))
	key := ""
	if isField && len(name) < 64 && !bytes.ContainsAny(name, " \t") {
		key = strings.ToLower(string(name))
	}
	if !s.body && !afterBlank {
		if _, ok := fromLine(line); ok {
			s.headers++
		}
		text := strings.ToLower(string(bytes.TrimSpace(value)))
		s.nested = s.nested || key == "content-type" && (strings.HasPrefix(text, "multipart/") || strings.HasPrefix(text, "message/"))
		return
	}
	s.body = true
	if s.from && key != "" {
		s.suspect++
	}
	if _, s.from = fromLine(line); !s.from && afterBlank {
		words := bytes.Fields(line) // without a date it is one where fields follow
		s.from = len(words) == 2 && bytes.HasPrefix(line, []byte("From ")) && bytes.IndexByte(words[1], '@') > 0
	}
	switch {
	case afterBlank:
		s.blank()
		if key == "return-path" || key == "delivered-to" || key == "x-original-to" {
			s.block, s.fields = true, map[string]bool{key: true}
		}
	case s.block && key != "":
		s.fields[key] = true
	case s.block && (len(line) == 0 || line[0] != ' ' && line[0] != '\t'):
		s.block = false
	}
}

// blank ends what may be a header section.
func (s *seam) blank() {
	if s.block && s.fields["received"] && s.fields["from"] {
		s.suspect++
	}
	s.block = false
}

// gaps are those of a mail that was handed out as items.
func (s *seam) gaps(items []importer.Item) []importer.Item {
	s.blank()
	if s.nested {
		s.suspect = 0
	}
	if s.suspect += s.headers; s.suspect == 0 {
		return nil
	}
	first := items[0]
	g := &gate.Gap{Kind: gate.GapNotRecorded, Where: "import", Detail: fmt.Sprintf("a mail may hold %d more: what parts mails may be missing", s.suspect)}
	switch {
	case first.Record.Message != nil:
		g.Seq, g.Where = first.Record.Message.Seq, fmt.Sprintf("message %d", first.Record.Message.Seq)
	case first.Record.Stimulus != nil:
		g.Stimulus, g.Where = first.Record.Stimulus.ID, "stimulus"
	}
	return []importer.Item{{Record: gate.Record{Kind: gate.KindGap, Gap: g}, Path: first.Path, Offset: first.Offset}}
}
