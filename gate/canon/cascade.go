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
	markup         *markup // whose tag at hand is its; nil where its attributes are not known
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

// tagName is the name of an element that selectors may look for.
func tagName(tag atom.Atom, name string) string {
	if tag != 0 {
		return tag.String()
	}
	return name
}
