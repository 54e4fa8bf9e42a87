package pseudonym

import (
	"bytes"
	"strings"
)

// wrappers are names of members that hold the value of the field that their object is called
// by: of types of databases, operators of queries, languages, and states before and after.
var wrappers = set(`s n ss value val values text raw default original formatted literal string current old new before after eq ne in nin like ilike regex contains startswith endswith matches gt lt gte lte is not match query`)

// wrapped is the name by which a member's value is read: that of its object, where the member
// only says in which way it is given.
func (o *members) wrapped(c *Cleaner, key string) string {
	if o.own == "" {
		return key
	}
	word := strings.ToLower(strings.Trim(key, "$#@_"))
	language := len(word) == 2 || len(word) == 5 && (word[2] == '-' || word[2] == '_')
	if !wrappers[word] && !language {
		return key
	}
	switch m := c.meanings.of(o.own); m {
	case personName, plainName, birthDate, telephone, nationalID, loginName:
		if own := c.meanings.of(key); own == noMeaning || own == namePiece {
			return o.own
		}
	}
	return key
}

// elements are the places of the values of the list that begins at from in JSON text.
func elements(t []byte, from int) (list [][2]int) {
	if t[from] != '[' {
		return nil
	}
	depth := 0
	begin := from + 1
	for i := from; i < len(t); i++ {
		switch t[i] {
		case '"':
			r := jsonReader{t: t, i: i}
			if !r.skipString() {
				return nil
			}
			i = r.i - 1
		case '[', '{':
			depth++
		case ']', '}', ',':
			if t[i] != ',' {
				depth--
			}
			if depth > 1 || t[i] == ',' && depth != 1 {
				continue
			}
			if depth == 1 && t[i] != ',' {
				continue
			}
			raw := t[begin:i]
			trimmed := bytes.TrimLeft(raw, " \t\r\n")
			if at := begin + len(raw) - len(trimmed); len(bytes.TrimRight(trimmed, " \t\r\n")) > 0 {
				list = append(list, [2]int{at, at + len(bytes.TrimRight(trimmed, " \t\r\n"))})
			}
			begin = i + 1
			if depth == 0 {
				return list
			}
		}
	}
	return nil
}

// columnsOf are the meanings of a list of names of fields; nil: it is none.
func (r *jsonReader) columnsOf(from int) []meaning {
	var held []meaning
	known := 0
	for _, at := range elements(r.t, from) {
		if r.t[at[0]] != '"' {
			return nil
		}
		m := pairMeaning(r.w.c, plainJSON(r.t[at[0]+1:at[1]-1]))
		if m != noMeaning {
			known++
		}
		held = append(held, m)
	}
	if known == 0 || len(held) < 2 {
		return nil
	}
	return held
}

// rows replaces the values of lists by the meanings of their columns.
func (r *jsonReader) rows(held []meaning, lists [][2]int) {
	for _, row := range lists {
		var full []byte
		cells := elements(r.t, row[0])
		for i, at := range cells {
			if i < len(held) && held[i] == personName && r.t[at[0]] == '"' {
				if text := plainJSON(r.t[at[0]+1 : at[1]-1]); isName(text) {
					full = append(append(full, text...), ' ')
				}
			}
		}
		r.w.nameOf(full, "")
		for i, at := range cells {
			if i < len(held) && held[i] != noMeaning && held[i] != mailbox {
				p := pair{said: held[i], holders: [][2]int{at}}
				p.end(r)
			}
		}
	}
}

// table reads a list of lists whose first holds the names of columns.
func (r *jsonReader) table(from int) {
	lists := elements(r.t, from)
	if len(lists) < 2 || r.t[lists[0][0]] != '[' || r.t[lists[1][0]] != '[' {
		return
	}
	if held := r.columnsOf(lists[0][0]); held != nil && len(elements(r.t, lists[1][0])) == len(held) {
		r.rows(held, lists[1:])
	}
}

// A tabled object holds the names of columns in one member, and rows in another.
type tabled struct{ columns, rows int } // where they begin; 0: there is none

// take notes a member whose value begins at from and was read.
func (p *tabled) take(r *jsonReader, key string, from int) {
	if r.t[from] != '[' {
		return
	}
	switch strings.ToLower(key) {
	case "columns", "cols", "headers", "header", "fields", "column_names", "columnnames":
		p.columns = from
	case "rows", "data", "values", "records", "cells":
		p.rows = from
	}
}

func (p *tabled) end(r *jsonReader) {
	if p.columns == 0 || p.rows == 0 {
		return
	}
	if held := r.columnsOf(p.columns); held != nil {
		lists := elements(r.t, p.rows)
		if len(lists) > 0 && r.t[lists[0][0]] == '[' {
			r.rows(held, lists)
		}
	}
}

// listed makes names of the entries of a list, or of a text with semicolons between, that have
// the form of full names.
func (r *jsonReader) listed(text []byte) (found bool) {
	for one := range bytes.FieldsFuncSeq(text, func(c rune) bool { return c == ';' || c == '"' }) {
		if one = bytes.Trim(one, " ,\t\r\n"); looksFull(one) {
			r.w.likely(one, "")
			found = true
		}
	}
	return found
}
