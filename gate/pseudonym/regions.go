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
