package mbox

import (
	"bytes"
	"strings"
)

// fromLine reads a From_ line: "From ", a sender, and "Www Mmm dd hh:mm[:ss]", a
// year, and before it perhaps one word of a zone. What follows the year is not looked
// at. The sender may hold spaces, as some writers left them, and is "" where it is
// "-" or missing; MAILER-DAEMON stands for the empty sender of RFC 5321, "<>".
func fromLine(line []byte) (sender string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok {
		return "", false
	}
	words := strings.Fields(string(rest))
	for i := 0; i+5 <= len(words); i++ {
		if !isDate(words[i:]) {
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

// isDate takes at least five words.
func isDate(w []string) bool {
	const (
		days   = "Mon Tue Wed Thu Fri Sat Sun"
		months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
	)
	if len(w[0]) != 3 || !strings.Contains(days, w[0]) || len(w[1]) != 3 || !strings.Contains(months, w[1]) {
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
