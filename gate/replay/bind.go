package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// Bounds of answers, in bytes of their bodies: of those in which values are looked
// for, and of those on the tape where a plan does not say it.
const (
	neededAnswer = 4 << 20
	storedAnswer = 64 << 10
)

// stored is how many bytes of an answer go to the tape.
func (p *Plan) stored() int64 { return cmp.Or(p.MaxAnswer, storedAnswer) }

// answers are the values that the build has given, of those that later stimuli
// need. Each answer's are kept until the last of its users was sent.
type answers struct {
	needs *dynamic.Needs

	mu   sync.Mutex
	byID map[string]*answer
}

type answer struct {
	values map[string]string // by place
	left   int               // users that were not sent
}

func newAnswers(needs *dynamic.Needs) *answers {
	return &answers{needs: needs, byID: make(map[string]*answer)}
}

// before gives the stimuli whose answers s needs, or messages sent because of them.
func (a *answers) before(s *gate.Stimulus) []string {
	var ids []string
	for i := range s.Bindings {
		b := &s.Bindings[i]
		if a.needs.Wants(b) && b.From != "" && b.From != s.ID && !slices.Contains(ids, b.From) {
			ids = append(ids, b.From)
		}
	}
	return ids
}

// keep takes from an answer what is needed of it.
func (a *answers) keep(o *gate.Outcome) {
	need := a.needs.Of(o.Stimulus)
	if need == nil {
		return
	}
	kept := &answer{values: make(map[string]string, len(need.Places)), left: need.Users}
	for _, place := range need.Places {
		if v, ok := dynamic.Find(place, o); ok {
			kept.values[place] = v
		}
	}
	a.mu.Lock()
	a.byID[o.Stimulus] = kept
	a.mu.Unlock()
}

// take gives a value to one of its users. answered says that there was an answer.
func (a *answers) take(b *gate.Binding) (value string, answered, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.byID[b.From]
	if kept == nil {
		return "", false, false
	}
	if kept.left--; kept.left == 0 {
		delete(a.byID, b.From)
	}
	value, ok = kept.values[b.Place]
	return value, true, ok
}

// bound is s as it is sent to this build: with the values that the build gave in answers and
// messages, which are waited for, and the headers that were configured. A value that the build did not give stays the
// recorded one, and is a gap.
func (r *run) bound(ctx context.Context, s *gate.Stimulus) *gate.Stimulus {
	out := *s
	for i := range s.Bindings {
		b := &s.Bindings[i]
		if !r.plan.Needs.Wants(b) {
			continue
		}
		value, detail, ok := r.given(ctx, b)
		if ok {
			out, ok = dynamic.Put(&out, *b, value)
			detail = fmt.Sprintf("the value at %s of the answer to stimulus %s does not stand in the stimulus that is to hold it", b.Place, b.From)
		}
		if !ok {
			r.gap(gate.Gap{Kind: gate.GapNotBound, Where: "stimulus", Detail: detail, Stimulus: s.ID})
		}
	}
	out = dynamic.Inject(&out, r.plan.Headers)
	return &out
}

// given is the value that the build gave for b. detail says why there is none.
func (r *run) given(ctx context.Context, b *gate.Binding) (value, detail string, ok bool) {
	if b.Sent != nil {
		return r.mailbox.take(ctx, b, r.plan.AnswerTimeout)
	}
	value, answered, ok := r.answers.take(b)
	detail = fmt.Sprintf("the build gave nothing at %s in its answer to stimulus %s: the recorded value was sent", b.Place, b.From)
	if !answered {
		detail = fmt.Sprintf("stimulus %s, whose answer gives the value at %s, was not replayed before it: the recorded value was sent"+
			" (waybill corpus merge joins tapes that a session goes on over; waybill corpus sample --complete leaves out sessions without a beginning)", b.From, b.Place)
	}
	return value, detail, ok
}

// shorten cuts an answer that was read further than tapes hold, for its values.
func (r *run) shorten(s *gate.Stimulus, o *gate.Outcome) {
	most := int(r.plan.stored())
	more := len(o.Body) - most
	if more <= 0 || !r.plan.Needs.Any() || r.plan.Doors[s.Door].Config.MaxAnswer != 0 {
		return
	}
	o.Cut += int64(more)
	o.Body = slices.Clone(o.Body[:most])
}
