package http

import "strings"

const (
	maxClassSegments = 32
	maxClassSegment  = 64 // octets
)

// classOf says what kind of request it is: the method and the path, with "#" for
// each segment that may name a person or a thing rather than a kind. path is as
// [canonicalPath] makes it. These segments become "#":
//
//   - with a digit, unless it is a version: "v" and a number with dots, perhaps
//     with alpha, beta or rc behind ("v1", "v1.2", "v2beta1")
//   - eight or more hexadecimal digits and hyphens, which takes in UUIDs
//   - with "@", ":", "%", a space, or a character outside ASCII
//   - longer than 64 octets
//   - sixteen or more letters that look random: the case changes in a third of the
//     places, or seven stand in a row without a vowel
//
// Segments behind the 32nd become one "#".
func classOf(method, path string) string {
	var b strings.Builder
	if len(method) > maxClassSegment {
		method = "#"
	}
	b.WriteString(method)
	b.WriteByte(' ')
	n := 0
	for segment := range strings.SplitSeq(path, "/") {
		if n > 0 {
			b.WriteByte('/')
		}
		if n++; n > maxClassSegments {
			b.WriteByte('#')
			break
		}
		if isInstance(segment) {
			segment = "#"
		}
		b.WriteString(segment)
	}
	return b.String()
}

func isInstance(s string) bool {
	if len(s) > maxClassSegment {
		return true
	}
	digits, hex := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F', c == '-':
			hex++
		case c >= 0x80, c == '@', c == ':', c == '%', c == ' ':
			return true
		}
	}
	if digits > 0 {
		return !isAPIVersion(s)
	}
	return len(s) >= 8 && hex == len(s) && strings.Trim(s, "-") != "" || looksRandom(s)
}

func isAPIVersion(s string) bool {
	if len(s) < 2 || s[0] != 'v' || s[1] < '0' || s[1] > '9' || len(s) > 16 {
		return false
	}
	s = strings.TrimLeft(s[1:], "0123456789.")
	for _, stage := range [...]string{"alpha", "beta", "rc"} {
		if rest, ok := strings.CutPrefix(s, stage); ok {
			s = rest
			break
		}
	}
	return strings.Trim(s, "0123456789") == ""
}

func looksRandom(s string) bool {
	letters, switches, run, longest := 0, 0, 0, 0
	upper := false
	for i := 0; i < len(s); i++ {
		lower := s[i] | 0x20
		if lower < 'a' || lower > 'z' {
			run = 0
			continue
		}
		isUpper := s[i]&0x20 == 0
		if letters > 0 && isUpper != upper {
			switches++
		}
		upper = isUpper
		letters++
		if strings.IndexByte("aeiouy", lower) >= 0 {
			run = 0
		} else if run++; run > longest {
			longest = run
		}
	}
	return letters >= 16 && (3*switches >= letters || longest >= 7)
}
