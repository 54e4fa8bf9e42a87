package canon

import "strings"

// declarations reads declarations up to the end, or before the "}" that ends the block.
// selector says whose they are.
func (r *cssReader) declarations(selector string, sets *settings) {
	for {
		kind := r.next()
		switch kind {
		case cssEnd:
			return
		case '}':
			r.at = r.from
			return
		case cssSpace, ';', cssFrame:
		case cssComment:
			r.note()
		default:
			r.at = r.from
			r.declaration(selector, sets)
		}
	}
}

// declaration reads one declaration (CSS Syntax 3, 5.4.6) and what ends it.
func (r *cssReader) declaration(selector string, sets *settings) {
	from, mark := r.at, len(r.plain)
	d := declaration{}
	kind := r.next()
	if kind == '*' || kind == '$' { // a mark that only old readers take
		d.old = true
		kind = r.next()
	}
	d.property = asciiLower(r.value)
	d.odd = kind != cssIdent || !isKnownProperty(d.property)
	for kind = r.next(); kind == cssSpace; kind = r.next() {
	}
	if kind != ':' {
		d.odd = true
		r.at = r.from
	}
	r.write(d.property, ":")
	r.values(&d)
	end := r.from
	if r.at >= len(r.text) && (end < from || d.end == cssEnd) {
		end = len(r.text)
	}
	value := strings.Trim(string(r.plain[mark+len(d.property)+1:]), " ")
	if d.property == "content" && !isEmptyContent(value) || strings.HasPrefix(d.property, "counter-") ||
		altersLetters(d.property, value) || selector == "" && isShare(d.property, value) {
		d.shown = true
	}
	if d.odd || d.shown {
		r.plain = r.plain[:mark]
		text := collapse(r.text[from:end])
		if strings.IndexByte(text, '\\') >= 0 {
			text = unescapeCSS(text)
		}
		if d.shown && !d.odd && selector != "" {
			text = selector + "{" + text + "}"
		}
		r.out.texts = append(r.out.texts, text)
	} else {
		r.write(";")
	}
	if !d.old {
		sets.add(d.property, value)
	}
}

// A declaration is one that is being read.
type declaration struct {
	property string
	old      bool // only readers of long ago take it
	odd      bool // it is not of a known shape
	shown    bool // it has a string that may be shown
	end      cssToken
}

// values reads the value of a declaration, and writes it to what is hidden.
func (r *cssReader) values(d *declaration) {
	var images int // how deep in a function whose strings are URLs; 0 is not
	brackets := 0
	space := false
	for {
		kind := r.next()
		switch kind {
		case cssEnd:
			d.end = kind
			return
		case '}':
			r.at = r.from
			d.end = kind
			return
		case ';':
			if brackets == 0 {
				d.end = kind
				return
			}
		case cssComment:
			r.note()
			continue
		case cssSpace:
			space = true
			continue
		case '{':
			// A rule within a rule, or junk: to be compared as it stands.
			d.odd = true
			if r.depth < maxCSSDepth {
				var unused settings
				r.block("", &unused)
			}
			r.from = r.at
			return
		}
		if space {
			r.plain = append(r.plain, ' ')
			space = false
		}
		switch kind {
		case cssURL:
			r.out.loads = append(r.out.loads, r.value)
			r.write("url()")
		case cssString:
			switch {
			case images > 0:
				r.out.loads = append(r.out.loads, r.value)
				r.write(`""`)
				continue
			case !hidesStrings(d.property) || !isPlainText(r.value):
				d.shown = d.shown || strings.Trim(r.value, " \u00a0") != ""
			}
			r.write(`"`, r.value, `"`)
		case cssFunction:
			brackets++
			if loadsStrings(asciiLower(r.value)) && images == 0 {
				images = brackets
			}
			d.odd = d.odd || !isPrintable(r.value)
			r.write(r.value, "(")
		case '(', '[':
			brackets++
			r.plain = append(r.plain, byte(kind))
		case ')', ']':
			if images == brackets {
				images = 0
			}
			brackets = max(0, brackets-1)
			r.plain = append(r.plain, byte(kind))
		case cssIdent, cssNumber:
			d.odd = d.odd || !isPrintable(r.value)
			r.write(r.value)
		case cssHash:
			d.odd = d.odd || !isPrintable(r.value)
			r.write("#", r.value)
		default:
			if kind >= 256 || strings.IndexByte("!%*+,-./:=|", byte(kind)) < 0 {
				d.odd = true
			}
			r.write(r.text[r.from:r.at])
		}
	}
}

// altersLetters reports whether a declaration shows other letters than the text has.
func altersLetters(property, value string) bool {
	return property == "text-transform" && value != "none" && value != "inherit" && value != "initial" && value != "unset"
}

// isShare reports whether a declaration makes an element a part of what it stands in: a bar
// that shows a figure is drawn so.
func isShare(property, value string) bool {
	switch property {
	case "width", "height", "inline-size", "block-size":
		share, ok := strings.CutSuffix(value, "%")
		return ok && share != "100"
	}
	return false
}

// isEmptyContent reports whether the value of "content" shows nothing.
func isEmptyContent(value string) bool {
	value = asciiLower(strings.TrimSuffix(strings.ReplaceAll(value, " ", ""), "!important"))
	switch strings.Trim(value, "\"\u00a0") {
	case "", "none", "normal", "initial", "inherit", "unset":
		return true
	}
	return false
}

// loadsStrings reports whether strings that a function takes are URLs.
func loadsStrings(function string) bool {
	switch function {
	case "src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade":
		return true
	}
	return false
}

// hidesStrings reports whether strings in the value of a property are names, which
// nobody is shown.
func hidesStrings(property string) bool {
	switch property {
	case "font", "font-family", "src", "filter", "-ms-filter", "grid-template", "grid-template-areas", "grid-area",
		"font-feature-settings", "font-variation-settings", "mso-font-alt", "mso-fareast-font-family", "mso-bidi-font-family",
		"mso-ascii-font-family", "mso-hansi-font-family", "font-language-override", "hyphenate-character":
		return true
	}
	return false
}

// isPlainText reports whether s has letters, digits and what joins them in names.
func isPlainText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && strings.IndexByte(" _.,#:;/=()%+-*&|<>!'\"", c) < 0 {
			return false
		}
	}
	return len(s) <= 256
}

func isPrintable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x7f || s[i] < ' ' && !isSpace(s[i]) {
			return false
		}
	}
	return true
}
