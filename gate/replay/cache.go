package replay

import (
	"context"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// A cache in front of a build shows one person's answer to the next who asks for the same. In a
// scenario of caches each answer is asked for again at once, by another session and by none:
// whatever the answer says of who may keep it, for caches are configured not to listen.

// visits remember whose stimuli were the last of two sessions.
type visits struct {
	last, before visit
}

type visit struct{ key, stimulus string }

// note takes down a stimulus, and returns the last one of another session.
func (v *visits) note(s *gate.Stimulus) visit {
	if s.Key != "" && s.Channel == channelHTTP {
		if s.Key != v.last.key {
			v.before = v.last
		}
		v.last = visit{s.Key, s.ID}
	}
	if v.last.key != s.Key {
		return v.last
	}
	return v.before
}

// nobody is who asks with no session.
func nobody() []gate.Recipient { return []gate.Recipient{{Kind: gate.Session, Address: "nobody"}} }

// askAgain asks for what s asked for, as it was sent, with the session that asked last before
// it and with none.
func (r *run) askAgain(ctx context.Context, s *gate.Stimulus) {
	other := r.visits.note(s)
	line := firstLine(s.Head)
	if s.Channel != channelHTTP || !strings.HasPrefix(line, "GET ") {
		return
	}
	if v, known := r.sessions.Of(other.key); known && other.key != "" {
		again := gate.Stimulus{Channel: s.Channel, Door: s.Door, ID: "cache/" + s.ID + "/other", Key: other.key, Head: v.Again(s)}
		r.ask(ctx, &again, &gate.Ask{Door: s.Door, Request: line, As: other.stimulus})
	}
	var stranger dynamic.Visitor
	again := gate.Stimulus{Channel: s.Channel, Door: s.Door, ID: "cache/" + s.ID + "/nobody", Head: stranger.Again(s)}
	r.ask(ctx, &again, &gate.Ask{Door: s.Door, Request: line, To: nobody()})
}
