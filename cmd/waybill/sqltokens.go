package main

import (
	"bytes"
	"strings"
)

// sqlTokens reads a statement of SQL as far as it must be read to find rows of values.
type sqlTokens struct {
	t         []byte
	i         int
	backslash bool // it escapes within texts
}

// space moves behind white space and comments.
func (k *sqlTokens) space() {
	for k.i < len(k.t) {
		rest := k.t[k.i:]
		switch {
		case rest[0] <= ' ':
			k.i++
		case bytes.HasPrefix(rest, []byte("/*")) && bytes.Contains(rest, []byte("*/")):
			k.i += bytes.Index(rest, []byte("*/")) + 2
		case bytes.HasPrefix(rest, []byte("--")) && bytes.IndexByte(rest, '\n') >= 0:
			k.i += bytes.IndexByte(rest, '\n') + 1
		default:
			return
		}
	}
}

// word reads a word of letters, in lower case.
func (k *sqlTokens) word() string {
	k.space()
	begun := k.i
	for k.i < len(k.t) && (k.t[k.i]|0x20 >= 'a' && k.t[k.i]|0x20 <= 'z' || k.t[k.i] == '_') {
		k.i++
	}
	return strings.ToLower(string(k.t[begun:k.i]))
}

// identifier reads a name, quoted or not, and gives it without quotes.
func (k *sqlTokens) identifier() string {
	k.space()
	if k.i == len(k.t) {
		return ""
	}
	if q := k.t[k.i]; q == '`' || q == '"' || q == '[' {
		end := q
		if q == '[' {
			end = ']'
		}
		n := bytes.IndexByte(k.t[k.i+1:], end)
		if n < 0 {
			return ""
		}
		name := string(k.t[k.i+1 : k.i+1+n])
		k.i += n + 2
		return name
	}
	begun := k.i
	for k.i < len(k.t) && (k.t[k.i] == '_' || k.t[k.i] == '$' || k.t[k.i] >= 0x80 || k.t[k.i]|0x20 >= 'a' && k.t[k.i]|0x20 <= 'z' || k.t[k.i] >= '0' && k.t[k.i] <= '9') {
		k.i++
	}
	return string(k.t[begun:k.i])
}

// afterWord gives the name that stands behind a word, without the schema before it, in
// lower case; "" where there is none. "if not exists" may stand between.
func (k *sqlTokens) afterWord(word string) string {
	k.i = 0
	if !k.until(word) {
		return ""
	}
	name := ""
	for {
		name = k.identifier()
		if w := strings.ToLower(name); w == "if" || w == "not" || w == "exists" || w == "only" {
			continue
		}
		if k.i < len(k.t) && k.t[k.i] == '.' {
			k.i++
			continue
		}
		return strings.ToLower(name)
	}
}

// until moves behind a word that stands outside quotes.
func (k *sqlTokens) until(word string) bool {
	for k.i < len(k.t) {
		k.space()
		if k.i == len(k.t) {
			return false
		}
		switch c := k.t[k.i]; {
		case c == '\'' || c == '"' || c == '`':
			if !k.skipQuoted(c) {
				return false
			}
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_':
			if strings.EqualFold(k.identifier(), word) {
				return true
			}
		default:
			k.i++
		}
	}
	return false
}

func (k *sqlTokens) skipQuoted(q byte) bool {
	for k.i++; k.i < len(k.t); k.i++ {
		switch {
		case k.t[k.i] == '\\' && q == '\'' && k.backslash:
			k.i++
		case k.t[k.i] == q:
			k.i++
			return true
		}
	}
	return false
}

// open moves behind "(", where that stands next.
func (k *sqlTokens) open() bool {
	k.space()
	if k.i < len(k.t) && k.t[k.i] == '(' {
		k.i++
		return true
	}
	return false
}

func (k *sqlTokens) comma() {
	k.space()
	if k.i < len(k.t) && k.t[k.i] == ',' {
		k.i++
	}
}

// names reads a list of names in parentheses; nil where there is none.
func (k *sqlTokens) names() (list []string) {
	begun := k.i
	if !k.open() {
		k.i = begun
		return nil
	}
	for {
		name := k.identifier()
		if name == "" {
			k.i = begun
			return nil
		}
		list = append(list, name)
		k.space()
		if k.i == len(k.t) {
			return list
		}
		k.i++
		if k.t[k.i-1] == ')' {
			return list
		}
	}
}

// bareKeyword reports whether a word begins a part of CREATE TABLE that is no column.
func (k *sqlTokens) bareKeyword(word string) bool {
	switch word {
	case "primary", "unique", "key", "constraint", "foreign", "index", "check", "fulltext", "spatial", "exclude":
		return true
	}
	return false
}

// skipTo moves behind the next of two characters outside parentheses and quotes.
func (k *sqlTokens) skipTo(a, b byte) bool {
	depth := 0
	for k.i < len(k.t) {
		switch c := k.t[k.i]; {
		case c == '\'' || c == '"' || c == '`':
			if !k.skipQuoted(c) {
				return false
			}
			continue
		case depth == 0 && (c == a || c == b):
			k.i++
			return true
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
		k.i++
	}
	return false
}

// A sqlValue is where a value stands in a statement.
type sqlValue struct {
	start, end int
	keep       bool // NULL, a function: it is none of a person
	quoted     bool
	escaped    bool // backslashes escape in it
}

// write is a value as it is written in the place of v.
func (v *sqlValue) write(s string) string {
	if !v.quoted {
		for _, c := range s {
			if (c < '0' || c > '9') && c != '-' && c != '.' {
				return "'" + strings.ReplaceAll(s, "'", "''") + "'"
			}
		}
		return s
	}
	if v.escaped {
		s = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// values reads the values of one row, behind its "(", up to its ")".
func (k *sqlTokens) values() (cells []string, spans []sqlValue, ok bool) {
	for {
		k.space()
		v := sqlValue{start: k.i}
		cell := ""
		switch {
		case k.i == len(k.t):
			return nil, nil, false
		case k.t[k.i] == '\'':
			if cell, ok = k.text(&v); !ok {
				return nil, nil, false
			}
		default:
			if !k.skipTo(',', ')') {
				return nil, nil, false
			}
			k.i--
			v.end = k.i
			for v.end > v.start && k.t[v.end-1] <= ' ' {
				v.end--
			}
			cell = string(k.t[v.start:v.end])
			v.keep = strings.Trim(cell, "0123456789.-") != "" || cell == ""
		}
		cells, spans = append(cells, cell), append(spans, v)
		if !k.skipTo(',', ')') {
			return nil, nil, false
		}
		if k.t[k.i-1] == ')' {
			return cells, spans, true
		}
	}
}

// text reads a text in single quotes.
func (k *sqlTokens) text(v *sqlValue) (string, bool) {
	var out []byte
	v.quoted = true
	for k.i++; k.i < len(k.t); k.i++ {
		c := k.t[k.i]
		switch {
		case c == '\\' && k.backslash && k.i+1 < len(k.t):
			v.escaped = true
			k.i++
			switch e := k.t[k.i]; e {
			case 'n':
				out = append(out, '\n')
			case 'r':
				out = append(out, '\r')
			case 't':
				out = append(out, '\t')
			default:
				out = append(out, e)
			}
		case c == '\'' && k.i+1 < len(k.t) && k.t[k.i+1] == '\'':
			out = append(out, c)
			k.i++
		case c == '\'':
			k.i++
			v.end = k.i
			return string(out), true
		default:
			out = append(out, c)
		}
	}
	return "", false
}
