package canon

import (
	"bytes"
	"regexp"
	"strings"
)

// A shape is what the value of an attribute that only styles, or that only programs
// use, looks like. A value of another shape is compared.
type shape uint8

const (
	noShape       shape = iota // it is compared
	saysSomething              // it is read with its element
	numberShape                // numbers, lengths, colours
	wordShape                  // words of letters and "-", as in a list of keywords
	nameShape                  // names as programs give them, by white space
	fontShape                  // names of fonts
	mediaShape                 // media queries, sizes of images
	typeShape                  // media types
	tokenShape                 // base64 and hexadecimal digits
	spaceShape                 // URIs that name namespaces
	extentShape                // lengths, and the whole of what an element stands in
)

// attributeShape returns what the value of an attribute must look like to be hidden.
func attributeShape(key []byte) shape {
	switch string(key) {
	case "href", "xlink:href", "action", "formaction",
		"src", "background", "poster", "data", "lowsrc", "dynsrc", "ping", "manifest", "code", "codebase", "classid", "archive", "profile", "longdesc",
		"srcset", "imagesrcset", "srcdoc", "style", "hidden", "class", "id",
		"alt", "title", "aria-label", "aria-description", "label", "placeholder", "summary", "standby", "abbr", "cite", "datetime",
		"aria-placeholder", "aria-roledescription", "aria-valuetext", "aria-braillelabel",
		"content", "name", "value", "rel", "method", "http-equiv", "property", "type", "dir", "start", "reversed",
		"checked", "selected", "disabled", "readonly", "required", "multiple", "open", "min", "max", "low", "high", "optimum", "step",
		"colspan", "rowspan", "download", "media":
		return saysSomething
	case "width", "height":
		return extentShape
	case "border", "cellpadding", "cellspacing", "hspace", "vspace", "size", "cols", "rows", "maxlength", "minlength",
		"marginwidth", "marginheight", "leftmargin", "topmargin", "rightmargin", "bottommargin", "tabindex", "span", "charoff", "frameborder",
		"color", "bgcolor", "ptsize", "point-size", "back", "bordercolor", "bordercolordark", "bordercolorlight", "vlink", "alink", "link", "text", "framespacing",
		"fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-miterlimit", "stroke-dasharray", "viewbox", "opacity", "coords",
		"loop", "nowrap", "noshade", "compact", "declare", "noresize", "novalidate", "formnovalidate", "defer", "async", "nomodule", "autofocus", "autoplay",
		"controls", "muted", "playsinline", "allowfullscreen", "allowtransparency", "ismap", "inert", "itemscope", "arcsize", "coordsize":
		return numberShape
	case "align", "valign", "scrolling", "clear", "frame", "rules", "shape", "bgproperties", "unselectable", "contenteditable", "spellcheck", "translate", "draggable",
		"autocomplete", "autocapitalize", "autocorrect", "inputmode", "enterkeyhint", "loading", "decoding", "fetchpriority", "referrerpolicy", "crossorigin",
		"sandbox", "scope", "lang", "xml:lang", "hreflang", "xml:space", "fill-rule", "clip-rule", "stroke-linecap", "stroke-linejoin", "preserveaspectratio",
		"wrap", "preload", "charset", "language", "version", "kind", "srclang", "focusable", "popover", "blocking", "as", "dropzone", "credentialless",
		"aria-hidden", "aria-live", "aria-atomic", "aria-haspopup", "aria-expanded", "aria-modal", "aria-busy", "aria-relevant", "aria-orientation", "ext", "v:ext":
		return wordShape
	case "for", "headers", "list", "form", "usemap", "target", "formtarget", "role", "accesskey", "axis", "is", "slot", "part", "bookmark",
		"aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "aria-details", "aria-activedescendant", "aria-flowto", "rev", "contextmenu":
		return nameShape
	case "face", "family":
		return fontShape
	case "sizes", "imagesizes", "allow":
		return mediaShape
	case "enctype", "formenctype", "accept", "accept-charset", "codetype":
		return typeShape
	case "nonce", "integrity":
		return tokenShape
	case "xmlns":
		return spaceShape
	}
	switch {
	case bytes.HasPrefix(key, []byte("data-")), bytes.HasPrefix(key, []byte("on")):
		return saysSomething
	case bytes.HasPrefix(key, []byte("xmlns:")):
		return spaceShape
	}
	return noShape
}

// has reports whether a value is of the shape.
func (s shape) has(value []byte) bool {
	if len(value) == 0 {
		return s > saysSomething
	}
	switch s {
	case numberShape:
		return len(value) <= 64 && consists(value, " .,%#*+-()/")
	case extentShape: // a bar that shows a figure is drawn by a share of its width
		share, ok := bytes.CutSuffix(value, []byte("%"))
		return len(value) <= 64 && consists(value, " .,%#*+-()/") && (!ok || string(share) == "100")
	case wordShape:
		return len(value) <= 64 && consists(value, " -_./")
	case nameShape:
		return len(value) <= 1024 && consists(value, " -_:.#/()[]{}$&>*%!\t\n")
	case fontShape:
		return len(value) <= 256 && consists(value, " -_,.'\"&;\n")
	case mediaShape:
		return len(value) <= 512 && consists(value, " -_,.():;/<>=*+%'\n\t")
	case typeShape:
		return len(value) <= 128 && consists(value, " -_,.+/;=*")
	case tokenShape:
		return len(value) <= 512 && consists(value, " +/=-_")
	case spaceShape:
		return isNamespace(value)
	}
	return false
}

// consists reports whether b has letters and digits of ASCII, and bytes of others, alone.
func consists(b []byte, others string) bool {
	for _, c := range b {
		if !isAlnum(c) && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// isNamespace reports whether a URI names one of the namespaces that pages and
// requests declare.
func isNamespace(uri []byte) bool {
	for _, prefix := range [...]string{"http://www.w3.org/", "urn:schemas-microsoft-com:", "http://schemas.microsoft.com/", "http://schemas.xmlsoap.org/", "http://schemas.openxmlformats.org/", "http://ogp.me/ns"} {
		if rest, ok := bytes.CutPrefix(uri, []byte(prefix)); ok {
			return len(rest) <= 128 && consists(rest, "/:.#-_")
		}
	}
	return false
}

// Shapes of what stands in a document besides tags, texts and comments.
var (
	// A document type: HTML's own, or a public one of those who wrote HTML down.
	doctypeShape = regexp.MustCompile(`(?i)^\s*html\s*(?:public\s*(?:"-//(?:w3c|w3o|ietf|webtechs|softquad software|microsoft|netscape comm\. corp\.|sun microsystems corp\.|wapforum)//dtd [a-z0-9 .+/-]{1,64}"|'-//w3c//dtd [a-z0-9 .+/-]{1,64}')\s*` +
		`(?:["']http://www\.w3\.org/[a-z0-9./-]{1,64}["'])?|system\s*["']about:legacy-compat["'])?\s*$`)

	// A processing instruction that says how the document is written.
	instructionShape = regexp.MustCompile(`(?i)^\?xml(?:\s+version\s*=\s*["'][0-9.]{1,4}["']|\s+encoding\s*=\s*["'][a-z0-9._-]{1,32}["']|\s+standalone\s*=\s*["'](?:yes|no)["'])*\s*\??\s*$|` +
		`^\?xml:namespace\s+prefix\s*=\s*["']?[a-z][a-z0-9]{0,7}["']?\s+ns\s*=\s*["']urn:schemas-microsoft-com:[a-z:]{1,48}["']\s*[?/]*\s*$`)

	// The condition of a comment that some readers show.
	conditionShape = regexp.MustCompile(`(?i)^\[\s*if\s+[()&|! ]*(?:(?:true|false|(?:(?:lt|lte|gt|gte)\s+)?(?:ie|mso|vml|contentfree|outlook)(?:\s*[0-9.]{1,6})?|(?:lt|lte|gt|gte)|supports(?:lists|emptyparas|misalignedcolumns|misalignedrows|annotations|fields|footnotes|linebreaknewline|nestedanchors|mixedborders|inlineshapes|pagebreaks|tabs)|!|support(?:lists|emptyparas|misalignedcolumns|misalignedrows|annotations|fields|footnotes|linebreaknewline|nestedanchors))[()&|! ]*){1,8}\]$`)

	// What a program says of itself in "meta name=generator".
	productShape = regexp.MustCompile(`^[A-Za-z0-9 .,()/:+_-]{0,128}$`)
)

// seenAttributes remembers the last values that were hidden, by what they look like:
// most stand again and again.
type seenAttributes [64][]byte

// add reports whether b is not among them, and adds it.
func (s *seenAttributes) add(b []byte) bool {
	sum := uint(len(b))
	for i := 0; i < len(b); i += 1 + len(b)/16 {
		sum = sum*31 + uint(b[i])
	}
	slot := &s[sum%uint(len(s))]
	if bytes.Equal(*slot, b) {
		return false
	}
	*slot = b
	return true
}
