package canon

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// meta adds what an element "meta" says or loads.
func (h *htmlReader) meta(attrs attributes) {
	content := attrs.get("content")
	name := attrs.get("name")
	if name == "" {
		name = attrs.get("property")
	} else if property := attrs.get("property"); property != "" {
		h.part("meta", gate.Value, collapse(property)+"="+collapse(content))
	}
	switch equiv := asciiLower(attrs.get("http-equiv")); equiv {
	case "refresh":
		delay, target, _ := strings.Cut(content, ";")
		target = strings.Trim(target, " \t\r\n")
		if target = refreshTarget(target); target != "" {
			h.load(target)
		}
		h.part("meta", gate.Value, "refresh="+collapse(delay))
	case "content-type", "content-style-type", "content-script-type", "x-ua-compatible":
		h.plainMeta(equiv, content, typeShape)
	case "":
		if name == "" && content == "" {
			return
		}
		switch asciiLower(name) {
		case "viewport", "color-scheme", "supported-color-schemes", "format-detection", "theme-color", "progid", "originator":
			h.plainMeta(name, content, mediaShape)
		case "generator":
			h.plainMeta(name, content, noShape)
		default:
			h.part("meta", gate.Value, collapse(name)+"="+collapse(content))
		}
		return
	default:
		h.part("meta", gate.Value, equiv+"="+collapse(content))
	}
	if name != "" {
		h.part("meta", gate.Value, collapse(name)+"="+collapse(content))
	}
}

// plainMeta hides what says how a document is written, and was written by, where it is
// of the shape of that.
func (h *htmlReader) plainMeta(name, content string, shape shape) {
	if !shape.has([]byte(content)) && !(shape == noShape && productShape.MatchString(content)) {
		h.part("meta", gate.Value, collapse(name)+"="+collapse(content))
		return
	}
	h.plain = append(append(append(append(h.plain, name...), '='), content...), ' ')
}

// refreshTarget returns the URL in what follows the delay of a refresh (WHATWG HTML,
// 4.2.5.3): only behind "url" and "=" it may stand in quotes.
func refreshTarget(s string) string {
	const spaces = " \t\r\n\f"
	if len(s) >= 3 && strings.EqualFold(s[:3], "url") {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(s[3:], spaces), "="); ok {
			s = strings.TrimLeft(rest, spaces)
		}
	}
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		s, _, _ = strings.Cut(s[1:], s[:1])
	}
	return strings.Trim(s, spaces)
}

// srcset splits a list of images and their sizes (WHATWG HTML, 4.8.4.2.1). Those are
// returned with a space between them.
func srcset(s string) (urls []string, sizes string) {
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n\f,")
		end := strings.IndexAny(s, " \t\r\n\f")
		if end < 0 {
			end = len(s)
		}
		url := strings.TrimRight(s[:end], ",")
		if url != "" {
			urls = append(urls, url)
		}
		if len(url) < end { // a comma ended it
			s = s[end:]
			continue
		}
		var size string
		size, s, _ = strings.Cut(s[end:], ",")
		sizes = strings.TrimLeft(sizes+" "+collapse(size), " ")
	}
	return urls, sizes
}
