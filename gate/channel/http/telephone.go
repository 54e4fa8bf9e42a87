package http

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/waybill-dev/waybill/gate"
)

// telephone brings a number in a recipient's place into a form that
// [gate.TelRecipient] takes: without the prefix of a message API, such as "whatsapp:",
// and, where it is a number as people in the region write it, in E.164. A number that has the
// region's own code and no plus is left alone: whoever dials it as it is reaches another
// country, or nobody. region is two letters of ISO 3166, "" is not known.
func telephone(s, region string) string {
	if read, ok := gate.ReadsAsRecipient(s); ok && read.Kind == gate.Tel {
		return read.Address
	}
	if prefix, rest, ok := strings.Cut(s, ":"); ok && strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz") == "" {
		s = rest
	}
	if region == "" {
		return s
	}
	digits := strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, s)
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) || strings.HasPrefix(s, "00") {
		return s
	}
	e164 := phonenumbers.Format(n, phonenumbers.E164)
	if "+"+digits == e164 {
		return s
	}
	return e164
}
