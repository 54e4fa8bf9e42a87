package canon

import "strings"

// A sheet is what a style sheet, or one list of declarations, says.
type sheet struct {
	loads    []string  // URLs that it loads, in order
	texts    []string  // declarations with strings that may be shown, and what is not CSS of a known shape
	comments []string  // as they stand, white space collapsed
	plain    string    // everything else, its escapes undone: CSS of a known shape
	rules    []cssRule // that bear on which text is shown, or how
	own      settings  // the same, of a list of declarations
	style    effect    // of own alone
	seen     uint64    // the document that plain was last hidden in
}

// A cssRule is a rule of which some declaration bears on the text.
type cssRule struct {
	selectors   []selector
	sets        settings
	conditional bool // it counts in some media only
}

// cssReader cuts CSS into tokens (CSS Syntax 3), and those into rules and declarations.
type cssReader struct {
	text  string
	at    int
	from  int    // where the token at hand begins
	value string // of the token at hand, its escapes undone
	plain []byte
	out   *sheet
	depth int
}

// cssToken is the kind of a token: one of these, or the byte that it consists of.
type cssToken rune

const (
	cssEnd cssToken = iota + 256
	cssSpace
	cssComment
	cssIdent
	cssFunction // an identifier and "("
	cssAt       // "@" and an identifier
	cssHash     // "#" and an identifier
	cssString
	cssURL // url(...), its text without quotes
	cssNumber
	cssFrame // "<!--" or "-->"
	cssBad   // a string that does not end in its line, or a URL that is none
)

// maxCSSDepth bounds how deep rules and brackets may be nested: what is deeper is
// compared as it stands.
const maxCSSDepth = 32

// readSheet reads a style sheet.
func readSheet(text string) *sheet {
	r := cssReader{text: text, out: &sheet{}}
	r.rules(cssScope{})
	r.out.plain = string(r.plain)
	return r.out
}

// readDeclarations reads the value of an attribute "style".
func readDeclarations(text string) *sheet {
	r := cssReader{text: text, out: &sheet{}}
	for {
		r.declarations("", &r.out.own)
		if r.at >= len(text) {
			break
		}
		r.keep(r.at, r.at+1) // a "}" too many
		r.at++
	}
	r.out.plain = string(r.plain)
	r.out.style = r.out.own.effect()
	return r.out
}

// next goes to the next token.
func (r *cssReader) next() cssToken {
	r.from, r.value = r.at, ""
	s := r.text
	if r.at >= len(s) {
		return cssEnd
	}
	c := s[r.at]
	switch {
	case isSpace(c):
		for r.at < len(s) && isSpace(s[r.at]) {
			r.at++
		}
		return cssSpace
	case c == '/' && strings.HasPrefix(s[r.at:], "/*"):
		return r.comment()
	case c == '"' || c == '\'':
		return r.string(c)
	case c == '<' && strings.HasPrefix(s[r.at:], "<!--"):
		r.at += len("<!--")
		return cssFrame
	case c == '-' && strings.HasPrefix(s[r.at:], "-->"):
		r.at += len("-->")
		return cssFrame
	case '0' <= c && c <= '9', (c == '.' || c == '+' || c == '-') && r.at+1 < len(s) && isCSSDigit(s[r.at+1:]):
		return r.number()
	case c == '#' || c == '@':
		r.at++
		if r.value = r.name(); r.value == "" {
			return cssToken(c)
		}
		if c == '#' {
			return cssHash
		}
		return cssAt
	case startsCSSName(s[r.at:]):
		return r.word()
	}
	r.at++
	return cssToken(c)
}

// isCSSDigit reports whether s begins with a digit, or a point and a digit.
func isCSSDigit(s string) bool {
	if s[0] == '.' && len(s) > 1 {
		s = s[1:]
	}
	return '0' <= s[0] && s[0] <= '9'
}

func startsCSSName(s string) bool {
	c := s[0]
	switch {
	case isLetter(c), c == '_', c >= 0x80:
		return true
	case c == '\\':
		return len(s) > 1 && s[1] != '\n'
	case c == '-':
		return len(s) > 1 && (s[1] == '-' || startsCSSName(s[1:min(len(s), 3)]))
	}
	return false
}

func (r *cssReader) comment() cssToken {
	text, _, ok := strings.Cut(r.text[r.at+2:], "*/")
	r.value = text
	r.at += 2 + len(text)
	if ok {
		r.at += 2
	}
	return cssComment
}

// string reads a string (CSS Syntax 3, 4.3.5).
func (r *cssReader) string(quote byte) cssToken {
	s := r.text
	for at := r.at + 1; at < len(s); at++ {
		switch c := s[at]; {
		case c == quote:
			r.value = unescapeCSS(s[r.at+1 : at])
			r.at = at + 1
			return cssString
		case c == '\n':
			r.at = at
			return cssBad
		case c == '\\':
			at++
		}
	}
	r.at = len(s)
	return cssBad
}

func (r *cssReader) number() cssToken {
	s := r.text
	for r.at++; r.at < len(s) && ('0' <= s[r.at] && s[r.at] <= '9' || s[r.at] == '.'); r.at++ {
	}
	if r.at < len(s) && s[r.at] == '%' {
		r.at++
	} else {
		r.name() // a unit
	}
	r.value = unescapeCSS(s[r.from:r.at])
	return cssNumber
}

// name reads an identifier, and returns it with its escapes undone.
func (r *cssReader) name() string {
	s, from, escaped := r.text, r.at, false
	for r.at < len(s) {
		c := s[r.at]
		if c == '\\' && r.at+1 < len(s) && s[r.at+1] != '\n' {
			escaped = true
			r.at += 2
			for n := 1; n < 6 && isHex(s[r.at-1]) && r.at < len(s) && isHex(s[r.at]); n++ {
				r.at++
			}
			if isHex(s[r.at-1]) && r.at < len(s) && isSpace(s[r.at]) {
				r.at++
			}
			continue
		}
		if !isAlnum(c) && c != '-' && c != '_' && c < 0x80 {
			break
		}
		r.at++
	}
	if escaped {
		return unescapeCSS(s[from:r.at])
	}
	return s[from:r.at]
}

// word reads an identifier, a function or a URL.
func (r *cssReader) word() cssToken {
	r.value = r.name()
	if r.at >= len(r.text) || r.text[r.at] != '(' {
		return cssIdent
	}
	r.at++
	if !strings.EqualFold(r.value, "url") {
		return cssFunction
	}
	inner := r.text[r.at:]
	start := len(inner) - len(strings.TrimLeft(inner, " \t\r\n\f"))
	if start < len(inner) && (inner[start] == '"' || inner[start] == '\'') {
		r.at += start
		if r.string(inner[start]) == cssBad {
			return cssBad
		}
	} else {
		end := start
		for end < len(inner) && inner[end] != ')' {
			if inner[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(inner))
		r.value = unescapeCSS(strings.TrimRight(inner[start:end], " \t\r\n\f"))
		r.at += end
	}
	for r.at < len(r.text) && isSpace(r.text[r.at]) {
		r.at++
	}
	if r.at < len(r.text) {
		if r.text[r.at] != ')' {
			return cssBad
		}
		r.at++
	}
	return cssURL
}

// keep adds the text between two places to what is compared as it stands.
func (r *cssReader) keep(from, to int) {
	if text := collapse(r.text[from:to]); text != "" {
		r.out.texts = append(r.out.texts, text)
	}
}

// A cssScope is what the rules at hand are in.
type cssScope struct {
	conditional bool // of media of which it is not known whether they are the reader's
	frames      bool // of an animation: no rules for elements
}

// rules reads rules up to the end, or the "}" that ends the block they are in.
func (r *cssReader) rules(in cssScope) {
	for {
		switch kind := r.next(); kind {
		case cssEnd, '}':
			if kind == '}' && r.depth == 0 {
				r.keep(r.from, r.at)
				continue
			}
			return
		case cssSpace, cssFrame:
		case ';': // which readers take with the rule that follows, and drop both
			r.keep(r.from, r.at)
		case cssComment:
			r.note()
		case cssAt:
			r.atRule(in)
		default:
			r.at = r.from
			r.rule(in)
		}
	}
}

func (r *cssReader) note() {
	if text := collapse(r.value); text != "" {
		r.out.comments = append(r.out.comments, text)
	}
}

// A prelude is what stands before the block of a rule.
type prelude struct {
	text  string // its escapes kept, without comments
	plain string // its escapes undone
	odd   bool   // it is not of a known shape
	end   cssToken
	loads []string
}

// prelude reads up to "{", ";" or what ends the block that the rule is in, which begins at from.
func (r *cssReader) prelude(from int) (p prelude) {
	var text, plain []byte
	brackets := 0
	for {
		kind := r.next()
		switch kind {
		case cssEnd, '{':
			p.end = kind
		case ';':
			if brackets == 0 {
				p.end = kind
			}
		case '}':
			r.at = r.from
			p.end = kind
		case cssComment:
			r.note()
			continue
		case '(', '[', cssFunction:
			brackets++
		case ')', ']':
			brackets = max(0, brackets-1)
		case cssURL:
			p.loads = append(p.loads, r.value)
			continue
		case cssString:
			p.odd = p.odd || !isPlainText(r.value)
			plain = append(append(append(plain, '"'), r.value...), '"')
			text = append(text, r.text[r.from:r.at]...)
			continue
		case cssBad, cssAt:
			p.odd = true
		}
		if p.end != 0 {
			break
		}
		if kind == cssSpace {
			text, plain = append(text, ' '), append(plain, ' ')
			continue
		}
		if kind < 256 && strings.IndexByte("()[]*+,-./:=>|~^$%&!<", byte(kind)) < 0 {
			p.odd = true
		}
		text = append(text, r.text[r.from:r.at]...)
		switch kind {
		case cssFunction:
			plain = append(append(plain, r.value...), '(')
		case cssHash:
			plain = append(append(plain, '#'), r.value...)
		case cssIdent, cssNumber:
			plain = append(plain, r.value...)
		default:
			plain = append(plain, r.text[r.from:r.at]...)
		}
	}
	p.text, p.plain = strings.Trim(string(text), " "), strings.Trim(string(plain), " ")
	p.odd = p.odd || !isPrintable(p.plain)
	if p.odd {
		r.keep(from, r.from)
	}
	return p
}

// write adds to what is hidden.
func (r *cssReader) write(words ...string) {
	for _, w := range words {
		r.plain = append(r.plain, w...)
	}
}

// rule reads a rule for elements.
func (r *cssReader) rule(in cssScope) {
	p := r.prelude(r.at)
	r.out.loads = append(r.out.loads, p.loads...)
	if p.end != '{' {
		if !p.odd && p.text != "" { // words that are no rule
			r.out.texts = append(r.out.texts, collapse(p.text))
		}
		if p.end == '}' && r.depth == 0 {
			r.next()
		}
		return
	}
	if !p.odd {
		r.write(p.plain)
	}
	rule := cssRule{conditional: in.conditional}
	r.write("{")
	r.block(p.text, &rule.sets)
	r.write("}\n")
	if len(rule.sets) == 0 || in.frames {
		return
	}
	known := !p.odd
	if known {
		rule.selectors, known = readSelectors(p.text)
	}
	if len(rule.selectors) > 0 {
		r.out.rules = append(r.out.rules, rule)
	}
	if !known && rule.sets.effect().alters() {
		// Whom it hides cannot be told, so that the rule itself is compared.
		r.out.texts = append(r.out.texts, collapse(p.text)+"{"+rule.sets.String()+"}")
	}
}

// block reads the declarations of a block and its "}".
func (r *cssReader) block(selector string, sets *settings) {
	r.depth++
	r.declarations(selector, sets)
	r.depth--
	if r.at < len(r.text) {
		r.at++ // "}"
	}
}

// atRule reads a rule that begins with "@" (CSS Syntax 3, 5.4.2); its name was read.
func (r *cssReader) atRule(in cssScope) {
	from := r.from
	name := asciiLower(r.value)
	if name == "import" || name == "namespace" {
		r.importRule(name)
		return
	}
	p := r.prelude(from)
	r.out.loads = append(r.out.loads, p.loads...)
	known := true
	scope := in
	nested := false
	switch name {
	case "media":
		nested = true
		scope.conditional = in.conditional || !isEveryMedium(p.plain)
	case "supports", "container", "scope", "starting-style", "-moz-document", "document":
		nested, scope.conditional = true, true
	case "layer":
		nested = true
	case "keyframes", "-webkit-keyframes", "-moz-keyframes", "-o-keyframes", "-ms-keyframes":
		nested, scope.frames = true, true
	case "charset", "font-face", "page", "viewport", "-ms-viewport", "-o-viewport", "counter-style", "property", "list", "font-feature-values", "font-palette-values":
	default:
		known = false
	}
	if known && !p.odd {
		r.write("@", name, " ", p.plain)
	}
	if !known && !p.odd {
		r.keep(from, r.from)
	}
	if p.end != '{' {
		if p.end == '}' && r.depth == 0 {
			r.next()
		}
		r.write(";\n")
		return
	}
	r.write("{")
	if nested && r.depth < maxCSSDepth {
		r.depth++
		r.rules(scope)
		r.depth--
	} else {
		var unused settings
		r.block("@"+name, &unused)
		if name == "counter-style" && len(unused) > 0 {
			r.out.texts = append(r.out.texts, unused.String())
		}
	}
	r.write("}\n")
}

// importRule reads what follows "@import" or "@namespace": a string or URL, which
// the first of them loads.
func (r *cssReader) importRule(name string) {
	from := r.at
	target, rest := "", 0
	for r.at < len(r.text) {
		kind := r.next()
		switch kind {
		case cssSpace, cssComment:
			if kind == cssComment {
				r.note()
			}
			continue
		case cssString, cssURL:
			if target == "" {
				target, rest = r.value, r.at
				continue
			}
		case ';', '}', '{', cssEnd:
			r.at = r.from
		default:
			if target == "" { // what stands before a target makes the rule none
				r.keep(r.from, r.at)
			}
			continue
		}
		break
	}
	end := r.at
	switch {
	case target == "":
		target = strings.Trim(r.text[from:end], " \t\r\n\f\"'")
		rest = end
	case name == "namespace":
		rest = from
	}
	if name == "import" {
		r.out.loads = append(r.out.loads, target)
	}
	after := collapse(r.text[rest:end])
	if isPlainText(after) && name == "import" {
		r.write("@import ", after, ";\n")
	} else if after != "" {
		r.out.texts = append(r.out.texts, "@"+name+" "+after)
	}
	if r.at < len(r.text) && r.text[r.at] == ';' {
		r.at++
	}
}

// isEveryMedium reports whether a list of media queries holds for whoever reads on a screen.
func isEveryMedium(query string) bool {
	for q := range strings.SplitSeq(asciiLower(query), ",") {
		switch collapse(q) {
		case "", "all", "screen", "only screen", "only all":
			return true
		}
	}
	return false
}

// unescapeCSS undoes the escapes of CSS (CSS Syntax 3, 4.3.7).
func unescapeCSS(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		code, n := rune(0), 0
		for n < 6 && i+n < len(s) && isHex(s[i+n]) {
			code = code<<4 | rune(unhex(s[i+n]))
			n++
		}
		if n == 0 {
			if s[i] != '\n' {
				out = append(out, s[i])
			}
			continue
		}
		out = append(out, string(code)...)
		i += n - 1
		if i+1 < len(s) && isSpace(s[i+1]) {
			i++
		}
	}
	return string(out)
}
