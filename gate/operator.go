package gate

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// tenants are domains that the public suffix list does not know as such and below
// which each name belongs to another customer of one provider; sorted.
var tenants = []string{
	"atlassian.net", "auth0.com", "documents.azure.com", "force.com", "freshdesk.com", "hubspotpagebuilder.com",
	"list-manage.com", "logic.azure.com", "okta.com", "onmicrosoft.com", "openai.azure.com", "oraclecloud.com",
	"pagerduty.com", "salesforce.com", "sendgrid.net", "sentry.io", "service-now.com", "servicebus.windows.net",
	"sharepoint.com", "slack.com", "snowflakecomputing.com", "statuspage.io", "supabase.co", "vault.azure.net",
	"webhook.office.com", "workday.com", "zendesk.com", "zoom.us",
}

// Operator returns who runs a host, in the canonical form of [HostRecipient]: its
// registrable domain, one label more than a public suffix (https://publicsuffix.org),
// and its port where it has one. Names below a suffix that a provider shares out
// ("github.io", "s3.amazonaws.com", "zendesk.com") belong to as many operators as there
// are names. IP addresses, single labels and public suffixes are their own operators.
func Operator(host string) string {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i:]
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || strings.IndexByte(name, '.') < 0 {
		return host
	}
	for parent := name; ; {
		_, rest, ok := strings.Cut(parent, ".")
		if !ok {
			break
		}
		if _, shared := slices.BinarySearch(tenants, rest); shared {
			return host
		}
		parent = rest
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return host
	}
	return domain + port
}

// SameOperator reports whether two recipients are outside parties run by one operator.
func SameOperator(a, b Recipient) bool {
	return a.Kind == Host && b.Kind == Host && Operator(a.Address) == Operator(b.Address)
}
