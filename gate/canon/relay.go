package canon

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// received reads a trace that a server left (RFC 5321, 4.4). Addresses in it are compared.
// What the grammar gives a place to, and what has that place's shape, is hidden: hosts,
// protocol, id, date. What remains is compared as it stands.
func (s *state) received(name, value string) {
	value = decodeWords(value) // which some software writes here, where none may be
	if i := strings.LastIndexByte(value, ';'); i >= 0 && fields.IsDate(value[i+1:]) {
		s.hide("date", s.join(name, "date"), strings.Trim(value[i+1:], " "))
		value = value[:i]
	}
	var unread []string
	clause, seen := "", 0 // a bit for each clause
	for value = strings.Trim(value, " "); value != ""; value = strings.TrimLeft(value, " ") {
		n := tokenLen(value)
		token := value[:n]
		value = value[n:]
		switch {
		case token[0] == '(' && commentLen(token) == len(token):
			s.receivedComment(name, token)
		case clause != "":
			if !s.receivedClause(name, clause, token) {
				unread = append(unread, clause, token)
			}
			clause = ""
		default:
			clause = asciiLower(token)
			at := slices.Index(receivedClauses, clause)
			if at < 0 || seen&(1<<at) != 0 {
				clause = ""
				unread = append(unread, token)
				continue
			}
			seen |= 1 << at
		}
	}
	if clause != "" {
		unread = append(unread, clause)
	}
	if len(unread) > 0 {
		s.emit(name, gate.Value, normal(gate.Value, decodeWords(strings.Join(unread, " "))))
	}
}

// receivedClauses begin the clauses of a trace (RFC 5321, 4.4), each once at most.
var receivedClauses = []string{"from", "by", "via", "with", "id", "for"}

// tokenLen is the length of the comment, the text in angle brackets or the word that s
// begins with.
func tokenLen(s string) int {
	switch s[0] {
	case '(':
		if n := commentLen(s); n > 0 {
			return n
		}
	case '<':
		if n := strings.IndexByte(s, '>'); n > 0 {
			return n + 1
		}
	}
	n := 1
	for n < len(s) && s[n] != ' ' && s[n] != '(' {
		n++
	}
	return n
}

// receivedClause takes the word of one clause and reports whether it was of its shape.
func (s *state) receivedClause(name, clause, word string) bool {
	shaped := false
	switch clause {
	case "for":
		r, err := gate.MailRecipient(addrSpec(strings.Trim(word, "<>")), "")
		if err == nil {
			s.emit(s.join(name, "for"), gate.Addresses, r.Address)
			if strings.Count(word, "<") != 1 || strings.Count(word, ">") != 1 {
				s.spelling(s.join(name, "for"), 1)
			}
		}
		return err == nil
	case "from", "by":
		shaped = fields.IsHost(word)
	case "via", "with":
		if !isMailProtocol(asciiLower(word)) {
			return false
		}
		s.mask("received", name, 1)
		s.keep("received", s.join(name, clause), word)
		return true
	case "id":
		if local, domain, ok := fields.MessageID(word); ok {
			s.hideRuns("received", s.join(name, "id"), local, word)
			s.hide("received", s.join(name, "id/domain"), domain)
			return true
		}
		shaped = isQueueID(word)
	}
	if shaped {
		s.hide("received", s.join(name, clause), word)
	}
	return shaped
}

// isMailProtocol knows the names that RFC 3848 and RFC 6531 register, in lower case, and
// those of older servers.
func isMailProtocol(word string) bool {
	word = strings.TrimPrefix(word, "utf8")
	for _, of := range [...]string{"esmtp", "smtp", "lmtp"} {
		if rest, ok := strings.CutPrefix(word, of); ok {
			return isOneOf(rest, "", "s", "a", "sa")
		}
	}
	return isOneOf(word, "tcp", "uucp", "http", "https", "local", "mapi", "pop3", "imap")
}

// isQueueID reports whether a word is the id that a server gives to a mail: an atom (RFC 5321,
// 4.4), which names no address and no host.
func isQueueID(word string) bool {
	if fields.FreshID(word) {
		return true
	}
	for i := 0; i < len(word); i++ {
		if !isAlnum(word[i]) && strings.IndexByte("-_", word[i]) < 0 {
			return false
		}
	}
	return word != "" && len(word) <= 64
}

// receivedComment takes a comment of a trace: what it says of the peer's name and
// address (RFC 5321, 4.4, TCP-info) is hidden, the envelope's sender and the rest are
// compared.
func (s *state) receivedComment(name, comment string) {
	text := strings.Trim(comment[1:len(comment)-1], " ")
	shaped := text != ""
	for word := range strings.FieldsSeq(text) {
		key, host, ok := strings.Cut(word, "=")
		if !ok {
			key, host = "", word
		}
		bare := strings.Trim(host, "[]()")
		switch lower := asciiLower(word); {
		case isOneOf(lower, "helo", "ehlo", "may", "be", "forged", "unknown", "unverified"):
		case isOneOf(asciiLower(key), "", "helo", "ehlo") && strings.ContainsAny(bare, ".:") && (fields.IsHost(bare) || fields.IsHost("["+bare+"]")):
		case isOneOf(asciiLower(key), "helo", "ehlo") && fields.IsHost(bare):
		default:
			shaped = false
		}
	}
	if shaped {
		s.hide("received", s.join(name, "peer"), text)
		return
	}
	if sender, ok := cutSender(text); ok {
		if r, err := gate.MailRecipient(sender, ""); err == nil {
			s.emit(s.join(name, "envelope-from"), gate.Addresses, r.Address)
			return
		}
	}
	s.comment(name, text)
}

// cutSender returns the address in "envelope-from <a@b>".
func cutSender(text string) (string, bool) {
	for _, key := range [...]string{"envelope-from", "envelope-sender"} {
		if rest, ok := strings.CutPrefix(text, key); ok {
			return strings.Trim(rest, " =<>"), true
		}
	}
	return "", false
}

// signature reads the tags of a signature (RFC 6376, 3.5; RFC 8617, 4.1). What is made
// for each message, and what says how it was made, is hidden where it has the shape of
// that; whose it is, and all else, is compared.
func (s *state) signature(name, value string) {
	const rule = "signature-tag"
	domain := signatureDomain(value)
	s.spelling(name, fields.Uneven(value, ';'))
	var unread []string
	for tag := range strings.SplitSeq(value, ";") {
		key, v, ok := strings.Cut(tag, "=")
		key, v = strings.Trim(key, " "), strings.Trim(v, " ")
		switch {
		case !ok && key == "":
		case !ok || key == "" || len(key) > maxTag || strings.Trim(asciiLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
			unread = append(unread, strings.Trim(tag, " "))
		case key == "d":
			if r, err := gate.HostRecipient(v); err == nil {
				v = r.Address
			}
			s.emit(s.join(name, key), gate.Value, normal(gate.Value, v))
		case key == "i":
			s.signatureIdentity(s.join(name, key), domain, v)
		case isSignatureWord(key, v):
			s.mask(rule, name, 1)
		case (key == "b" || key == "bh") && fields.Base64(strings.ReplaceAll(v, " ", "")):
			s.hide("signature", s.join(name, key), v)
		default:
			s.hideIf(isSignatureTag(key, v), gate.Hidden{Rule: rule, Part: s.join(name, key), Value: v})
		}
	}
	if len(unread) > 0 {
		s.emit(s.join(name, "unread"), gate.Value, normal(gate.Value, strings.Join(unread, "; ")))
	}
}

const maxTag = 32 // bytes of a tag's name

// isSignatureTag reports whether v has the shape of the tag called key.
func isSignatureTag(key, v string) bool {
	switch key {
	case "t", "x":
		return isNumber(v) && len(v) == 10
	case "l":
		return isNumber(v)
	case "s":
		return fields.IsHost(v)
	case "h":
		for name := range strings.SplitSeq(v, ":") {
			if name = strings.Trim(name, " "); strings.Trim(asciiLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				return false
			}
		}
		return v != ""
	}
	return false
}

// isSignatureWord reports whether v is one of the few words that the tag called key may
// have, none of which is anybody's.
func isSignatureWord(key, v string) bool {
	switch key {
	case "v":
		return v == "1"
	case "a":
		return isOneOf(v, "rsa-sha1", "rsa-sha256", "ed25519-sha256")
	case "c":
		of, body, both := strings.Cut(v, "/")
		return isOneOf(of, "simple", "relaxed", "nofws") && (!both || isOneOf(body, "simple", "relaxed"))
	case "q":
		return isOneOf(v, "dns", "dns/txt")
	case "cv":
		return isOneOf(v, "none", "pass", "fail")
	}
	return false
}

// signatureIdentity takes the i= of a signature. Without a local part it is the domain
// of d= or one below; in an ARC set it is a small number.
func (s *state) signatureIdentity(name, domain, v string) {
	if isNumber(v) && len(v) <= 2 {
		s.hide("signature-tag", name, v)
		return
	}
	local, host, ok := strings.Cut(v, "@")
	r, err := gate.HostRecipient(host)
	if ok && local == "" && err == nil && domain != "" && (r.Address == domain || strings.HasSuffix(r.Address, "."+domain)) {
		s.hide("signature-tag", name, host)
		return
	}
	if r, err := gate.MailRecipient(v, ""); err == nil {
		s.emit(name, gate.Addresses, r.Address)
		return
	}
	s.emit(name, gate.Value, normal(gate.Value, decodeWords(v)))
}

// signatureDomain is the d= tag of a signature (RFC 6376, 3.5) in canonical form.
func signatureDomain(value string) string {
	for tag := range strings.SplitSeq(value, ";") {
		k, v, ok := strings.Cut(tag, "=")
		if ok && strings.TrimSpace(k) == "d" {
			v = strings.TrimSpace(v)
			if r, err := gate.HostRecipient(v); err == nil {
				return r.Address
			}
			return normal(gate.Value, v)
		}
	}
	return ""
}

// results reads what a server found about the sender (RFC 8601, 2.2; RFC 7208, 9.1).
// Addresses and comments in it are compared, as is what has no shape of a result.
func (s *state) results(name, value string) {
	const rule = "results"
	text, comment := cutComments(decodeWords(value))
	s.comment(name, comment)
	s.spelling(name, fields.Uneven(text, ';'))
	var unread []string
	first := true
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == ';' }) {
		key, v, ok := strings.Cut(word, "=")
		lower := asciiLower(key)
		v = strings.Trim(v, `"`)
		method, _, _ := strings.Cut(lower, "/")
		switch {
		case !ok && (isResult(lower) || word == "1"):
			s.mask(rule, name, 1)
			if word != lower {
				s.spelling(name, 1)
			}
		case !ok && first && fields.IsHost(word):
			s.hide(rule, s.join(name, "server"), word)
			if rest := strings.TrimLeft(text, " "); rest != word && !strings.HasPrefix(rest[len(word):], ";") {
				s.spelling(name, 1)
			}
		case !ok || lower == "" || len(lower) > maxTag || strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789.-/_") != "":
			unread = append(unread, word)
		case strings.IndexByte(v, '@') > 0:
			kind := gate.Value
			if r, err := gate.MailRecipient(strings.Trim(v, "<>"), ""); err == nil {
				kind, v = gate.Addresses, r.Address
			}
			s.emit(s.join(name, lower), kind, v)
		case isResult(asciiLower(v)) && strings.Trim(method, "abcdefghijklmnopqrstuvwxyz-") == "":
			s.mask(rule, s.join(name, lower), 1)
			if key != lower || v != asciiLower(v) {
				s.spelling(s.join(name, lower), 1)
			}
		case lower == "i" && isNumber(v) && len(v) <= 2,
			strings.ContainsAny(v, ".:") && (fields.IsHost(v) || fields.IsHost("["+v+"]")),
			lower == "header.b" && fields.Base64(v),
			lower == "header.s" && fields.IsHost(v):
			s.hide(rule, s.join(name, lower), v)
		default:
			s.emit(s.join(name, lower), gate.Value, normal(gate.Value, decodeWords(v)))
		}
		first = false
	}
	if len(unread) > 0 {
		s.emit(name, gate.Value, normal(gate.Value, decodeWords(strings.Join(unread, " "))))
	}
}

// isResult knows the results of RFC 8601, 2.7, in lower case.
func isResult(word string) bool {
	return isOneOf(word, "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy", "hardfail", "nxdomain", "signed", "discard")
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func isOneOf(s string, words ...string) bool {
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}
