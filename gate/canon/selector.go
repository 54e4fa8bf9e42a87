package canon

import "strings"

// A selector is a chain of compounds (Selectors 4, 3.1), of which the last is the element.
type selector struct {
	compounds []compound
	children  []bool // whether the compound after this one is a child, not only below
	weight    uint64
}

// A compound says what one element must be.
type compound struct {
	tag, id string
	classes []string
	attrs   []attributeTest
}

type attributeTest struct {
	key, value string
	how        byte // "=" and what stands before it; 0 where the attribute only has to be there
}

// readSelectors reads a list of selectors. known is false where not all are understood.
func readSelectors(list string) (selectors []selector, known bool) {
	known = true
	for _, text := range splitSelectors(list) {
		s, ok, ignore := readSelector(strings.TrimSpace(text))
		switch {
		case ok:
			selectors = append(selectors, s)
		case !ignore:
			known = false
		}
	}
	return selectors, known
}

// splitSelectors splits at commas that are in no brackets and no string.
func splitSelectors(list string) (out []string) {
	from, depth := 0, 0
	var quote byte
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == ',' && depth == 0:
			out = append(out, list[from:i])
			from = i + 1
		}
	}
	return append(out, list[from:])
}

// readSelector reads one selector. ignore is true of one that is about what is made
// before or after an element, and not about the element.
func readSelector(text string) (s selector, ok, ignore bool) {
	r := cssReader{text: text, out: &sheet{}}
	var c compound
	empty, child := true, false
	next := func() {
		s.compounds, s.children = append(s.compounds, c), append(s.children, child)
		c, empty, child = compound{}, true, false
	}
	for {
		switch kind := r.next(); kind {
		case cssEnd:
			if empty {
				return s, false, false
			}
			next()
			return s, len(s.compounds) <= maxCompounds && s.readable(), false
		case cssSpace:
			for r.at < len(text) && isSpace(text[r.at]) {
				r.at++
			}
			if empty || r.at >= len(text) || text[r.at] == '>' || text[r.at] == '+' || text[r.at] == '~' {
				continue
			}
			next()
		case '>':
			if empty {
				return s, false, false
			}
			child = true
			next()
			for r.at < len(text) && isSpace(text[r.at]) {
				r.at++
			}
		case '*':
			empty = false
		case cssIdent:
			c.tag, empty = asciiLower(r.value), false
			s.weight++
		case cssHash:
			c.id, empty = r.value, false
			s.weight += 1 << 16
		case '.':
			if r.next() != cssIdent {
				return s, false, false
			}
			c.classes, empty = append(c.classes, r.value), false
			s.weight += 1 << 8
		case '[':
			test, read := r.attributeTest()
			if !read {
				return s, false, false
			}
			c.attrs, empty = append(c.attrs, test), false
			s.weight += 1 << 8
		case ':':
			for r.at < len(text) && text[r.at] == ':' {
				r.at++
			}
			name := r.name()
			return s, false, name == "before" || name == "after" || name == "marker" || name == "placeholder" || name == "selection"
		default:
			return s, false, false
		}
	}
}

// maxCompounds is how long a selector may be.
const maxCompounds = 8

// readable reports whether the elements above can be told: their attributes are not kept.
func (s *selector) readable() bool {
	for i := range s.compounds[:len(s.compounds)-1] {
		if len(s.compounds[i].attrs) > 0 {
			return false
		}
	}
	return true
}

// attributeTest reads what stands behind "[".
func (r *cssReader) attributeTest() (t attributeTest, ok bool) {
	rest := r.text[r.at:]
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return t, false
	}
	r.at += end + 1
	key, value, valued := strings.Cut(rest[:end], "=")
	if valued {
		t.how = '='
		if n := len(key); n > 0 && strings.IndexByte("~|^$*", key[n-1]) >= 0 {
			t.how, key = key[n-1], key[:n-1]
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		t.value = unescapeCSS(value)
	}
	t.key = asciiLower(strings.TrimSpace(key))
	return t, t.key != ""
}

// match reports whether the selector fits an element within those above it.
func (s *selector) match(e *subject, above []openElement) bool {
	last := len(s.compounds) - 1
	return s.compounds[last].match(e) && s.matchAbove(last, above)
}

// matchAbove reports whether the compounds before the i-th fit elements above it.
func (s *selector) matchAbove(i int, above []openElement) bool {
	const far = 256 // how many elements are looked at: nobody nests more on purpose
	for i > 0 {
		c := &s.compounds[i-1]
		if (c.tag == "body" || c.tag == "html") && c.id == "" && len(c.classes) == 0 && len(c.attrs) == 0 {
			i-- // they are there, whether their tags are or not
			continue
		}
		found := false
		for n := len(above) - 1; n >= 0 && len(above)-n <= far; n-- {
			if c.match(&above[n].subject) {
				above, found = above[:n], true
				break
			}
			if s.children[i-1] {
				return false
			}
		}
		if !found {
			return false
		}
		i--
	}
	return true
}

func (c *compound) match(e *subject) bool {
	if c.tag != "" && c.tag != e.tag || c.id != "" && c.id != e.id {
		return false
	}
	for _, class := range c.classes {
		if !hasWord(e.class, class) {
			return false
		}
	}
	for i := range c.attrs {
		if e.markup == nil || !c.attrs[i].match(e.markup) {
			return false
		}
	}
	return true
}

func hasWord(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

func (t *attributeTest) match(m *markup) bool {
	value, ok := m.attributeOf(t.key)
	if !ok {
		return false
	}
	switch t.how {
	case '=':
		return value == t.value
	case '~':
		return hasWord(value, t.value)
	case '|':
		return value == t.value || strings.HasPrefix(value, t.value+"-")
	case '^':
		return t.value != "" && strings.HasPrefix(value, t.value)
	case '$':
		return t.value != "" && strings.HasSuffix(value, t.value)
	case '*':
		return t.value != "" && strings.Contains(value, t.value)
	}
	return true
}
