package pseudonym_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/pseudonym"
)

var digitRuns = regexp.MustCompile(`[0-9]+`)

// A number that a field calls a telephone's is gone in the item and in the session in all ways
// in which it is written, and has one pseudonym in all of them.
func TestTelephonesOfFields(t *testing.T) {
	for _, c := range []struct {
		region, field, value, national string
		said                           []string
	}{
		{"CN", "手机号", "13912345670", "13912345670", []string{"13912345670", "+8613912345670", "8613912345670", "008613912345670", "139 1234 5670"}},
		{"US", "phone", "5105550147", "5105550147", []string{"5105550147", "(510) 555-0147", "15105550147", "+1 510 555 0147"}},
		{"NG", "mobile", "08031234571", "8031234571", []string{"08031234571", "8031234571", "+2348031234571", "2348031234571"}},
		{"RU", "телефон", "89123456701", "9123456701", []string{"89123456701", "+79123456701", "9123456701"}},
		{"DE", "téléphone", "+49 171 2345671", "1712345671", []string{"01712345671", "491712345671", "1712345671", "0171 2345671"}},
		{"", "telefono", "+39 347 1234571", "3471234571", []string{"3471234571", "393471234571", "00393471234571"}},
		{"SA", "رقم الجوال", "٠٥٠١٢٣٤٥٦١", "501234561", []string{"0501234561", "٠٥٠١٢٣٤٥٦١", "966501234561"}},
		{"JP", "電話番号", "０９０−１２３４−５６７１", "9012345671", []string{"09012345671", "090-1234-5671", "０９０−１２３４−５６７１"}},
	} {
		cl := cleaner(t, func(r *pseudonym.Rules) {
			if c.region != "" {
				r.Regions = []string{c.region}
			}
		})
		is := posted(t, cl, "s", "application/json", `{"`+c.field+`":"`+c.value+`"}`)
		if strings.Contains(is, c.value) {
			t.Errorf("%s in %s became %s", c.value, c.field, is)
		}
		want := ""
		for _, said := range c.said {
			is := strings.TrimSuffix(strings.TrimPrefix(posted(t, cl, "s", "text/plain", "call "+said+" now"), "call "), " now")
			if is == said || len(is) != len(said) {
				t.Errorf("after %s in %s, %s became %s", c.value, c.field, said, is)
				continue
			}
			digits := strings.Join(digitRuns.FindAllString(is, -1), "")
			if len(digits) < len(c.national) {
				continue
			}
			national := digits[len(digits)-len(c.national):]
			if want == "" {
				want = national
			}
			if national != want {
				t.Errorf("after %s in %s, %s became %s, want %s in it", c.value, c.field, said, is, want)
			}
		}
		if said := "order 9876543210 of 2026"; posted(t, cl, "s", "text/plain", said) != said {
			t.Errorf("after %s, a number of an order changed", c.value)
		}
	}
}

// Dates of birth in parts become those of the day that they are, whole.
func TestDatesOfBirthInParts(t *testing.T) {
	c := cleaner(t, nil)
	whole := posted(t, c, "", "application/json", `{"dob":"1971-03-04"}`)
	month, day := whole[13:15], whole[16:18]
	short := func(s string) string { return strings.TrimPrefix(s, "0") }
	for body, want := range map[string]string{
		`{"dob":{"year":1971,"month":3,"day":4}}`:                                    `{"dob":{"year":1971,"month":` + short(month) + `,"day":` + short(day) + `}}`,
		`{"birthDate":{"day":"04","month":"03","year":"1971"}}`:                      `{"birthDate":{"day":"` + day + `","month":"` + month + `","year":"1971"}}`,
		`{"birth_day":4,"birth_month":3,"birth_year":1971}`:                          `{"birth_day":` + short(day) + `,"birth_month":` + short(month) + `,"birth_year":1971}`,
		`{"expiry":{"year":1971,"month":3,"day":4}}`:                                 `{"expiry":{"year":1971,"month":3,"day":4}}`,
		`{"year":1971,"month":3,"day":4}`:                                            `{"year":1971,"month":3,"day":4}`,
		`{"birthDay":"1971-03-04"}`:                                                  `{"birthDay":"1971-` + month + `-` + day + `"}`,
		"dob_day=04&dob_month=03&dob_year=1971":                                      "dob_day=" + day + "&dob_month=" + month + "&dob_year=1971",
		"user%5Bdob%281i%29%5D=1971&user%5Bdob%282i%29%5D=3&user%5Bdob%283i%29%5D=4": "user%5Bdob%281i%29%5D=1971&user%5Bdob%282i%29%5D=" + short(month) + "&user%5Bdob%283i%29%5D=" + short(day),
		"start_day=04&start_month=03&start_year=1971":                                "start_day=04&start_month=03&start_year=1971",
	} {
		kind := "application/json"
		if body[0] != '{' {
			kind = "application/x-www-form-urlencoded"
		}
		if is := posted(t, c, "", kind, body); is != want {
			t.Errorf("%s became %s, want %s", body, is, want)
		}
	}
}

// The local part of the person is replaced in a return path that holds an address.
func TestReturnPathsOfReservedDomains(t *testing.T) {
	c := cleaner(t, nil)
	want := mapped(t, c, "wilma.quackenbush@kunde.example")
	local, domain, _ := strings.Cut(want, "@")
	is := posted(t, c, "", "text/plain", "from bounces+wilma.quackenbush=kunde.example@lists.example to x=1@y.example")
	if !strings.Contains(is, "+"+local+"="+domain+"@") || !strings.Contains(is, " x=1@") && !strings.Contains(is, " x=") {
		t.Errorf("a return path became %s", is)
	}
}
