package drill

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/gate"
)

// Operators are all faults that can be planted.
func Operators() []Operator {
	return []Operator{
		{"redirect-one", "One delivery goes to another recipient.", redirectOne},
		{"add-recipient", "One message goes to a recipient besides whom nobody sends to.", addRecipient},
		{"drop-one", "One delivery is not made.", dropOne},
		{"duplicate-one", "One delivery is made twice.", duplicateOne},
		{"swap-two-bodies", "Two messages hold each other's content.", swapTwoBodies},
	}
}

func operator(id string) Operator {
	all := Operators()
	return all[slices.IndexFunc(all, func(o Operator) bool { return o.ID == id })]
}

// delivery is one recipient of one message, by index.
type delivery struct{ message, recipient int }

// pick draws one delivery, each alike. ok is false where there is none.
func pick(rng *rand.Rand, messages []gate.Canonical) (d delivery, ok bool) {
	total := 0
	for i := range messages {
		total += len(messages[i].Recipients)
	}
	if total == 0 {
		return d, false
	}
	n := rng.IntN(total)
	for i := range messages {
		if n < len(messages[i].Recipients) {
			return delivery{i, n}, true
		}
		n -= len(messages[i].Recipients)
	}
	return d, false
}

// withRecipients is messages with other recipients of one of them.
func withRecipients(messages []gate.Canonical, at int, recipients []gate.Recipient) []gate.Canonical {
	out := slices.Clone(messages)
	out[at].Recipients = recipients
	return out
}

// recipients are all there are, each once, in an order of their own.
func recipients(messages []gate.Canonical) []gate.Recipient {
	seen := map[gate.Recipient]bool{}
	var list []gate.Recipient
	for i := range messages {
		for _, r := range messages[i].Recipients {
			if !seen[r] {
				seen[r] = true
				list = append(list, r)
			}
		}
	}
	slices.SortFunc(list, func(a, b gate.Recipient) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Role, b.Role))
	})
	return list
}

// redirectOne picks a delivery, and a recipient of the same kind and role that
// the message does not go to already.
func redirectOne(rng *rand.Rand, messages []gate.Canonical) ([]gate.Canonical, Fault, bool) {
	all := recipients(messages)
	var fits []delivery
	others := func(d delivery) []gate.Recipient {
		m := &messages[d.message]
		from := m.Recipients[d.recipient]
		var list []gate.Recipient
		for _, r := range all {
			if r.Kind == from.Kind && r.Role == from.Role && !slices.Contains(m.Recipients, r) {
				list = append(list, r)
			}
		}
		return list
	}
	if d, ok := pick(rng, messages); ok && len(others(d)) > 0 {
		fits = []delivery{d}
	} else {
		// The draw does not fit. Of all kinds and roles one delivery is enough to see
		// whether any does, so that this stays one pass.
		type like struct {
			kind gate.RecipientKind
			role gate.RecipientRole
		}
		counts := map[like]int{}
		for _, r := range all {
			counts[like{r.Kind, r.Role}]++
		}
		for i := range messages {
			in := map[like]int{}
			for _, r := range messages[i].Recipients {
				in[like{r.Kind, r.Role}]++
			}
			for j, r := range messages[i].Recipients {
				if k := (like{r.Kind, r.Role}); counts[k] > in[k] {
					fits = append(fits, delivery{i, j})
					break
				}
			}
		}
	}
	if len(fits) == 0 {
		return nil, Fault{}, false
	}
	d := fits[rng.IntN(len(fits))]
	choice := others(d)
	if len(choice) == 0 {
		return nil, Fault{}, false
	}
	from, to := messages[d.message].Recipients[d.recipient], choice[rng.IntN(len(choice))]
	changed := slices.Clone(messages[d.message].Recipients)
	changed[d.recipient] = to
	return withRecipients(messages, d.message, changed),
		Fault{Gained: []gate.Recipient{to}, Lost: []gate.Recipient{from}}, true
}

// addRecipient adds a stranger, under a name that no one can register (RFC 2606, 2).
func addRecipient(rng *rand.Rand, messages []gate.Canonical) ([]gate.Canonical, Fault, bool) {
	d, ok := pick(rng, messages)
	if !ok {
		return nil, Fault{}, false
	}
	stranger := messages[d.message].Recipients[d.recipient]
	known := recipients(messages)
	for n := 0; ; n++ {
		switch suffix := strconv.Itoa(n); stranger.Kind {
		case gate.Mail:
			stranger.Address = "drill" + suffix + "@waybill.invalid"
		case gate.Host:
			stranger.Address = "drill" + suffix + ".waybill.invalid"
		case gate.Tel:
			stranger.Address = "+999" + suffix // a country code that is kept free (ITU-T E.164)
		default:
			stranger.Address = "drill" + suffix
		}
		if !slices.ContainsFunc(known, func(r gate.Recipient) bool { return r.ID() == stranger.ID() }) {
			break
		}
	}
	changed := append(slices.Clone(messages[d.message].Recipients), stranger)
	return withRecipients(messages, d.message, changed), Fault{Gained: []gate.Recipient{stranger}}, true
}

func dropOne(rng *rand.Rand, messages []gate.Canonical) ([]gate.Canonical, Fault, bool) {
	d, ok := pick(rng, messages)
	if !ok {
		return nil, Fault{}, false
	}
	lost := messages[d.message].Recipients[d.recipient]
	rest := slices.Delete(slices.Clone(messages[d.message].Recipients), d.recipient, d.recipient+1)
	if len(rest) > 0 {
		return withRecipients(messages, d.message, rest), Fault{Lost: []gate.Recipient{lost}}, true
	}
	return slices.Delete(slices.Clone(messages), d.message, d.message+1), Fault{Lost: []gate.Recipient{lost}}, true
}

func duplicateOne(rng *rand.Rand, messages []gate.Canonical) ([]gate.Canonical, Fault, bool) {
	d, ok := pick(rng, messages)
	if !ok {
		return nil, Fault{}, false
	}
	again := messages[d.message]
	again.Recipients = []gate.Recipient{again.Recipients[d.recipient]}
	again.Ref = gate.Ref{Tape: again.Ref.Tape, Seq: 1}
	for i := range messages {
		again.Ref.Seq = max(again.Ref.Seq, messages[i].Ref.Seq+1)
		again.Ref.Offset = max(again.Ref.Offset, messages[i].Ref.Offset+1)
	}
	return append(slices.Clone(messages), again), Fault{Gained: again.Recipients}, true
}

// swapTwoBodies exchanges what two people read: the recipients and what shows
// them stay. The two hold different content, and neither goes to whom the other does.
func swapTwoBodies(rng *rand.Rand, messages []gate.Canonical) ([]gate.Canonical, Fault, bool) {
	d, ok := pick(rng, messages)
	if !ok {
		return nil, Fault{}, false
	}
	start := rng.IntN(len(messages))
	for n := range messages {
		i, j := d.message, (start+n)%len(messages)
		a, b := &messages[i], &messages[j]
		if len(b.Recipients) == 0 || a.Channel != b.Channel || a.Sink != b.Sink || a.BodyDigest() == b.BodyDigest() ||
			slices.ContainsFunc(b.Recipients, func(r gate.Recipient) bool { return slices.Contains(a.Recipients, r) }) {
			continue
		}
		out := slices.Clone(messages)
		out[i].Parts, out[j].Parts = withBody(a.Parts, b.Parts), withBody(b.Parts, a.Parts)
		return out, Fault{Gained: slices.Concat(a.Recipients, b.Recipients)}, true
	}
	return nil, Fault{}, false
}

// withBody is what parts say of addresses and transport, with the content of others.
func withBody(parts, others []gate.Part) []gate.Part {
	isBody := func(p gate.Part) bool { return p.Kind != gate.Addresses && p.Kind != gate.Transport }
	out := slices.DeleteFunc(slices.Clone(parts), isBody)
	for _, p := range others {
		if isBody(p) {
			out = append(out, p)
		}
	}
	return out
}
