package canon

import "github.com/waybill-dev/waybill/gate"

// A scratch is memory that one message needs and the next one may use.
type scratch struct {
	headers []field // of all entities of a tree
	list    addressList
	page    htmlReader
	parts   []gate.Part // of the form, until it is whole
	hidden  []gate.Hidden
	counts  []gate.Masked
	order   []partOrder // of parts that are sorted
	sorted  []gate.Part // those parts
	lines   []byte      // of one text body
	people  wordSet     // words of names
	decoded []byte      // of one text body, its transfer encoding undone

	fieldNames memo // of parts, by names of header fields as they stand
	hosts      memo // as they are compared, by hosts of URLs as they stand
}

// maxScratch is how many bytes of text a scratch may hold on to.
const maxScratch = 1 << 20

func (s *scratch) orNew() *scratch {
	if s == nil {
		return &scratch{headers: make([]field, 0, 32)}
	}
	return s
}

// clear drops what s says of a message.
func (s *scratch) clear() {
	clear(s.headers)
	s.headers = s.headers[:0]
	s.list.reset()
	s.people.reset()
	clear(s.parts)
	s.parts = s.parts[:0]
	clear(s.hidden)
	s.hidden = s.hidden[:0]
	clear(s.counts)
	s.counts = s.counts[:0]
	b, used := s.page.buffers, s.page.state != nil
	if used {
		b = b.reset()
	}
	bytes, others := b.size()
	if bytes+cap(s.lines)+cap(s.decoded) > maxScratch || others+cap(s.headers)+cap(s.parts)+cap(s.hidden)+cap(s.counts)+cap(s.order)+cap(s.sorted) > maxScratch/64 {
		*s = scratch{headers: make([]field, 0, 32)}
		return
	}
	if !used {
		return
	}
	s.page = htmlReader{buffers: b, sheets: s.page.sheets, inline: s.page.inline, shapes: s.page.shapes, document: s.page.document}
}
