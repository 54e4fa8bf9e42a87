package record

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	// gapsEvery is how soon gaps are on a tape where no traffic takes them along.
	gapsEvery = time.Second

	// maxBatch bounds the bytes of records that are handed to a tape at once.
	maxBatch = 4 << 20
)

func (r *Recorder) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// submit hands e to the tape and waits for it, as long as patience lasts.
func (r *Recorder) submit(e *entry) {
	e.done = make(chan struct{})
	r.mu.Lock()
	if r.closed || r.waiting+e.size > r.opts.Room {
		r.mu.Unlock()
		r.notKept(e, "the tape was too slow to take it")
		return
	}
	r.waiting += e.size
	r.queue = append(r.queue, e)
	slow := r.slow
	if slow {
		r.counts.Late++
	}
	r.mu.Unlock()
	r.signal()
	if slow {
		return
	}
	timer := time.NewTimer(r.opts.Patience)
	defer timer.Stop()
	select {
	case <-e.done:
	case <-timer.C:
		r.mu.Lock()
		if !r.slow {
			r.slow = true
			r.opts.Tell(fmt.Sprintf("the tape is slower than %v: traffic does not wait for it", r.opts.Patience))
		}
		r.counts.Late++
		r.mu.Unlock()
	}
}

func (r *Recorder) notKept(e *entry, why string) {
	where := "recorder"
	switch {
	case e.stimulus != nil:
		where = "tap " + e.stimulus.Door
	case e.message != nil:
		where = "tap " + e.message.Sink
	}
	r.Missed(gate.Gap{Kind: gate.GapNotRecorded, Where: where, Detail: why})
}

// write is the goroutine that all records go through.
func (r *Recorder) write() {
	defer close(r.done)
	defer r.medium.close()
	tick := time.NewTicker(gapsEvery)
	defer tick.Stop()
	for {
		batch, closing := r.take()
		if len(batch) > 0 {
			r.put(batch)
			continue
		}
		if closing {
			return
		}
		select {
		case <-r.wake:
		case <-tick.C:
			r.turn()
			r.putGaps()
		}
	}
}

// take takes what waits, up to maxBatch.
func (r *Recorder) take() (batch []*entry, closing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size, n := int64(0), 0
	for n < len(r.queue) && (n == 0 || size+r.queue[n].size <= maxBatch) {
		size += r.queue[n].size
		n++
	}
	batch = r.queue[:n:n]
	if r.queue = r.queue[n:]; len(r.queue) == 0 {
		r.queue = nil
		r.slow = r.slow && n > 0 // it has caught up when nothing is left to take
	}
	return batch, r.closed
}

// put writes entries in their order.
func (r *Recorder) put(batch []*entry) {
	r.turn()
	records := make([]*gate.Record, len(batch))
	for i, e := range batch {
		records[i] = r.record(e)
	}
	if r.store != nil && r.store.Append(records...) == nil {
		r.kept(batch)
	} else {
		r.putEach(batch, records)
	}
	for _, e := range batch {
		if e.durable && e.kept && r.store != nil {
			r.medium.add(e)
		} else {
			close(e.done)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range batch {
		r.waiting -= e.size
	}
}

// record is what stands on the tape for an entry.
func (r *Recorder) record(e *entry) *gate.Record {
	if m := e.message; m != nil {
		m.Seq = r.footer.Messages + 1
		r.footer.Messages++
		if r.opts.Learner != nil && !e.learnt {
			e.learnt = true
			r.opts.Learner.Message(m)
		}
		return &gate.Record{Kind: gate.KindMessage, Message: m}
	}
	s := e.stimulus
	s.Bindings = nil // of a tape that failed before it was on it
	r.footer.Stimuli++
	s.ID = fmt.Sprintf("%s-%04d-%06d", s.Door, r.number, r.footer.Stimuli)
	if r.opts.Learner != nil {
		o := *e.outcome
		o.Stimulus = s.ID
		r.opts.Learner.Learn(s, &o)
	}
	return &gate.Record{Kind: gate.KindStimulus, Stimulus: s}
}

// kept counts what is on the tape.
func (r *Recorder) kept(batch []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause = 0
	for _, e := range batch {
		e.kept = true
		if e.message != nil {
			r.footer.Accepted++
			r.counts.Messages++
		} else {
			r.stimuli++
			r.counts.Stimuli++
		}
	}
}

// putEach writes what could not be written together: a record that no tape can hold
// is left out, and where the tape has failed the rest goes to another.
func (r *Recorder) putEach(batch []*entry, records []*gate.Record) {
	number := r.number
	for i, e := range batch {
		if r.number != number {
			records[i] = r.record(e)
		}
		if r.store == nil {
			r.notKept(e, "there was no tape to keep it on")
			continue
		}
		err := r.store.Append(records[i])
		if err != nil && r.store.Append() != nil {
			r.broken(err)
			if r.turn(); r.store == nil {
				r.notKept(e, "the tape could not be written")
				continue
			}
			err = r.store.Append(r.record(e))
		}
		if err != nil {
			r.notKept(e, "it cannot be stored on a tape")
			continue
		}
		r.kept(batch[i : i+1])
	}
}

// broken leaves a tape that failed.
func (r *Recorder) broken(err error) {
	r.opts.Tell(fmt.Sprintf("%v: traffic passes on; another tape is begun when that can be", err))
	r.missed.add(gate.Gap{Kind: gate.GapTornTape, Where: "recorder", Detail: "the tape " + filepath.Base(r.path) + " could not be ended, after a failure to write it"})
	r.medium.settle()
	if !r.used() {
		r.wait()
	}
	r.giveUp()
}

// wait puts off the next attempt to begin a tape.
func (r *Recorder) wait() {
	r.pause = min(max(2*r.pause, firstPause), maxPause)
	r.retryAt = r.opts.Now().Add(r.pause)
}

// turn sees to it that there is a tape, and that it is the one that is due.
func (r *Recorder) turn() {
	if err := r.medium.failure(); err != nil && r.store != nil {
		r.broken(err)
	}
	if r.store != nil && r.full(&r.opts) {
		r.putGaps()
		if r.store != nil {
			r.rotate()
		}
	}
	if r.store != nil {
		return
	}
	if r.opts.Now().Before(r.retryAt) && r.retryAt.Sub(r.opts.Now()) <= maxPause {
		return
	}
	if err := r.open(&r.opts); err != nil {
		r.wait()
		r.opts.Tell(fmt.Sprintf("%v: traffic passes on and is not kept; this is tried again in %v", err, r.pause))
		return
	}
	r.putGaps()
}

// rotate ends the tape; turn begins another.
func (r *Recorder) rotate() {
	r.medium.settle()
	if err := r.shut(); err != nil {
		r.opts.Tell(err.Error())
		r.missed.add(gate.Gap{Kind: gate.GapTornTape, Where: "recorder", Detail: "the tape " + filepath.Base(r.path) + " could not be ended"})
	}
}

// putGaps puts the gaps so far on the tape, if there is one.
func (r *Recorder) putGaps() {
	if r.store == nil || r.missed.empty() {
		return
	}
	gaps := r.missed.take()
	if err := r.store.Append(gaps...); err != nil {
		r.missed.giveBack(gaps)
		r.broken(err)
		return
	}
	r.footer.Gaps += uint64(len(gaps))
}

// finish ends the last tape.
func (r *Recorder) finish() error {
	if r.store == nil {
		r.retryAt = time.Time{}
		if r.turn(); r.store == nil {
			return errors.New("record: there is no tape to write the last gaps on")
		}
	}
	r.putGaps()
	switch {
	case r.store == nil:
		return errors.New("record: the last tape could not be ended")
	case !r.used():
		r.giveUp() // nothing passed: there is nothing to keep
		return nil
	}
	return r.shut()
}
