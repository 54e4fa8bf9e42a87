package pipeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A gatherer collects, in the scan of a run of production, what will be asked of it if
// staging differs: see [runIndex].
type gatherer struct {
	disk    *scratch
	facts   *gathering // key of a fact: hashes of who held it
	selves  *gathering // key of an identity: hash of whose it is
	bodies  *gathering // digest of a body: hashes of who had it, with their roles
	records *gathering // class: places of its messages
	names   texts      // people, by the hashes of their identities
	found   texts      // identities that stood in texts

	mu      sync.Mutex
	workers []*gatherWorker
}

// newGatherer makes one that sorts in a file in the folder dir.
func newGatherer(dir string) (*gatherer, error) {
	disk, err := newScratch(dir)
	if err != nil {
		return nil, err
	}
	return &gatherer{
		disk:    disk,
		facts:   newGathering(disk, exposure.MaxHolders, false),
		selves:  newGathering(disk, 1, true),
		bodies:  newGathering(disk, maxOrigins, true),
		records: newGathering(disk, math.MaxInt, false),
	}, nil
}

func (g *gatherer) Close() error {
	if g == nil {
		return nil
	}
	return g.disk.Close()
}

// texts are where pieces of a list of texts stand.
type texts struct {
	mu     sync.Mutex
	pieces []sorted // n in bytes
}

// gatherWorker is what one goroutine has gathered.
type gatherWorker struct {
	g                              *gatherer
	find                           *exposure.Gatherer
	facts, selves, bodies, records pending
	names, found                   textBuffer
	lastNames, lastFound           recent
	err                            error
}

func (g *gatherer) worker() *gatherWorker {
	w := &gatherWorker{
		g: g, facts: pending{to: g.facts}, selves: pending{to: g.selves}, bodies: pending{to: g.bodies}, records: pending{to: g.records},
		names: textBuffer{disk: g.disk, to: &g.names}, found: textBuffer{disk: g.disk, to: &g.found},
	}
	w.find = exposure.NewGatherer(
		func(k exposure.Key) bool { return g.facts.common(uint64(k)) },
		g.facts.generation.Load,
		w.identity,
	)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.workers = append(g.workers, w)
	return w
}

// recent tells what was met a short while ago, so that it is not written again. It
// forgets.
type recent [1 << 12]uint64

func (r *recent) met(hash uint64) bool {
	at := &r[(hash^hash>>32)%uint64(len(r))]
	if *at == hash {
		return true
	}
	*at = hash
	return false
}

// Kinds of identity, on disk.
const (
	foundAddress = 'a'
	foundPhone   = 'p'
)

func (w *gatherWorker) identity(kind gate.FactKind, value string) {
	if w.lastFound.met(gate.HashWord(value)) {
		return
	}
	k := byte(foundAddress)
	if kind == gate.FactPhone {
		k = foundPhone
	}
	w.found.add([]byte{k}, value)
}

// errRole says that a run cannot be gathered: a role is not one of those known.
var errRole = errors.New("a recipient has a role that no index can hold")

// message gathers what m, of the class with key class, says.
func (w *gatherWorker) message(at place, m *gate.Canonical, class uint64) {
	keys := w.find.Keys(m.Parts)
	body := bodyKey(bodyOf(m))
	for _, to := range m.Recipients {
		id := to.ID()
		who := gate.HashWord(id)
		for _, k := range keys {
			w.facts.add(uint64(k), who)
		}
		role := slices.Index(roles(), to.Role)
		if role < 0 {
			w.err = errRole
			return
		}
		w.bodies.add(body, who&^roleBits|uint64(role))
		if !w.lastNames.met(who) {
			w.names.add(binary.LittleEndian.AppendUint64(nil, who), id)
			for _, k := range exposure.OwnKeys(to) {
				w.selves.add(uint64(k), who)
			}
		}
	}
	w.records.add(class, uint64(at.record)<<32|uint64(at.letter))
}

// A recipient with a role is the hash of the identity, of which the last bits say the role.
const roleBits = 7

func roles() []gate.RecipientRole {
	return []gate.RecipientRole{"", gate.Envelope, gate.Party, gate.To, gate.Cc, gate.Bcc, gate.ReplyTo}
}

// withRole is how recipients with one body are told apart and ordered.
func withRole(r gate.Recipient) uint64 {
	return gate.HashWord(r.ID())&^roleBits | uint64(max(slices.Index(roles(), r.Role), 0))
}

func bodyKey(d gate.Digest) uint64 { return binary.LittleEndian.Uint64(d[:]) }

// finish writes what is still in memory.
func (g *gatherer) finish() error {
	var err error
	for _, w := range g.workers {
		for _, p := range []*pending{&w.facts, &w.selves, &w.bodies, &w.records} {
			p.flush()
			err = errors.Join(err, p.err)
			p.list = nil
		}
		w.names.flush()
		w.found.flush()
		err = errors.Join(err, w.names.err, w.found.err, w.err)
	}
	return err
}

// A textBuffer collects texts, each behind a head of its own, in one goroutine.
type textBuffer struct {
	disk *scratch
	to   *texts
	b    []byte
	err  error
}

func (t *textBuffer) add(head []byte, text string) {
	t.b = append(t.b, head...)
	t.b = binary.AppendUvarint(t.b, uint64(len(text)))
	t.b = append(t.b, text...)
	if len(t.b) >= runBuffer {
		t.flush()
	}
}

func (t *textBuffer) flush() {
	if len(t.b) == 0 || t.err != nil {
		return
	}
	piece := sorted{t.disk.reserve(int64(len(t.b))), int64(len(t.b))}
	_, t.err = t.disk.file.WriteAt(t.b, piece.at)
	t.b = t.b[:0]
	t.to.mu.Lock()
	defer t.to.mu.Unlock()
	t.to.pieces = append(t.to.pieces, piece)
}

// each calls found for every text of t.
func (t *texts) each(disk *scratch, head int, found func(head []byte, text string) error) error {
	h := make([]byte, head)
	for _, p := range t.pieces {
		in := bufio.NewReaderSize(io.NewSectionReader(disk.file, p.at, p.n), runBuffer)
		if err := eachText(in, h, found); err != nil {
			return err
		}
	}
	return nil
}

func eachText(in *bufio.Reader, head []byte, found func(head []byte, text string) error) error {
	for {
		if _, err := io.ReadFull(in, head); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n, err := binary.ReadUvarint(in)
		if err != nil || n > 1<<20 {
			return errors.Join(errDigests, err)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return err
		}
		if err := found(head, string(text)); err != nil {
			return err
		}
	}
}
