package canon

import (
	"bytes"
	"strings"
)

// An entity is one node of a message's MIME tree (RFC 2045, 2.4). The tree covers
// the bytes that it was made of: see [tree].
type entity struct {
	head   []byte // its header, with the empty line that ends it
	fields []field
	odd    []byte // a first line in the manner of an mbox file
	kind   mediaType
	shown  mediaType // Content-Disposition

	encoding string
	id       string // Content-ID without its brackets

	body     []byte    // of a leaf, still encoded
	kids     []*entity // of a multipart
	preamble []byte
	lead     int // bytes before the first delimiter
	epilogue []byte
	unclosed bool // a multipart without its last delimiter
	unended  bool // a header that no empty line ends: readers differ in where the body begins
	broken   bool // a multipart without a boundary, or without a part: its body is a leaf

	name string // of its parts
}

// A tree parses one message, and sums up which of its bytes it has seen.
type tree struct {
	limits *Limits
	arena  *arena
	fields *[]field // of all entities so far
	names  *memo    // of fields
	count  int      // of entities
	seen   int      // bytes in fields, leaves, preambles, epilogues and framing
	over   string   // which limit was met; what lies beyond is a leaf
}

// parse makes the tree of raw: a header and a body. inDigest says that it is a part
// of a multipart/digest.
func (t *tree) parse(raw []byte, depth int, inDigest bool) *entity {
	e := &entity{}
	var body []byte
	from := len(*t.fields)
	*t.fields, e.odd, body = splitHeader(t.names, *t.fields, raw)
	e.fields = (*t.fields)[from:]
	e.head = raw[:len(raw)-len(body)]
	e.unended = len(body) > 0 && !bytes.HasSuffix(e.head, []byte("\n\n")) && !bytes.HasSuffix(e.head, []byte("\n\r\n")) && !isBlank(e.head)
	t.seen += len(e.head)
	var haveType bool
	for i := range e.fields {
		f := &e.fields[i]
		switch f.name {
		case "content-type":
			if !haveType {
				e.kind, haveType = mediaTypeOf(f.unfold(t.arena)), true
			}
		case "content-disposition":
			if e.shown.word == "" {
				e.shown = mediaTypeOf(f.unfold(t.arena))
			}
		case "content-transfer-encoding":
			if e.encoding == "" {
				e.encoding, _ = cutComments(f.unfold(t.arena))
				e.encoding = strings.Trim(e.encoding, " ;")
			}
		case "content-id":
			if e.id == "" {
				e.id = strings.Trim(f.unfold(t.arena), "<> ")
			}
		}
	}
	if strings.IndexByte(e.kind.word, '/') <= 0 {
		// RFC 2045, 5.2, and RFC 2046, 5.1.5.
		e.kind.rest += e.kind.word
		e.kind.word = "text/plain"
		if inDigest && !haveType {
			e.kind.word = "message/rfc822"
		}
	}
	t.grow(e, body, depth)
	return e
}

// grow gives e its body, or its kids where it is a multipart.
func (t *tree) grow(e *entity, body []byte, depth int) {
	t.count++
	if strings.HasPrefix(e.kind.word, "multipart/") {
		boundary := e.kind.get("boundary")
		switch {
		case depth > t.limits.Depth:
			t.over, e.broken = "it is nested too deep", true
		case t.count > t.limits.Parts:
			t.over, e.broken = "it has too many parts", true
		case boundary == "":
			e.broken = true
		default:
			e.broken = !t.split(e, body, []byte("--"+boundary), depth)
		}
		if !e.broken {
			return
		}
	}
	e.body = body
	t.seen += len(body)
}

// split cuts body at the delimiter lines (RFC 2046, 5.1.1) into e's kids. It
// reports false, with nothing seen, where body has none. The line end before a
// delimiter is the delimiter's.
func (t *tree) split(e *entity, body, dash []byte, depth int) bool {
	start, end, last := nextDelimiter(body, 0, dash)
	if start < 0 || last {
		return false
	}
	e.preamble, e.lead = trimLineEnd(body[:start]), start
	t.seen += end // preamble and delimiter
	inDigest := e.kind.word == "multipart/digest"
	for !last {
		from := end
		start, end, last = nextDelimiter(body, from, dash)
		if start < 0 {
			e.unclosed = true
			e.kids = append(e.kids, t.parse(body[from:], depth+1, inDigest))
			return true
		}
		if t.count >= t.limits.Parts {
			t.over = "it has too many parts"
			e.unclosed = true
			rest := &entity{kind: mediaType{word: "application/octet-stream"}, body: body[from:]}
			e.kids = append(e.kids, rest)
			t.seen += len(rest.body)
			return true
		}
		kid := trimLineEnd(body[from:start])
		e.kids = append(e.kids, t.parse(kid, depth+1, inDigest))
		t.seen += end - from - len(kid)
	}
	e.epilogue = body[end:]
	t.seen += len(e.epilogue)
	return true
}

// nextDelimiter finds the next delimiter line in body from an offset on. last says
// that it closes the multipart; start is -1 where there is none.
func nextDelimiter(body []byte, from int, dash []byte) (start, end int, last bool) {
	for at := from; ; {
		i := bytes.Index(body[at:], dash)
		if i < 0 {
			return -1, -1, false
		}
		start = at + i
		at = start + len(dash)
		if start > 0 && body[start-1] != '\n' {
			continue
		}
		line, _ := cutLine(body[at:])
		end = at + len(line)
		pad := bytes.TrimRight(line, " \t\r\n")
		if len(pad) == 0 {
			return start, end, false
		}
		if string(pad) == "--" {
			return start, end, true
		}
	}
}

func trimLineEnd(b []byte) []byte {
	b, ok := bytes.CutSuffix(b, []byte("\n"))
	if ok {
		b, _ = bytes.CutSuffix(b, []byte("\r"))
	}
	return b
}
