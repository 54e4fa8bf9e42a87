package canon

import (
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// A property is one that bears on which text is shown, or how.
type property uint8

const (
	noProperty property = iota
	cssDisplay
	cssVisibility
	cssOpacity
	cssFontSize
	cssHeight
	cssMaxHeight
	cssWidth
	cssMaxWidth
	cssOverflow
	cssMsoHide
	cssTextIndent
	cssPosition
	cssLeft
	cssTop
	cssRight
	cssBottom
	cssMarginLeft
	cssMarginTop
	cssClip
	cssClipPath
	cssColor
	cssBackground
	cssDecoration
	cssVerticalAlign
	cssListStyle
	cssTransform
	cssScale
	cssContentVisibility
	cssBidi
	cssDirection
	cssSecurity
	properties
)

var propertyNames = map[string]property{
	"display": cssDisplay, "visibility": cssVisibility, "opacity": cssOpacity, "font-size": cssFontSize, "font": cssFontSize,
	"height": cssHeight, "max-height": cssMaxHeight, "width": cssWidth, "max-width": cssMaxWidth,
	"overflow": cssOverflow, "overflow-x": cssOverflow, "overflow-y": cssOverflow, "mso-hide": cssMsoHide, "text-indent": cssTextIndent,
	"position": cssPosition, "left": cssLeft, "top": cssTop, "right": cssRight, "bottom": cssBottom, "inset-inline-start": cssLeft,
	"margin-left": cssMarginLeft, "margin-top": cssMarginTop, "clip": cssClip, "clip-path": cssClipPath,
	"color": cssColor, "background": cssBackground, "background-color": cssBackground, "-webkit-text-fill-color": cssColor,
	"text-decoration": cssDecoration, "text-decoration-line": cssDecoration, "vertical-align": cssVerticalAlign,
	"list-style": cssListStyle, "list-style-type": cssListStyle, "transform": cssTransform, "scale": cssScale, "zoom": cssScale,
	"content-visibility": cssContentVisibility, "unicode-bidi": cssBidi, "direction": cssDirection, "-webkit-text-security": cssSecurity,
}

// A setting is one declaration of such a property.
type setting struct {
	property  property
	value     string // in lower case
	important bool
}

type settings []setting

// add adds a declaration, where it bears on the text.
func (s *settings) add(name, value string) {
	p := propertyNames[name]
	if p == noProperty {
		return
	}
	value = asciiLower(strings.TrimSpace(value))
	value, important := cutImportant(value)
	if name == "font" {
		if value = fontSize(value); value == "" {
			return
		}
	}
	*s = append(*s, setting{p, value, important})
}

func cutImportant(value string) (string, bool) {
	i := strings.LastIndexByte(value, '!')
	if i < 0 || strings.TrimSpace(value[i+1:]) != "important" {
		return value, false
	}
	return strings.TrimSpace(value[:i]), true
}

// fontSize returns the size that a value of the property "font" sets.
func fontSize(font string) string {
	for word := range strings.FieldsSeq(font) {
		size, _, height := strings.Cut(word, "/")
		if size != "" && (size[0] == '.' || '0' <= size[0] && size[0] <= '9') && (height || !isWeight(size)) {
			return size
		}
	}
	return ""
}

func isWeight(s string) bool { return len(s) == 3 && s[1:] == "00" && s[0] != '0' }

// String returns the settings as declarations.
func (s settings) String() string {
	var b strings.Builder
	for _, d := range s {
		for _, name := range propertyOrder {
			if propertyNames[name] == d.property {
				b.WriteString(name)
				break
			}
		}
		b.WriteString(":" + d.value)
		if d.important {
			b.WriteString("!important")
		}
		b.WriteByte(';')
	}
	return b.String()
}

// propertyOrder holds the names of properties in order.
var propertyOrder = func() (names []string) {
	for name := range propertyNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

// computed holds the declarations that count for one element, and how much each does.
type computed struct {
	values [properties]string
	rank   [properties]uint64
}

// add adds declarations of one rank; of two equal ones the last counts.
func (c *computed) add(s settings, rank uint64) {
	const important = 1 << 63
	for _, d := range s {
		rank := rank
		if d.important {
			rank |= important
		}
		if rank >= c.rank[d.property] {
			c.rank[d.property], c.values[d.property] = rank, d.value
		}
	}
}

// effect returns what s alone does to the text of an element.
func (s settings) effect() effect {
	if len(s) == 0 {
		return effect{}
	}
	var c computed
	c.add(s, 1)
	return c.effect()
}

// An effect is what style does to the text of an element. Its zero value is nothing.
type effect struct {
	gone       bool // it takes no place
	unseen     bool // it is not to be seen
	visibility turn
	font       turn // whether its letters have a size
	ink        turn // whether they differ from their ground
	struck     turn // whether a line goes through
	raised     raise
	list       string // kind of the numbers of its items
	inline     bool   // it is displayed, and as no item of a list
	reversed   bool
	masked     bool // dots are shown for its letters
}

// alters reports whether e changes what text says, or who sees it.
func (e effect) alters() bool {
	return e.gone || e.unseen || e.visibility == off || e.font == off || e.ink == off || e.struck == on || e.raised > raiseNone || e.list != "" || e.reversed || e.masked
}

// A turn is what an element does to what it inherits.
type turn int8

const (
	off turn = iota - 1
	inherit
	on
)

// A raise says whether text stands above or below its line.
type raise int8

const (
	raiseInherit raise = iota
	raiseNone
	raiseSuper
	raiseSub
)

// effect works out what the declarations come to.
func (c *computed) effect() (e effect) {
	v := &c.values
	switch v[cssDisplay] {
	case "":
	case "none":
		e.gone = true
	case "list-item":
	default:
		e.inline = v[cssDisplay] != "revert" && v[cssDisplay] != "initial"
	}
	switch v[cssVisibility] {
	case "hidden", "collapse":
		e.visibility = off
	case "visible":
		e.visibility = on
	}
	e.font = sizeTurn(v[cssFontSize])
	e.ink = inkTurn(v[cssColor], v[cssBackground])
	clips := v[cssOverflow] != "" && v[cssOverflow] != "visible"
	none := func(p property) bool { return isZero(v[p]) }
	e.unseen = none(cssOpacity) || v[cssContentVisibility] == "hidden" || c.offScreen() ||
		clips && (none(cssMaxHeight) || none(cssHeight) || none(cssWidth) || none(cssMaxWidth)) ||
		isZero(v[cssScale]) || strings.HasPrefix(v[cssTransform], "scale(0)") || strings.HasPrefix(v[cssTransform], "scale(0,")
	e.gone = e.gone || v[cssMsoHide] == "all"
	switch words := v[cssDecoration]; {
	case strings.Contains(words, "line-through"):
		e.struck = on
	case words == "none":
		e.struck = off
	}
	switch v[cssVerticalAlign] {
	case "super", "text-top":
		e.raised = raiseSuper
	case "sub", "text-bottom":
		e.raised = raiseSub
	case "":
	default:
		e.raised = raiseNone
	}
	e.list = v[cssListStyle]
	e.reversed = strings.HasSuffix(v[cssBidi], "override") && v[cssDirection] == "rtl"
	e.masked = v[cssSecurity] != "" && v[cssSecurity] != "none"
	return e
}

// offScreen reports whether an element stands, or is cut, where nobody sees it.
func (c *computed) offScreen() bool {
	v := &c.values
	placed := v[cssPosition] != "" && v[cssPosition] != "static"
	if placed && (isFar(v[cssLeft]) || isFar(v[cssTop]) || isFar(v[cssRight]) || isFar(v[cssBottom])) {
		return true
	}
	if isFar(v[cssTextIndent]) || isFar(v[cssMarginLeft]) || isFar(v[cssMarginTop]) {
		return true
	}
	if clip := v[cssClip]; placed && strings.HasPrefix(clip, "rect(") {
		sides := strings.FieldsFunc(strings.TrimSuffix(clip[len("rect("):], ")"), func(c rune) bool { return c == ',' || c == ' ' })
		if len(sides) == 4 && sides[0] == sides[2] || len(sides) == 4 && sides[1] == sides[3] {
			return sides[0] != "auto"
		}
	}
	switch clip := strings.ReplaceAll(v[cssClipPath], " ", ""); clip {
	case "inset(50%)", "inset(100%)", "circle(0)", "circle(0px)", "circle(0%)", "polygon(00,00,00)", "polygon(0px0px,0px0px,0px0px)":
		return true
	}
	return false
}

// isFar reports whether a length moves what it moves out of sight: 500 pixels to the
// left or top, or more.
func isFar(length string) bool {
	rest, ok := strings.CutPrefix(length, "-")
	if !ok {
		return false
	}
	n, digits := 0, 0
	for digits < len(rest) && '0' <= rest[digits] && rest[digits] <= '9' && n < 1e6 {
		n = 10*n + int(rest[digits]-'0')
		digits++
	}
	switch unit := strings.TrimLeft(rest[digits:], "0123456789."); unit {
	case "px", "pt", "":
		return n >= 500
	case "em", "rem", "ex", "ch", "pc":
		return n >= 50
	case "%", "vw", "vh":
		return n >= 100
	case "in", "cm":
		return n >= 6
	}
	return false
}

// isZero reports whether a value is a number or length of nothing.
func isZero(value string) bool {
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyz%")
	return digits != "" && strings.Trim(digits, "0.") == "" && strings.IndexByte(digits, '0') >= 0
}

// sizeTurn reads a font's size: relative ones leave nothing where it was nothing.
func sizeTurn(size string) turn {
	switch {
	case size == "", size == "inherit", size == "unset", size == "smaller", size == "larger":
		return inherit
	case isZero(size):
		return off
	case strings.HasSuffix(size, "%"), strings.HasSuffix(size, "em") && !strings.HasSuffix(size, "rem"), strings.HasSuffix(size, "ex"):
		return inherit
	}
	return on
}

// inkTurn compares the colours of letters and of their ground.
func inkTurn(color, ground string) turn {
	color, ground = canonicalColor(color), canonicalColor(ground)
	switch color {
	case "", "inherit", "unset", "currentcolor":
		return inherit
	case "transparent", ground:
		return off
	}
	return on
}

// canonicalColor returns a colour in one of the forms that CSS has for it.
func canonicalColor(c string) string {
	c = strings.ReplaceAll(c, " ", "")
	switch c {
	case "white":
		return "#ffffff"
	case "black":
		return "#000000"
	case "red":
		return "#ff0000"
	case "gray", "grey":
		return "#808080"
	}
	if len(c) == 4 && c[0] == '#' {
		return string([]byte{'#', c[1], c[1], c[2], c[2], c[3], c[3]})
	}
	kind, rest, ok := strings.Cut(strings.TrimSuffix(c, ")"), "(")
	if !ok || kind != "rgb" && kind != "rgba" {
		return c
	}
	hex := []byte("#")
	parts := strings.Split(rest, ",")
	for i, part := range parts {
		if i == 3 {
			if isZero(part) {
				return "transparent"
			}
			break
		}
		n := 0
		for _, digit := range []byte(part) {
			if digit < '0' || digit > '9' || n > 255 {
				return c
			}
			n = 10*n + int(digit-'0')
		}
		const digits = "0123456789abcdef"
		hex = append(hex, digits[n>>4&15], digits[n&15])
	}
	return string(hex)
}

// A cascade holds the rules of a document's style sheets by what they look for first.
type cascade struct {
	byTag, byClass, byID map[string][]ruleRef
	any                  []ruleRef
	count                uint64 // of rules
	tries                int    // left of what matching may cost
}

type ruleRef struct {
	rule     *cssRule
	selector *selector
	order    uint64
}

// maxTries bounds how many selectors are tried on the elements of one document.
const maxTries = 4 << 20

// add adds the rules of a sheet; those of one that counts in some media only count so.
func (c *cascade) add(s *sheet, conditional bool) {
	for i := range s.rules {
		rule := &s.rules[i]
		if conditional && !rule.conditional {
			rule = &cssRule{rule.selectors, rule.sets, true}
		}
		c.count++
		for j := range rule.selectors {
			sel := &rule.selectors[j]
			ref := ruleRef{rule, sel, sel.weight<<32 | c.count}
			switch last := &sel.compounds[len(sel.compounds)-1]; {
			case last.id != "":
				c.byID = put(c.byID, last.id, ref)
			case len(last.classes) > 0:
				c.byClass = put(c.byClass, last.classes[0], ref)
			case last.tag != "":
				c.byTag = put(c.byTag, last.tag, ref)
			default:
				c.any = append(c.any, ref)
			}
		}
	}
}

func put(m map[string][]ruleRef, key string, ref ruleRef) map[string][]ruleRef {
	if m == nil {
		m = make(map[string][]ruleRef)
	}
	m[key] = append(m[key], ref)
	return m
}

// A subject is an element as selectors see it.
type subject struct {
	tag, id, class string
	get            func(key string) (value string, ok bool) // of its attributes; nil where they are not known
}

// effects returns what the rules and the declarations of an element come to: for
// readers of no special medium, and for those of all media that there are rules for.
func (c *cascade) effects(e *subject, above []openElement, own settings) (usual, special effect) {
	var base, all computed
	found, conditional := false, false
	try := func(refs []ruleRef) {
		for _, ref := range refs {
			if c.tries -= 1 + len(e.class)/64 + 64*(len(ref.selector.compounds)-1); c.tries < 0 {
				return
			}
			if !ref.selector.match(e, above) {
				continue
			}
			found = true
			if ref.rule.conditional {
				conditional = true
			} else {
				base.add(ref.rule.sets, ref.order)
			}
			all.add(ref.rule.sets, ref.order)
		}
	}
	try(c.any)
	try(c.byTag[e.tag])
	if e.id != "" {
		try(c.byID[e.id])
	}
	if c.byClass != nil {
		for class := range strings.FieldsSeq(e.class) {
			try(c.byClass[class])
		}
	}
	if !found {
		usual = own.effect()
		return usual, usual
	}
	const inline = 1 << 62
	base.add(own, inline)
	usual = base.effect()
	if !conditional {
		return usual, usual
	}
	all.add(own, inline)
	return usual, all.effect()
}

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
		if e.get == nil || !c.attrs[i].match(e.get) {
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

func (t *attributeTest) match(get func(string) (string, bool)) bool {
	value, ok := get(t.key)
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

// tagName is the name of an element that selectors may look for.
func tagName(tag atom.Atom, name string) string {
	if tag != 0 {
		return tag.String()
	}
	return name
}
