// Package replystatuschanged is the check reply-status-changed.
package replystatuschanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is reply-status-changed: a stimulus is answered with another status.
var Check = &gate.Check{
	ID:       "reply-status-changed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `A stimulus is answered with another status.

Who was let in is turned away, or the other way round; who was answered is sent elsewhere; a mail that was refused is taken. Within one class of
status (RFC 9110, section 15; RFC 5321, section 4.2.1), changed for all alike, it is a note, but for a redirect that becomes permanent: caches
and browsers keep it without being told to. A redirect that has browsers send the same request again, with its body, where they did not (307 and
308, section 15.4.8), to a host of another operator, hands what was entered to that: it blocks too, and so does one that no longer does.`,
	Run: run,
}

const (
	within = "within"
	resent = "resent" // to another host: see gate.ResentPart
	kept   = "kept"   // no longer resent
	moved  = "moved"  // resent to one instead of another, which the change of the link says
)

// permanent reports whether a status is one of a redirect for good (RFC 9110, 15.4.2 and 15.4.9).
func permanent(status string) bool { return status == "301" || status == "308" }

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("reply-status-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(g int, group *gate.EditGroup, k kit.Key) {
		if group.Alike && (!permanent(group.After) || permanent(group.Before)) && group.Before != "" && group.After != "" && group.Before[0] == group.After[0] {
			k.Variant = within
		}
		if group.Part == gate.ResentPart {
			k.Variant = moved
			switch "" {
			case group.Before:
				k.Variant = resent
			case group.After:
				k.Variant = kept
			}
		}
		k.Part = "status" // and codes of the lines that lead to it
		e := s.At(k)
		e.Group(g)
		switch k.Variant {
		case resent:
			party(e.Gain, group.After)
		case kept:
			party(e.Lose, group.Before)
		}
		for _, i := range group.Changes {
			e.Receive(c.Changes[i].After)
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		text := kit.Answers(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " has", " have") + " another status"
		switch e.Key.Variant {
		case within:
			return gate.Note, text + " of the same class"
		case resent:
			return gate.Block, kit.Answers(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " has", " have") + " what was asked sent again, with its body, to another host"
		case kept:
			return gate.Block, kit.Answers(e.Count()) + " to " + e.ReachedWhom() + " no longer" + kit.Is(e.Count(), " has", " have") + " what was asked sent again, with its body, to another host"
		case moved:
			return gate.Note, kit.Answers(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " has", " have") + " what was asked sent again to another host than before"
		}
		return gate.Block, text
	}), nil
}

// party tells record of the outside party that a value names.
func party(record func(gate.Recipient), host string) {
	if r, err := gate.HostRecipient(host); err == nil {
		record(r)
	}
}
