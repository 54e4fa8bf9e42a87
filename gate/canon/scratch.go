package canon

// A scratch is memory that one message needs and the next one may use.
type scratch struct {
	headers []field // of all entities of a tree
	list    addressList
	page    htmlReader
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
	b := s.page.buffers.reset()
	if cap(b.shown.lines)+cap(b.hidden.lines)+cap(b.style)+cap(b.script)+cap(b.title) > maxScratch || cap(b.parts)+cap(s.headers) > maxScratch/64 {
		*s = scratch{headers: make([]field, 0, 32)}
		return
	}
	s.page = htmlReader{buffers: b}
}
