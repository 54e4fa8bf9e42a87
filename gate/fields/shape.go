package fields

import (
	"encoding/base64"
	"slices"
	"strings"
)

// maxShaped is how long a value may be that is told by its shape.
const maxShaped = 512

// FreshID reports whether s has the shape of an id that is made anew for each message:
// letters, digits and ".$+_=-" in no structure of paths or of keys and values, with at
// least one run of eight characters or more that holds a digit, or one that reads as drawn from
// base64url (RFC 4648, section 5), whose signs and digits chance sets. Of ids that are drawn so,
// fewer than one in five hundred have another shape.
func FreshID(s string) bool {
	if len(s) > maxShaped {
		return false
	}
	fresh, digit, start := false, false, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			if c := s[i]; isAlnum(c) {
				digit = digit || isDigit(c)
				continue
			} else if strings.IndexByte(".$+_=-", c) < 0 {
				return false
			}
		}
		run := s[start:i]
		fresh = fresh || digit && len(run) >= 8
		if i < len(s) && s[i] == '=' && isKey(run) && i+1 < len(s) {
			return false
		}
		digit, start = false, i+1
	}
	return fresh || strings.ContainsFunc(s, isUpper) && slices.ContainsFunc(strings.FieldsFunc(s, notDrawn), isDrawn)
}

// minDrawn is how many characters have to be there to say that they were drawn.
const minDrawn = 16

func isUpper(r rune) bool { return 'A' <= r && r <= 'Z' }

func notDrawn(r rune) bool { return strings.ContainsRune(".$+=", r) }

// isDrawn reports whether letters, digits, "-" and "_" are no words, and change from one sort to
// another at one of four places at least: where each is drawn it is nearly two of three.
func isDrawn(s string) bool {
	if word, rest, ok := strings.Cut(s, "_"); ok && isKey(word) { // msg_, evt_
		s = rest
	}
	changes := 0
	for i := 1; i < len(s); i++ {
		if sortOf(s[i]) != sortOf(s[i-1]) {
			changes++
		}
	}
	return len(s) >= minDrawn && 4*changes >= len(s) && !areWords(s)
}

// areWords reports whether what "-" and "_" part are words: in one case, or with a capital where
// each of one or more begins, as in "MacGregor".
func areWords(s string) bool {
	for piece := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == '_' }) {
		if strings.ToUpper(piece) == piece && strings.Trim(piece, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			continue
		}
		for i := 0; i < len(piece); i++ {
			capitals := i > 0 && sortOf(piece[i]) == 1 && sortOf(piece[i-1]) == 1
			if sortOf(piece[i]) > 1 || capitals && i > 1 { // O'Brien is written OBrien
				return false
			}
		}
	}
	return true
}

// sortOf says which of lower case, upper case, digits and signs a character is of.
func sortOf(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return 0
	case 'A' <= c && c <= 'Z':
		return 1
	case isDigit(c):
		return 2
	}
	return 3
}

// isKey reports whether a run of letters and digits can be the name of a value: letters
// alone, all in one case but for the first.
func isKey(run string) bool {
	if len(run) < 2 {
		return false
	}
	lower, upper := 0, 0
	for i := 0; i < len(run); i++ {
		switch c := run[i]; {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			if i > 0 {
				upper++
			}
		default:
			return false
		}
	}
	return lower == 0 || upper == 0
}

// MessageID splits "<local@domain>" (RFC 5322, 3.6.4) where its local part has the shape
// of an id that is made anew. ok is false for any other id: that of a conversation, say,
// by which answers are filed.
func MessageID(value string) (local, domain string, ok bool) {
	inner, ok := strings.CutPrefix(value, "<")
	if !ok {
		return "", "", false
	}
	if inner, ok = strings.CutSuffix(inner, ">"); !ok {
		return "", "", false
	}
	local, domain, ok = strings.Cut(inner, "@")
	return local, domain, ok && isFreshLocal(local) && IsHost(domain)
}

// isFreshLocal reports whether the local part of an id holds a token that is made anew, and
// beside it only words without a structure of their own, joined by what RFC 5322, 3.2.3,
// allows in an atom: "20310304.x1%user". A slash makes a path, and a dot behind "%" a
// domain: who chose these meant something.
func isFreshLocal(local string) bool {
	fresh := false
	for piece := range strings.FieldsFuncSeq(local, func(r rune) bool { return strings.ContainsRune("%!#&'*?^`{|}~", r) }) {
		switch {
		case !fresh && FreshID(piece):
			fresh = true
		case len(piece) > 32 || strings.Trim(strings.ToLower(piece), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
			return false
		}
	}
	return fresh
}

// Uneven counts the separators of a list that are not written as most senders do, each
// followed by one space and an item: readers take these lists to be the same. What stands
// in quotes is no separator.
func Uneven(list string, sep byte) (n uint64) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			rest := list[i+1:]
			if i == 0 || list[i-1] == ' ' || len(rest) < 2 || rest[0] != ' ' || rest[1] == sep || rest[1] == ' ' {
				n++
			}
		}
	}
	if quoted {
		n++
	}
	return n
}

// IsHost reports whether s is written as the name or the address of a host is (RFC
// 5321, 4.1.2 and 4.1.3), with "_" as machines' own names have it.
func IsHost(s string) bool {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
		if rest, ok := cutFold(s, "IPv6:"); ok {
			s = rest
		}
		return s != "" && len(s) <= 45 && strings.Trim(s, "0123456789abcdefABCDEF:.") == ""
	}
	if s == "" || len(s) > 255 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '-' && c != '_' && (c != '.' || i > 0 && s[i-1] == '.') {
			return false
		}
	}
	return true
}

// TraceID reports whether value is one that the tracing field called name has, which
// is made for each request and says nothing besides. id is the trace's own in lower
// case, where the field's format says which of it that is.
func TraceID(name, value string) (id string, ok bool) {
	if len(value) > maxShaped {
		return "", false
	}
	switch name {
	case "traceparent":
		return traceparent(value)
	case "b3":
		return b3(value)
	case "x-b3-traceid":
		if isHex(value, 32) || isHex(value, 16) {
			return strings.ToLower(value), true
		}
		return "", false
	case "x-b3-spanid", "x-b3-parentspanid":
		return "", isHex(value, 16)
	case "x-b3-sampled", "x-b3-flags":
		return "", isOneOf(value, "0", "1", "d", "true", "false")
	case "tracestate":
		return "", tracestate(value)
	case "x-amzn-trace-id":
		return "", amazonTrace(value)
	case "x-cloud-trace-context":
		trace, rest, _ := strings.Cut(value, "/")
		span, options, _ := strings.Cut(rest, ";")
		return "", isHex(trace, 32) && isDigits(span, 20) && isOneOf(options, "", "o=0", "o=1", "o=2", "o=3")
	case "uber-trace-id":
		p := strings.Split(value, ":")
		return "", len(p) == 4 && upToHex(p[0], 32) && upToHex(p[1], 16) && upToHex(p[2], 16) && upToHex(p[3], 2)
	case "sentry-trace":
		p := strings.Split(value, "-")
		return "", (len(p) == 2 || len(p) == 3 && isOneOf(p[2], "0", "1")) && isHex(p[0], 32) && isHex(p[1], 16)
	}
	if strings.HasPrefix(name, "x-datadog-") {
		return "", isDigits(strings.TrimPrefix(value, "-"), 20)
	}
	return "", Of(name).Kind == Trace && FreshID(strings.Trim(value, "{}"))
}

// traceparent is "version-trace-parent-flags" (W3C Trace Context, 3.2.2), which later
// versions may make longer.
func traceparent(value string) (id string, ok bool) {
	p := strings.Split(value, "-")
	if len(p) < 4 || !isHex(p[0], 2) || !isHex(p[1], 32) || !isHex(p[2], 16) || !isHex(p[3], 2) || len(p) > 4 && p[0] == "00" {
		return "", false
	}
	for _, more := range p[4:] {
		if !upToHex(more, 64) {
			return "", false
		}
	}
	return strings.ToLower(p[1]), true
}

// b3 is "trace-span-sampled-parent", of which the last two may be left out, or the
// sampling alone.
func b3(value string) (id string, ok bool) {
	if isOneOf(value, "0", "1", "d") {
		return "", true
	}
	p := strings.Split(value, "-")
	if len(p) < 2 || len(p) > 4 || !isHex(p[0], 32) && !isHex(p[0], 16) || !isHex(p[1], 16) ||
		len(p) > 2 && !isOneOf(p[2], "0", "1", "d") || len(p) > 3 && !isHex(p[3], 16) {
		return "", false
	}
	return strings.ToLower(p[0]), true
}

// tracestate is a list of vendors' keys and opaque values (W3C Trace Context, 3.3.1). A
// value with a space or an "@" in it is of the grammar too, but no value of a vendor's.
func tracestate(value string) bool {
	for member := range strings.SplitSeq(value, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, opaque, ok := strings.Cut(member, "=")
		if !ok || key == "" || len(key) > 256 || opaque == "" || len(opaque) > 256 {
			return false
		}
		for i := 0; i < len(key); i++ {
			if c := key[i]; !('a' <= c && c <= 'z') && !isDigit(c) && strings.IndexByte("_-*/@", c) < 0 {
				return false
			}
		}
		if strings.Count(key, "@") > 1 {
			return false
		}
		for i := 0; i < len(opaque); i++ {
			if c := opaque[i]; c <= ' ' || c >= 0x7f || c == '=' || c == '@' {
				return false
			}
		}
	}
	return value != ""
}

// amazonTrace is "Root=1-time-id;Parent=id;Sampled=0", as load balancers of AWS write it.
func amazonTrace(value string) bool {
	for tag := range strings.SplitSeq(value, ";") {
		key, v, _ := strings.Cut(strings.TrimSpace(tag), "=")
		switch key {
		case "Root", "Self":
			p := strings.Split(v, "-")
			if len(p) != 3 || p[0] != "1" || !isHex(p[1], 8) || !isHex(p[2], 24) {
				return false
			}
		case "Parent":
			if !isHex(v, 16) {
				return false
			}
		case "Sampled":
			if !isOneOf(v, "0", "1", "?") {
				return false
			}
		case "Lineage":
			if strings.Trim(v, "0123456789abcdef:|-") != "" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// IsMAC reports whether value is a code over a body in one of the forms that webhooks
// have: a digest in hexadecimal or base64, bare or behind its algorithm or version,
// alone or in a list with the seconds at which it was made; or those seconds.
func IsMAC(value string) bool {
	if len(value) > maxShaped {
		return false
	}
	codes := 0
	for item := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		key, code, ok := strings.Cut(item, "=")
		if !ok || !isAlgorithm(key) {
			key, code = "", item
		}
		switch {
		case (key == "t" || key == "") && isSeconds(code):
		case key == "" && (item == "v1" || item == "v1a"): // "v1,CODE" of Standard Webhooks
			continue
		case !IsDigest(code):
			return false
		}
		codes++
	}
	return codes > 0
}

// isAlgorithm reports whether key names a digest or a version of a scheme.
func isAlgorithm(key string) bool {
	return isOneOf(strings.ToLower(key), "t", "v0", "v1", "v1a", "sha1", "sha256", "sha512", "sha-1", "sha-256", "sha-512", "md5", "hmac-sha256", "s")
}

// IsDigest reports whether s is, by its length and alphabet, an MD5, SHA-1, SHA-256,
// SHA-384 or SHA-512 in hexadecimal or in either base64, or an Ed25519 signature.
func IsDigest(s string) bool {
	switch len(s) {
	case 32, 40, 64, 96, 128:
		if isHex(s, len(s)) {
			return true
		}
	}
	raw, ok := unbase64(s)
	if !ok {
		return false
	}
	switch len(raw) {
	case 16, 20, 32, 48, 64:
		return true
	}
	return false
}

// Base64 reports whether s is base64 of either alphabet, whole, of at least 8 characters
// and with a digit or both cases among them, so that it is no word.
func Base64(s string) bool {
	if _, ok := unbase64(s); !ok || len(s) < 8 {
		return false
	}
	return strings.ContainsAny(s, "0123456789") || s != strings.ToLower(s) && s != strings.ToUpper(s)
}

func unbase64(s string) ([]byte, bool) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	raw, err := enc.DecodeString(s)
	return raw, err == nil
}

// IsBoundary reports whether a value is written as a boundary is (RFC 2046, 5.1.1). No
// sender puts the spaces in it that are allowed there.
func IsBoundary(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; !isAlnum(c) && strings.IndexByte("'()+_,-./:=?", c) < 0 {
			return false
		}
	}
	return value != "" && len(value) <= 70
}

// isSeconds reports whether s is a time of this century in seconds or milliseconds.
func isSeconds(s string) bool {
	return (len(s) == 10 || len(s) == 13) && isDigits(s, 13) && (s[0] == '1' || s[0] == '2')
}

// AWSDate reports whether s is a time as AWS signs it: "20060102T150405Z".
func AWSDate(s string) bool {
	return len(s) == 16 && s[8] == 'T' && s[15] == 'Z' && isDigits(s[:8], 8) && isDigits(s[9:15], 6)
}

func isOneOf(s string, words ...string) bool {
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}

// isDigits reports whether s is 1 to n digits.
func isDigits(s string, n int) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= n
}

// isHex reports whether s is n hexadecimal digits.
func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// upToHex reports whether s is 1 to n hexadecimal digits.
func upToHex(s string, n int) bool { return s != "" && len(s) <= n && isHex(s, len(s)) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) }

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
