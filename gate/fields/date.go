package fields

import "strings"

// IsDate reports whether s, unfolded, is a date and time as RFC 5322, 3.3 and 4.3, has
// them, and nothing besides: behind the zone may stand a comment that names a zone.
func IsDate(s string) bool {
	s, ok := cutZoneComment(strings.Trim(s, " "))
	if !ok {
		return false
	}
	var room [8]string
	words := room[:0]
	for w := range strings.FieldsSeq(s) {
		if len(words) == cap(words) {
			return false
		}
		words = append(words, w)
	}
	if len(words) > 0 {
		if day, ok := strings.CutSuffix(words[0], ","); ok {
			if !isName(day, "MonTueWedThuFriSatSun") {
				return false
			}
			words = words[1:]
		}
	}
	if len(words) == 4 { // RFC 5322, 4.3: without a zone senders mean their own
		words = append(words, "-0000")
	}
	return len(words) == 5 && isDigits(words[0], 2) && isName(words[1], "JanFebMarAprMayJunJulAugSepOctNovDec") &&
		(len(words[2]) == 4 || len(words[2]) == 2) && isDigits(words[2], 4) && isClock(words[3]) && isZone(words[4])
}

// IsHTTPDate reports whether s is a date as RFC 9110, 5.6.7, has them to be sent.
func IsHTTPDate(s string) bool {
	return len(s) == len("Mon, 02 Jan 2006 15:04:05 GMT") && strings.HasSuffix(s, " GMT") && IsDate(s)
}

// cutZoneComment takes a comment at the end off that names a zone: "(CEST)", "(Pacific
// Standard Time)". ok is false where there is a comment that does not.
func cutZoneComment(s string) (rest string, ok bool) {
	rest, comment, ok := strings.Cut(s, "(")
	if !ok {
		return s, true
	}
	comment, ok = strings.CutSuffix(comment, ")")
	if !ok {
		return s, false
	}
	short := len(comment) >= 1 && len(comment) <= 5 && strings.Trim(comment, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	for _, end := range [...]string{" Standard Time", " Daylight Time", " Summer Time"} {
		if place, ok := strings.CutSuffix(comment, end); ok && len(place) <= 24 && strings.Count(place, " ") < 3 {
			short = short || strings.Trim(strings.ToLower(place), "abcdefghijklmnopqrstuvwxyz ") == ""
		}
	}
	return rest, short || comment == "" || isZone(comment) || isOneOf(comment, zones...)
}

// zones are the names of one word that the tz database has for zones.
var zones = []string{
	"Cuba", "Egypt", "Eire", "Greenwich", "Hongkong", "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya",
	"Navajo", "Poland", "Portugal", "Singapore", "Turkey", "Universal", "Zulu",
}

func isName(s, names string) bool {
	if len(s) != 3 {
		return false
	}
	for i := 0; i < len(names); i += 3 {
		if strings.EqualFold(s, names[i:i+3]) {
			return true
		}
	}
	return false
}

func isClock(s string) bool {
	n := 0
	for p := range strings.SplitSeq(s, ":") {
		if n++; n > 3 || !isDigits(p, 2) || p > "60" {
			return false
		}
	}
	return n >= 2
}

func isZone(s string) bool {
	if len(s) == 5 && (s[0] == '+' || s[0] == '-') {
		return isDigits(s[1:], 4)
	}
	return len(s) >= 1 && len(s) <= 4 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
