package kit

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// cutRunes is the length at which texts of edits and edit groups are cut.
const cutRunes = 400

// IsPerson reports whether r counts as a person: outside parties do not.
func IsPerson(r gate.Recipient) bool { return r.Kind != gate.Host }

// Addresses are the identities in the value of a part of kind Addresses, one a
// line, without roles, each once, sorted by [Compare]. Lines without a kind are
// mail addresses. A last line that may have been cut is left out.
func Addresses(value string) []gate.Recipient {
	if value == "" {
		return nil
	}
	lines := strings.Split(value, "\n")
	if utf8.RuneCountInString(value) >= cutRunes {
		lines = lines[:len(lines)-1]
	}
	var list []gate.Recipient
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		r, err := gate.ParseRecipient(line)
		if err != nil {
			r, err = gate.MailRecipient(line, "")
		}
		if err != nil {
			r = gate.Recipient{Kind: gate.Other, Address: line}
		}
		r.Role = ""
		list = append(list, r)
	}
	slices.SortFunc(list, Compare)
	return slices.Compact(list)
}

// Identities returns the people whom a value that was edited names, without roles, sorted
// by [Compare]: those of a part of kind Addresses, and the one that another value reads as
// a whole. Prose names nobody.
func Identities(kind gate.PartKind, value string) []gate.Recipient {
	switch kind {
	case gate.Addresses:
		return slices.DeleteFunc(Addresses(value), func(r gate.Recipient) bool { return r.Kind != gate.Mail && r.Kind != gate.Tel })
	case gate.Value, gate.Link:
		if r, ok := gate.ReadsAsRecipient(value); ok && IsPerson(r) {
			return []gate.Recipient{r}
		}
	}
	return nil
}

// Replaced returns the people whom both sides of an edit name: see [Identities]. Beside a
// telephone number, digits alone are one too: which has lost its plus, or gained it.
func Replaced(g *gate.EditGroup) (before, after []gate.Recipient) {
	before, after = Identities(g.Kind, g.Before), Identities(g.Kind, g.After)
	switch {
	case len(after) == 0 && len(before) == 1 && before[0].Kind == gate.Tel:
		after = dialled(g.After)
	case len(before) == 0 && len(after) == 1 && after[0].Kind == gate.Tel:
		before = dialled(g.Before)
	}
	return before, after
}

// dialled returns the telephone number that a value is, with or without a plus.
func dialled(value string) []gate.Recipient {
	r, err := gate.TelRecipient(strings.TrimSpace(value))
	if err != nil || len(r.Address) < 7 {
		return nil
	}
	r.Role = ""
	return []gate.Recipient{r}
}

// Compare orders recipients by kind and address.
func Compare(a, b gate.Recipient) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Address, b.Address))
}

// A Place is where a link leads.
type Place struct {
	Kind PlaceKind
	Name string // of a host, canonical; of an address, with its scheme
}

// PlaceKind is what kind of place a link leads to.
type PlaceKind uint8

// Kinds of place.
const (
	Unknown PlaceKind = iota // it cannot be told; equals nothing
	Inside                   // of the message, or of the site that it came from
	OnHost                   // a host
	Mailbox                  // an address or a telephone number
)

// Places are where the links in a text lead: one a word, angle brackets and the
// commas between them left out (RFC 2369, 2).
func Places(text string) PlaceSet {
	places := PlaceSet{}
	for _, url := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n<>", r) }) {
		if url = strings.Trim(url, ","); url != "" {
			places[place(url)] = struct{}{}
		}
	}
	return places
}

// A PlaceSet is a set of places.
type PlaceSet map[Place]struct{}

// Same reports whether two texts lead to the same places, all of them known.
func (p PlaceSet) Same(q PlaceSet) bool {
	if len(p) != len(q) {
		return false
	}
	for k := range p {
		if _, ok := q[k]; !ok || k.Kind == Unknown {
			return false
		}
	}
	return true
}

// hosts are the places that are hosts, as ids of recipients, sorted.
func (p PlaceSet) hosts() []string {
	var ids []string
	for k := range p {
		if k.Kind == OnHost {
			ids = append(ids, gate.Recipient{Kind: gate.Host, Address: k.Name}.ID())
		}
	}
	slices.Sort(ids)
	return ids
}

// place reads one URL as browsers do (WHATWG URL, 4.4): backslashes are slashes,
// what stands before the last "@" of the authority is not the host.
func place(url string) Place {
	scheme, rest := cutScheme(url)
	switch scheme {
	case "cid", "data", "about", "mid", "blob":
		return Place{Kind: Inside}
	case "mailto", "tel", "sms":
		target, _, _ := strings.Cut(rest, "?")
		return Place{Mailbox, scheme + ":" + target}
	}
	slashes := 0
	for slashes < len(rest) && (rest[slashes] == '/' || rest[slashes] == '\\') {
		slashes++
	}
	switch {
	case scheme == "" && slashes < 2:
		if strings.IndexByte("/\\#?", rest[0]) >= 0 {
			return Place{Kind: Inside}
		}
		return Place{}
	case slashes == 0:
		return Place{}
	}
	host := rest[slashes:]
	if i := strings.IndexAny(host, `/\?#`); i >= 0 {
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	r, err := gate.HostRecipient(host)
	if err != nil {
		return Place{}
	}
	return Place{OnHost, r.Address}
}

// cutScheme splits a URL after its scheme, which it lower-cases (RFC 3986, 3.1).
func cutScheme(url string) (scheme, rest string) {
	for i := 0; i < len(url); i++ {
		c := url[i] | 0x20
		switch {
		case url[i] == ':' && i > 0:
			return strings.ToLower(url[:i]), url[i+1:]
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= url[i] && url[i] <= '9' || strings.IndexByte("+-.", url[i]) >= 0):
		default:
			return "", url
		}
	}
	return "", url
}

// Named returns the identities that value, one text of an edit of g, names: addresses and
// telephone numbers by their form, and whatever stands in a place where providers are told
// whom to send to.
func Named(g *gate.EditGroup, value string) map[string]gate.Recipient {
	named := map[string]gate.Recipient{}
	add := func(r gate.Recipient) { r.Role = ""; named[r.ID()] = r }
	if g.Kind == gate.Addresses {
		for _, r := range Addresses(value) {
			add(r)
		}
		return named
	}
	if r, ok := gate.ReadsAsRecipient(value); ok {
		add(r)
		return named
	}
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\n<>()[]{}\"',;|=", r) }) {
		if r, ok := gate.ReadsAsRecipient(strings.TrimRight(word, ".:!?")); ok {
			add(r)
		}
	}
	if value = strings.TrimSpace(value); len(named) == 0 && g.Kind == gate.Value && value != "" && !strings.ContainsAny(value, "\n") && addresses(g.Part) {
		add(gate.Recipient{Kind: gate.Other, Address: value})
	}
	return named
}

// addresses reports whether the last name of a part's path is one by which message APIs
// call whom they are to send to.
func addresses(part string) bool {
	leaf := strings.ToLower(part[strings.LastIndexAny(part, "/.")+1:])
	leaf = strings.Trim(strings.ReplaceAll(leaf, "[]", ""), "$_-")
	switch strings.NewReplacer("_", "", "-", "").Replace(leaf) {
	case "to", "cc", "bcc", "recipient", "recipients", "channel", "channelid", "topic", "condition", "chatid", "roomid", "room", "userid",
		"registrationids", "token", "deviceid", "devicetoken", "phone", "phonenumber", "msisdn", "mobile", "email", "emailaddress", "destination",
		"topicarn", "targetarn", "queueurl", "audience", "segment", "segmentid", "groupid", "listid":
		return true
	}
	return false
}
