package canon

import "slices"

// A wordSet is a set of words, of which there are few as a rule.
type wordSet struct {
	words []string
	many  map[string]struct{} // once they are many
}

const fewWords = 16

func (s *wordSet) reset() {
	clear(s.words)
	s.words, s.many = s.words[:0], nil
}

// add reports whether w is new to the set.
func (s *wordSet) add(w string) bool {
	if s.has(w) {
		return false
	}
	if s.many != nil {
		s.many[w] = struct{}{}
		return true
	}
	if s.words = append(s.words, w); len(s.words) == fewWords {
		s.many = make(map[string]struct{}, 2*fewWords)
		for _, w := range s.words {
			s.many[w] = struct{}{}
		}
	}
	return true
}

func (s *wordSet) has(w string) bool {
	if s.many != nil {
		_, ok := s.many[w]
		return ok
	}
	return slices.Contains(s.words, w)
}
