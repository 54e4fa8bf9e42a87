package mbox

import (
	"bytes"
	"strings"
)

// fromLine reads a From_ line: "From ", a sender, and "Www Mmm dd hh:mm[:ss]", a
// year, and before it perhaps one word of a zone; or the date in the form of RFC 5322 or of
// ISO 8601, with a time. What follows the year is not looked
// at. The sender may hold spaces, as some writers left them, and is "" where it is
// "-" or missing; MAILER-DAEMON stands for the empty sender of RFC 5321, "<>".
func fromLine(line []byte) (sender string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok {
		return "", false
	}
	words := strings.Fields(string(rest))
	for i := range words {
		if !(i+5 <= len(words) && isDate(words[i:])) && !isMailDate(words[i:]) && !isInstant(words[i:]) {
			continue
		}
		switch sender = strings.Join(words[:i], " "); sender {
		case "-":
			return "", true
		case "MAILER-DAEMON":
			return "<>", true
		}
		return sender, true
	}
	return "", false
}

// maxField is how far behind a From_ line without a date a field is looked for, in bytes.
const maxField = 1024

// undated reads a From_ line without a date, "From " and a sender or nothing: only where
// next, what follows, begins with a header field.
func undated(line, next []byte) (sender string, ok bool) {
	words := strings.Fields(string(line))
	if len(words) > 2 || !bytes.HasPrefix(line, []byte("From ")) {
		return "", false
	}
	field, _, _ := bytes.Cut(next[:min(len(next), maxField)], []byte("\n"))
	name, _, isField := bytes.Cut(field, []byte(":"))
	if !isField || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", false
	}
	if len(words) == 1 {
		return "", true
	}
	switch sender = words[1]; {
	case sender == "-":
		return "", true
	case sender == "MAILER-DAEMON":
		return "<>", true
	case strings.ContainsAny(sender, ":/\\"): // a word of text, or a path
		return "", false
	}
	return sender, true
}

// isMailDate is "[Www,] dd Mmm yyyy hh:mm[:ss]" (RFC 5322, section 3.3), as some writers put it.
func isMailDate(w []string) bool {
	if len(w[0]) == 4 && w[0][3] == ',' && strings.Contains(days, w[0][:3]) {
		w = w[1:]
	}
	return len(w) >= 4 && isDigits(w[0], 1, 2) && isMonth(w[1]) && isDigits(w[2], 4, 4) && isTime(w[3])
}

// isInstant is a date and a time of ISO 8601, parted by a "T" or a blank.
func isInstant(w []string) bool {
	date, clock, ok := strings.Cut(w[0], "T")
	if !ok && len(w) > 1 {
		clock = w[1]
	}
	clock, _, _ = strings.Cut(clock, ".")
	if i := strings.IndexAny(clock, "Z+-"); i >= 0 {
		clock = clock[:i]
	}
	parts := strings.Split(date, "-")
	return len(parts) == 3 && isDigits(parts[0], 4, 4) && isDigits(parts[1], 2, 2) && isDigits(parts[2], 2, 2) && isTime(clock)
}

const (
	days   = "Mon Tue Wed Thu Fri Sat Sun"
	months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
)

func isMonth(s string) bool { return len(s) == 3 && strings.Contains(months, s) }

// isDate takes at least five words.
func isDate(w []string) bool {
	if len(w[0]) != 3 || !strings.Contains(days, w[0]) || !isMonth(w[1]) {
		return false
	}
	if !isDigits(w[2], 1, 2) || !isTime(w[3]) {
		return false
	}
	return isDigits(w[4], 4, 4) || len(w) > 5 && isDigits(w[5], 4, 4)
}

func isTime(s string) bool {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return false
	}
	for _, p := range parts {
		if !isDigits(p, 1, 2) {
			return false
		}
	}
	return true
}

func isDigits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}
