package pipeline

import "github.com/waybill-dev/waybill/gate"

// A maskKey is a rule and the part that it hid something of.
type maskKey struct{ rule, part string }

// maskSums adds up what masks hid, by rule and part.
type maskSums map[maskKey]gate.Masked

func (s maskSums) add(m gate.Masked) {
	k := maskKey{m.Rule, m.Part}
	sum := s[k]
	sum.Rule, sum.Part = m.Rule, m.Part
	sum.Count += m.Count
	sum.Bytes += m.Bytes
	s[k] = sum
}

// list gives the sums, in no order.
func (s maskSums) list() []gate.Masked {
	list := make([]gate.Masked, 0, len(s))
	for _, m := range s {
		list = append(list, m)
	}
	return list
}
