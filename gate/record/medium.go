package record

import "sync"

// A medium puts what was written where a loss of power leaves it, for all that wait
// for that at once.
type medium struct {
	sync func() error
	lost func(n int, err error) // told of what is written and perhaps not there

	mu      sync.Mutex
	changed sync.Cond
	waiting []*entry
	busy    bool
	closed  bool
	err     error
}

// begin starts it. sync is called only between add and the end of the next settle.
func (m *medium) begin(sync func() error, lost func(int, error)) {
	m.sync, m.lost = sync, lost
	m.changed.L = &m.mu
	go m.run()
}

func (m *medium) run() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		for len(m.waiting) == 0 && !m.closed {
			m.changed.Wait()
		}
		group := m.waiting
		if len(group) == 0 {
			return
		}
		m.waiting, m.busy = nil, true
		m.mu.Unlock()
		err := m.sync()
		if err != nil {
			m.lost(len(group), err)
		}
		for _, e := range group {
			close(e.done)
		}
		m.mu.Lock()
		m.busy = false
		if err != nil {
			m.err = err
		}
		m.changed.Broadcast()
	}
}

// add has e waited for; its done is closed when it is there, or cannot be.
func (m *medium) add(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, e)
	m.changed.Broadcast()
}

// settle waits until nothing is waited for.
func (m *medium) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.busy || len(m.waiting) > 0 {
		m.changed.Wait()
	}
}

// failure is what went wrong since it was last asked.
func (m *medium) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.err
	m.err = nil
	return err
}

// close ends it, once nothing is waited for.
func (m *medium) close() {
	m.settle()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.changed.Broadcast()
}
