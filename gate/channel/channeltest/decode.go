package channeltest

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	mutations = 3000
	seed      = 2000 // of the mutations: equal in every run
	special   = "\r\n\x00<>@\":;=,%\xff \t"
)

// decode takes a message of each body and reads it, and then reads damaged copies:
// each must be read the same way twice, without change to the message, and must
// name a recipient, have a gap, or be refused.
func (s *Suite) decode(t *testing.T) {
	decode, err := s.Protocol.Decode(s.Settings)
	if err != nil {
		t.Fatal(err)
	}
	sink, e := s.listen(t)
	d := s.drive(t, sink.Address())
	for i, body := range s.Bodies {
		s.mustTake(t, d, i, body)
	}
	for _, m := range e.kept() {
		decoded := decodeTwice(t, decode, m)
		if len(decoded) == 0 || len(decoded[0].Recipients) == 0 {
			t.Errorf("a whole message decodes to nobody: %+v", decoded)
		}
		random := rand.New(rand.NewPCG(seed, m.Seq))
		for n := range mutations / len(s.Bodies) {
			decodeTwice(t, decode, damaged(m, random, n))
			if t.Failed() {
				return
			}
		}
	}
	decodeTwice(t, decode, &gate.Message{Channel: s.Protocol.Name, Sink: sinkName})
}

// damaged is a copy of m of which the head or the body is cut short or changed.
func damaged(m *gate.Message, random *rand.Rand, n int) *gate.Message {
	c := clone(m)
	field := &c.Head
	if n%4 == 0 {
		field = &c.Body
	}
	if len(*field) == 0 {
		return c
	}
	at := random.IntN(len(*field))
	switch n % 3 {
	case 0:
		*field = (*field)[:at]
	case 1:
		(*field)[at] = byte(random.Uint32())
	default:
		*field = slices.Insert(*field, at, special[random.IntN(len(special))])
	}
	return c
}

func clone(m *gate.Message) *gate.Message {
	c := *m
	c.Replies, c.Events = slices.Clone(m.Replies), slices.Clone(m.Events)
	c.Head, c.Body = slices.Clone(m.Head), slices.Clone(m.Body)
	return &c
}

func decodeTwice(t *testing.T, decode channel.Decoder, m *gate.Message) []gate.Decoded {
	t.Helper()
	before := clone(m)
	first, err := decode(m)
	second, again := decode(m)
	switch {
	case (err == nil) != (again == nil) || !reflect.DeepEqual(first, second):
		t.Errorf("two answers to one message with head %q", m.Head)
	case !reflect.DeepEqual(before, m):
		t.Errorf("decoding changed the message with head %q", before.Head)
	case err == nil && !accountedFor(first):
		t.Errorf("head %q decodes to nobody, and no gap says so: %+v", m.Head, first)
	}
	return first
}

func accountedFor(decoded []gate.Decoded) bool {
	return slices.ContainsFunc(decoded, func(d gate.Decoded) bool { return len(d.Recipients) > 0 || len(d.Gaps) > 0 })
}
