package kit

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// Ids of the checks that own edit groups.
const (
	Swapped         = "recipient-swapped"
	Role            = "role-changed"
	Fanout          = "fanout-collapsed"
	PersonalContent = "personal-content-changed"
	Constant        = "constant-changed"
	Wording         = "wording-changed"
	Attachment      = "attachment-changed"
	Link            = "link-changed"
	ReplyPath       = "reply-path-changed"
	NewParty        = "new-party"
	NewField        = "new-field"
	Destination     = "destination-swapped"
	Downgrade       = "transport-downgraded"
	Sending         = "sending-changed"
	ReplySwapped    = "reply-swapped"
	ReplyStatus     = "reply-status-changed"
	Cacheability    = "cacheability-changed"
	CookieScope     = "cookie-scope-changed"
)

// Owners lists the ids of all checks that may own an edit group.
func Owners() []string {
	return []string{Swapped, Role, Fanout, PersonalContent, Constant, Wording, Attachment, Link,
		ReplyPath, NewParty, NewField, Destination, Downgrade, Sending, ReplySwapped, ReplyStatus, Cacheability, CookieScope}
}

// owned are the parts that belong to one check by name alone, and are no header fields.
var owned = map[string]string{
	"transport/tls":  Downgrade,
	"transport/sink": Destination,
	"path":           Destination,
	"fanout/groups":  Fanout,
	"status":         ReplyStatus,
	gate.ResentPart:  ReplyStatus,
	"reply/code":     ReplyStatus, // of SMTP

	"html/link": Link,
	"text/link": Link,

	// Where a mail went, as the server that delivered it wrote it down.
	"header/delivered-to":   Swapped,
	"header/envelope-to":    Swapped,
	"header/x-delivered-to": Swapped,
	"header/x-envelope-to":  Swapped,
	"header/x-rcpt-to":      Swapped,
	"header/x-original-to":  Swapped,
}

// ownerByName returns the check that judges every change of the part called name, or "".
func ownerByName(name string) string {
	if owner := owned[name]; owner != "" {
		return owner
	}
	switch {
	case strings.HasPrefix(name, gate.DecisionPart):
		return Sending
	case strings.HasPrefix(name, "cache/"), name == gate.SharedPart+"header/etag", name == gate.SharedPart+"header/last-modified":
		return Cacheability
	case strings.HasPrefix(name, "set-cookie/") && strings.HasSuffix(name, "/scope"):
		return CookieScope
	}
	switch fields.OwnerOf(name) {
	case fields.Role:
		return Role
	case fields.ReplyPath:
		return ReplyPath
	case fields.Links:
		return Link
	}
	return ""
}

// A Territory says which check owns each edit group of one comparison.
type Territory struct {
	c         *gate.Comparison
	operators map[string]bool // of the parties that production sent to

	// met are the outside parties that production is known to involve: those it
	// sent to, and the hosts that the edited messages of production loaded from.
	met map[string]bool
}

// NewTerritory looks at c once.
func NewTerritory(c *gate.Comparison) *Territory {
	t := &Territory{c: c, met: make(map[string]bool, len(c.Parties)), operators: make(map[string]bool, len(c.Parties))}
	for _, p := range c.Parties {
		t.met[p] = true
		t.operators[gate.Operator(strings.TrimPrefix(p, hostPrefix))] = true
	}
	for i := range c.Groups {
		if g := &c.Groups[i]; isLoad(g) {
			for _, id := range Places(g.Before).hosts() {
				t.met[id] = true
			}
		}
	}
	return t
}

// Met reports whether production is known to involve the party of this id, as in
// Comparison.Parties.
func (t *Territory) Met(party string) bool { return t.met[party] }

// Operated reports whether production is known to send to a host of the operator that
// runs this party: see [gate.Operator].
func (t *Territory) Operated(r gate.Recipient) bool {
	return r.Kind == gate.Host && t.operators[gate.Operator(r.Address)]
}

// Beside reports whether one host stands in for another of its operator, to which production does
// not send: a further machine. Two that it sends to may be of two customers.
func (t *Territory) Beside(before, after gate.Recipient) bool {
	return gate.SameOperator(before, after) && !t.met[after.ID()]
}

// Strangers are the outside parties, as "host:NAME", sorted, that g makes a
// reader load from and that production is not known to involve.
func (t *Territory) Strangers(g *gate.EditGroup) []string {
	if !isLoad(g) {
		return nil
	}
	var ids []string
	for _, id := range Places(g.After).hosts() {
		if !t.met[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// Owner is the id of the check that judges g. What is more telling comes first:
// how it travelled, then a party that is new, then what is new to a party, then
// the part's own check, then content.
func (t *Territory) Owner(g *gate.EditGroup) string {
	owner := ownerByName(g.Part)
	if owner == "" && t.c.Replies && t.others(g) {
		return ReplySwapped
	}
	load := isLoad(g) && (owner == "" || owner == Link)
	switch {
	case owner == Downgrade || owner == Destination || owner == Sending:
		return owner
	case load && len(t.Strangers(g)) > 0:
		return NewParty
	case g.NewPart && !g.Wording && t.toParty(g):
		return NewField
	case owner == Role && t.Follows(g):
		return Swapped
	case owner == "" && !g.Wording && g.Kind == gate.Value && (t.Follows(g) || !g.Alike && t.readdresses(g)):
		return Swapped
	case owner != "":
		return owner
	case load || g.Kind == gate.Link:
		return Link
	case g.Kind == gate.Addresses && !g.Wording:
		return Role
	case g.Kind == gate.Binary || strings.HasPrefix(g.Part, "attachment[]/"):
		return Attachment
	case g.Wording:
		return Wording
	case g.Alike:
		return Constant
	}
	return PersonalContent
}

// others reports whether each answer that g edits is, as a whole, one that production gave to
// one other person alone. What many were answered is nobody's.
func (t *Territory) others(g *gate.EditGroup) bool {
	for _, i := range g.Changes {
		ch := &t.c.Changes[i]
		if ch.After == nil || len(ch.Origins) != 1 {
			return false
		}
	}
	return len(g.Changes) > 0
}

func isLoad(g *gate.EditGroup) bool { return g.Kind == gate.Load || g.Part == "html/load" }

// toParty reports whether a message that g edits goes to an outside party.
func (t *Territory) toParty(g *gate.EditGroup) bool {
	for _, i := range g.Changes {
		if !IsPerson(t.c.Changes[i].Recipient()) {
			return true
		}
	}
	return false
}

// passesOn reports whether a message that g edits goes to what may pass it on to others: an
// outside party, or what only a provider knows.
func (t *Territory) passesOn(g *gate.EditGroup) bool {
	return slices.ContainsFunc(g.Changes, func(i int) bool {
		kind := t.c.Changes[i].Recipient().Kind
		return kind == gate.Host || kind == gate.Other
	})
}

// readdresses reports whether g puts another person in the place of one in a request to
// an outside party, or to a queue, a topic or a channel, by values that read as recipients as
// a whole. A number that loses its plus is another number.
func (t *Territory) readdresses(g *gate.EditGroup) bool {
	if strings.HasPrefix(g.Part, "header/") || strings.HasPrefix(g.Part, "cookie/") || !t.passesOn(g) {
		return false
	}
	before, after := Replaced(g)
	return len(before) == 1 && len(after) == 1
}

// Follows reports whether g says only what the change of recipient says already:
// the message shows its new recipient where it showed its old one.
func (t *Territory) Follows(g *gate.EditGroup) bool {
	if g.Kind != gate.Addresses && g.Kind != gate.Value {
		return false
	}
	for _, i := range g.Changes {
		ch := &t.c.Changes[i]
		if ch.Kind != gate.Redirected || !IsPerson(ch.Before.Recipient) || !IsPerson(ch.After.Recipient) ||
			!(names(g.Before, ch.Before.Recipient) && names(g.After, ch.After.Recipient)) && !stepOf(g, ch.Before.Recipient, ch.After.Recipient) {
			return false
		}
	}
	return len(g.Changes) > 0
}

// stepOf reports whether g puts in what one recipient's id has where another's has something
// else, and these are whole steps of them: the "ward-two" of "bus:ward-two/result".
func stepOf(g *gate.EditGroup, before, after gate.Recipient) bool {
	if before.Kind != gate.Other || after.Kind != gate.Other || g.Before == "" {
		return false
	}
	for at := 0; ; at++ {
		i := strings.Index(before.Address[at:], g.Before)
		if i < 0 {
			return false
		}
		at += i
		start, end := before.Address[:at], before.Address[at+len(g.Before):]
		if strings.IndexByte(start, ':') >= 0 && isStepEnd(start[len(start)-1:]) && (end == "" || isStepEnd(end[:1])) && after.Address == start+g.After+end {
			return true
		}
	}
}

// isStepEnd reports whether a character stands between the steps of an id, or around one.
func isStepEnd(c string) bool { return strings.Contains("/:|[](){}<>", c) }

// names reports whether a value names one recipient, and that it is r.
func names(value string, r gate.Recipient) bool {
	if read, ok := gate.ReadsAsRecipient(value); ok {
		return Compare(read, r) == 0
	}
	list := Addresses(value)
	return len(list) == 1 && (list[0].Address == r.Address || r.Kind == gate.Other && strings.HasSuffix(r.Address, ":"+list[0].Address))
}
