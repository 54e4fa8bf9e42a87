package decode

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// calendar gives the fields of iCalendar (RFC 5545) and vCard (RFC 6350) objects, unfolded:
// "VCALENDAR/VEVENT/SUMMARY", with "[1]" for the second of its name, and their parameters
// behind "/". An address in a "mailto:" is one. When an object was written, what wrote it, and an
// id that is a UUID, are fresh.
func (c *container) calendar(data []byte) error {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n ", ""), "\n\t", "") // 3.1
	type component struct {
		name, path string
		seen       map[string]int
	}
	stack := []*component{{seen: map[string]int{}}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, params, value, ok := calendarLine(line)
		if !ok {
			return broken(Calendar)
		}
		top := stack[len(stack)-1]
		path := func(key string) string {
			n := top.seen[key]
			top.seen[key]++
			if n > 0 {
				key = fmt.Sprintf("%s[%d]", key, n)
			}
			return under(top.path, key)
		}
		switch name {
		case "BEGIN":
			if len(stack) > maxDepth {
				return &LimitError{"its components nest too deep"}
			}
			kind := validName(strings.ToUpper(value))
			stack = append(stack, &component{kind, path(kind), map[string]int{}})
			continue
		case "END":
			if len(stack) == 1 || top.name != validName(strings.ToUpper(value)) {
				return broken(Calendar)
			}
			stack = stack[:len(stack)-1]
			continue
		}
		if len(stack) == 1 {
			return broken(Calendar)
		}
		if err := c.property(path(validName(name)), name, params, value); err != nil {
			return err
		}
	}
	if len(stack) > 1 || len(stack[0].seen) == 0 {
		return broken(Calendar)
	}
	return nil
}

// calendarLine reads one field (3.1); a group of vCard stays with its name.
func calendarLine(line string) (name string, params []string, value string, ok bool) {
	quoted := false
	from := 0
	var pieces []string
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			pieces = append(pieces, line[from:i])
			from = i + 1
		case c == ':':
			pieces = append(pieces, line[from:i])
			name = strings.ToUpper(pieces[0])
			for i := 0; i < len(name); i++ {
				if !isAlnum(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '_' {
					return "", nil, "", false
				}
			}
			return name, pieces[1:], line[i+1:], name != ""
		}
	}
	return "", nil, "", false
}

var (
	calendarTime = regexp.MustCompile(`^(19|20)\d\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):?[0-5]\d:?([0-5]\d|60)Z$`)
	// product is the formal public identifier (ISO 9070) of what wrote an object (3.7.3).
	product = regexp.MustCompile(`^[-+]//[^/@:]{1,80}(//[^/@:]{1,80}){0,2}$`)
	uuid    = regexp.MustCompile(`^(urn:uuid:)?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$`)
)

// property gives one field: its parameters in order of their names, and its value.
func (c *container) property(path, name string, params []string, value string) error {
	slices.SortStableFunc(params, func(a, b string) int {
		x, _, _ := strings.Cut(a, "=")
		y, _, _ := strings.Cut(b, "=")
		return strings.Compare(strings.ToUpper(x), strings.ToUpper(y))
	})
	for i, p := range params {
		key, v, _ := strings.Cut(p, "=")
		key = validName(strings.ToUpper(key))
		v = strings.Trim(v, `"`)
		at := under(path, key)
		if i > 0 && strings.HasPrefix(strings.ToUpper(params[i-1]), key+"=") {
			at = fmt.Sprintf("%s[%d]", at, i)
		}
		if err := c.calendarValue(at, v); err != nil {
			return err
		}
	}
	rule := ""
	switch name {
	case "DTSTAMP", "CREATED", "LAST-MODIFIED", "REV":
		if calendarTime.MatchString(value) {
			rule = "calendar-stamp"
		}
	case "PRODID":
		if product.MatchString(value) {
			rule = "calendar-product"
		}
	case "UID":
		if uuid.MatchString(value) {
			rule = "calendar-id"
		}
	}
	if rule != "" {
		return c.add(Leaf{Name: path, Class: Fresh, Rule: rule, Data: []byte(value)})
	}
	return c.calendarValue(path, value)
}

// calendarValue gives a value, its escapes undone (3.3.11), or the address that it is.
func (c *container) calendarValue(path, value string) error {
	if len(value) > 7 && strings.EqualFold(value[:7], "mailto:") && strings.Contains(value, "@") && !strings.ContainsAny(value, "?,") {
		return c.add(Leaf{Name: path, Class: People, Data: []byte(value[7:])})
	}
	value = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
	if strings.Contains(value, "\n") || strings.Contains(value, "://") {
		return c.add(Leaf{Name: path, Class: Words, Data: []byte(value)})
	}
	return c.value(path, value)
}
