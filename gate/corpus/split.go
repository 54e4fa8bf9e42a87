package corpus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A Cut says how a corpus is split: one of the three is set.
type Cut struct {
	Parts int           // by session, into as many: for jobs that share the work. Sessions stay whole
	Size  int64         // in its order, each of about as many bytes of heads and bodies
	Every time.Duration // in its order, a new one when a new multiple of it since 1970 has begun
}

// MaxParts is how many parts a corpus can be split into.
const MaxParts = 1000

// A Split is what became of a corpus that was split.
type Split struct {
	Parts []Result `json:"parts"`
	Apart uint64   `json:"apart"` // stimuli bound to one of another part: a replay says that they are not bound
}

// Validate reports what is wrong with c.
func (c *Cut) Validate() error {
	set := 0
	for _, is := range []bool{c.Parts != 0, c.Size != 0, c.Every != 0} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("by a number of parts, a size or a time, and only one of them")
	case c.Parts != 0 && (c.Parts < 2 || c.Parts > MaxParts):
		return fmt.Errorf("into %d parts: from 2 to %d can be made", c.Parts, MaxParts)
	case c.Size < 0 || c.Every < 0:
		return errors.New("by a size or time below 0")
	}
	return nil
}

// SplitTo writes the parts of the corpus at from to folder, as NAME-001.tape and so
// on, where from is NAME.tape. Parts that would hold nothing are not written.
func SplitTo(o Options, from, folder string, by Cut) (Split, error) {
	if err := by.Validate(); err != nil {
		return Split{}, fmt.Errorf("split %s: %w", from, err)
	}
	src, n, err := o.study(from, nil, nil)
	if err != nil {
		return Split{}, err
	}
	if by.Parts > 0 {
		if err := o.messages(src); err != nil {
			return Split{}, err
		}
	}
	s := splitter{o: &o, src: src, by: by, n: n, open: map[int]*output{}, bound: map[uint64]int{},
		name: filepath.Join(folder, strings.TrimSuffix(base(from), filepath.Ext(from)))}
	err = o.again(src, s.put)
	if err == nil && len(s.open) == 0 && len(s.done.Parts) == 0 {
		err = refused("", "%s holds nothing that could be split", from)
	}
	for part := 0; err == nil && part < max(by.Parts, s.part+1); part++ {
		if out := s.open[part]; out != nil {
			delete(s.open, part)
			err = s.finish(out)
		}
	}
	if err != nil {
		for _, out := range s.open {
			err = out.drop(err)
		}
		for _, part := range s.done.Parts {
			err = errors.Join(err, os.Remove(part.Path))
		}
		return Split{}, err
	}
	return s.done, nil
}

type splitter struct {
	o    *Options
	src  *source
	by   Cut
	n    *sessions
	name string

	open  map[int]*output
	part  int   // in order: the one that is being written
	size  int64 // of it so far
	until int64 // when it ends; 0 is not known yet
	bound map[uint64]int
	clock clock
	done  Split
}

func (s *splitter) put(r *gate.Record) error {
	if r.Message != nil && s.o.WithoutMessages {
		return nil
	}
	var part int
	var err error
	if s.by.Parts > 0 {
		part = int(lot("split", s.n.of(r.Stimulus)) % uint64(s.by.Parts))
	} else if part, err = s.next(r); err != nil {
		return err
	}
	if r.Stimulus != nil {
		s.follow(r.Stimulus, part)
	}
	out := s.open[part]
	if out == nil {
		if out, err = s.begin(part); err != nil {
			return err
		}
	}
	return out.put(r)
}

// next is the part that r goes to, in order. The one before is finished.
func (s *splitter) next(r *gate.Record) (int, error) {
	size := bytesOf(r)
	full := s.by.Size > 0 && s.size > 0 && s.size+size > s.by.Size
	if at := s.clock.at(r); s.by.Every > 0 && at != 0 {
		every := int64(s.by.Every)
		full = s.until != 0 && at >= s.until
		if s.until == 0 || full {
			s.until = at - at%every + every
		}
	}
	if full {
		out := s.open[s.part]
		if out != nil {
			delete(s.open, s.part)
			if err := s.finish(out); err != nil {
				return 0, err
			}
		}
		s.part++
		s.size = 0
	}
	s.size += size
	if s.part >= MaxParts {
		return 0, refused("split by more", "more than %d parts would be made of %s", MaxParts, s.src.path)
	}
	return s.part, nil
}

// follow counts stimuli whose bindings lead to another part.
func (s *splitter) follow(st *gate.Stimulus, part int) {
	for i := range st.Bindings {
		if from, ok := s.bound[number("id", st.Bindings[i].From)]; ok && from != part {
			s.done.Apart++
			break
		}
	}
	if id := number("id", st.ID); s.n.second() {
		if _, ok := s.n.bound[id]; ok {
			s.bound[id] = part
		}
	}
}

func (s *splitter) begin(part int) (*output, error) {
	how := fmt.Sprintf("part %d", part+1)
	if s.by.Parts > 0 {
		how += fmt.Sprintf(" of %d", s.by.Parts)
	}
	h, err := s.o.header(how, s.src)
	if err != nil {
		return nil, err
	}
	out, err := s.o.create(fmt.Sprintf("%s-%03d.tape", s.name, part+1), h, s.src)
	if err == nil {
		s.open[part] = out
	}
	return out, err
}

func (s *splitter) finish(out *output) error {
	r, err := s.o.finish(out, append([]gate.Gap(nil), s.src.gaps.List()...))
	if err == nil {
		s.done.Parts = append(s.done.Parts, r)
	}
	return err
}
