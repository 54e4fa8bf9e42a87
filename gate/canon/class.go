package canon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// maxClassSubject is how many characters of a subject go into a mail's class.
const maxClassSubject = 80

// mailClass says what kind of mail this is, stable over people: who it is from, and
// the skeleton of its subject. In the skeleton a word with a digit is "#", words of
// a recipient's local part or display name are "@", and all is lower case.
func (s *state) mailClass() string {
	from := s.from
	if from == "" {
		from = s.value("envelope/from")
	}
	return s.out.Channel + " from=" + from + " subject=" + s.skeleton(s.value("header/subject"))
}

// value is that of the first part called name, "" where there is none.
func (s *state) value(name string) string {
	for i := range s.out.Parts {
		if s.out.Parts[i].Name == name {
			return s.out.Parts[i].Value
		}
	}
	return ""
}

func (s *state) skeleton(subject string) string {
	people := &s.people
	people.reset()
	for _, name := range s.names {
		addWords(people, name)
	}
	for i := range s.out.Recipients {
		r := &s.out.Recipients[i]
		if r.Kind == gate.Mail {
			local := r.Address
			if at := strings.LastIndexByte(local, '@'); at >= 0 {
				local = local[:at]
			}
			addWords(people, local)
		}
	}
	var out strings.Builder
	length, last := 0, ""
	for word := range strings.FieldsSeq(strings.ToLower(subject)) {
		switch {
		case strings.ContainsFunc(word, unicode.IsDigit):
			word = "#"
		case isPerson(people, word):
			word = "@"
		}
		if (word == "#" || word == "@") && word == last {
			continue
		}
		last = word
		n := utf8.RuneCountInString(word)
		if length > 0 {
			n++
		}
		if length += n; length > maxClassSubject {
			break
		}
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word)
	}
	return out.String()
}

// addWords adds the words of two letters and more in s, in lower case.
func addWords(people *wordSet, s string) {
	for word := range strings.FieldsFuncSeq(strings.ToLower(s), notLetter) {
		if utf8.RuneCountInString(word) > 1 {
			people.add(word)
		}
	}
}

// isPerson reports whether a word of a subject names a recipient: all of its parts
// do, but a genitive's "s".
func isPerson(people *wordSet, word string) bool {
	some := false
	for part := range strings.FieldsFuncSeq(word, notLetter) {
		if people.has(part) {
			some = true
		} else if part != "s" {
			return false
		}
	}
	return some
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }
