package pseudonym

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// regions are those that telephone numbers have a plan for.
func regions(list []string) ([]string, error) {
	known := phonenumbers.GetSupportedRegions()
	var out []string
	for _, r := range list {
		r = strings.ToUpper(r)
		if !known[r] {
			return nil, fmt.Errorf("the region %q has no plan of telephone numbers: give it as in ISO 3166-1, such as \"GB\"", r)
		}
		out = append(out, r)
	}
	return out, nil
}

// isNational reports whether text is a telephone number as it is written within one of the
// configured regions, and gives the digits of its national significant number.
func (c *Cleaner) isNational(text string) (national string, ok bool) {
	for _, region := range c.regions {
		n, err := phonenumbers.Parse(text, region)
		if err == nil && phonenumbers.IsValidNumberForRegion(n, region) {
			return phonenumbers.GetNationalSignificantNumber(n), true
		}
	}
	return "", false
}

// codesOf returns what may stand right before the national significant number of a telephone
// number that a field holds, each between spaces: the prefix within a country, and calling
// codes. In a configured region of which the number is one, where the significant number
// begins in it is corrected. plus says that its calling code is written.
func (c *Cleaner) codesOf(num *number, plus bool) string {
	d := string(num.digits())
	for _, region := range c.regions {
		text := d
		if plus {
			text = "+" + d
		}
		n, err := phonenumbers.Parse(text, region)
		if err != nil || !phonenumbers.IsValidNumberForRegion(n, region) {
			continue
		}
		national := phonenumbers.GetNationalSignificantNumber(n)
		if !strings.HasSuffix(d, national) {
			continue
		}
		if num.national = len(d) - len(national); strings.HasPrefix(d, "0") && !strings.HasPrefix(d, "00") {
			num.national = 0 // zeros before it stay in any case
		}
		code := fmt.Sprint(n.GetCountryCode())
		prefix := phonenumbers.GetNddPrefixForRegion(region, true)
		if prefix == "" {
			prefix = "0"
		}
		return " " + prefix + " 0 " + code + " 00" + code + " 0" + code + " "
	}
	if code := strings.TrimLeft(d[:num.national], "0"); code != "" {
		return " 0 " + code + " 00" + code + " 0" + code + " "
	}
	return " 0 "
}

// significant is a national number without the zeros before it, but for one too short to be
// told from others.
func significant(text string) string {
	if bare := strings.TrimLeft(text, "0"); len(bare) > leastNumber {
		return bare
	}
	return text
}
