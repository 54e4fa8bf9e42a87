package pipeline

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unique"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/match"
)

// mostInMemory is how many deliveries of a residue have their texts in memory. Of a
// larger one the texts are put aside on disk, and looked at one at a time.
const mostInMemory = 8 << 10

// loaded is the residue of one run. Where it is large its messages have no Parts: text
// gives them.
type loaded struct {
	items      []match.Item
	deliveries []*gate.Delivery // of the same index
	surplus    []surplus        // of the same index
	texts      *textStore       // nil where texts are in memory
	stored     []sorted         // where the text of each item is in texts
}

// load gives the residue of s.
func load(ctx context.Context, s side, residue []surplus) (*loaded, error) {
	l := &loaded{items: make([]match.Item, len(residue)), deliveries: make([]*gate.Delivery, len(residue)), surplus: residue}
	if t, ok := s.(*tapeSide); ok && len(residue) > mostInMemory {
		// Where there is no place for them texts stay in memory.
		if texts, err := newTextStore(filepath.Dir(t.path)); err == nil {
			l.texts = texts
			l.stored = make([]sorted, len(residue))
		}
	}
	at := make([]position, len(residue))
	for i := range residue {
		at[i] = residue[i].at
	}
	err := s.load(ctx, at, func(of []int, m *gate.Canonical) error {
		body := bodyOf(m)
		full := m
		var stored sorted
		if l.texts != nil {
			var err error
			if stored, err = l.texts.put(m.Parts); err != nil {
				return err
			}
			m = shell(m)
		}
		for _, i := range of {
			l.items[i] = match.Item{Message: m, Recipient: m.Recipients[residue[i].to], Body: body, Whole: residue[i].digest}
			l.deliveries[i] = deliveryOf(m, full.Parts, l.items[i].Recipient)
			if l.texts != nil {
				l.stored[i] = stored
				l.items[i].Parts = func() []gate.Part { return l.texts.get(stored) }
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close gives the place on disk back. What could not be read meanwhile is an error: it
// was taken for empty.
func (l *loaded) Close() error {
	if l == nil || l.texts == nil {
		return nil
	}
	return errors.Join(l.texts.err(), l.texts.disk.Close())
}

// text gives the message of item i, with its parts.
func (l *loaded) text(i int) *gate.Canonical {
	m := l.items[i].Message
	if l.texts == nil {
		return m
	}
	whole := *m
	whole.Parts = l.texts.get(l.stored[i])
	return &whole
}

// shell is m without its text, and without memory that it shares with others.
func shell(m *gate.Canonical) *gate.Canonical {
	s := &gate.Canonical{
		Ref: m.Ref, Channel: interned(m.Channel), Sink: interned(m.Sink), Phase: interned(m.Phase), Class: interned(m.Class), At: m.At,
		Recipients: slices.Clone(m.Recipients), Traces: slices.Clone(m.Traces),
	}
	for i := range s.Recipients {
		s.Recipients[i].Address = strings.Clone(s.Recipients[i].Address)
	}
	for i := range s.Traces {
		s.Traces[i] = strings.Clone(s.Traces[i])
	}
	return s
}

func interned(s string) string { return unique.Make(s).Value() }

// A textStore keeps the parts of messages in a scratch file, under a key that is in
// memory alone: they may be those of an encrypted tape. It may be used from many
// goroutines.
type textStore struct {
	disk   *scratch
	block  cipher.Block
	failed atomic.Pointer[error]

	buffers sync.Pool // of *[]byte
}

func newTextStore(dir string) (*textStore, error) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	disk, err := newScratch(dir)
	if err != nil {
		return nil, err
	}
	return &textStore{disk: disk, block: block}, nil
}

// crypt encrypts or decrypts b, which stands at an offset where nothing else ever did.
func (t *textStore) crypt(b []byte, at int64) {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:], uint64(at))
	cipher.NewCTR(t.block, iv[:]).XORKeyStream(b, b)
}

func (t *textStore) put(parts []gate.Part) (sorted, error) {
	size := 0
	for i := range parts {
		size += len(parts[i].Name) + len(parts[i].Value) + 2*binary.MaxVarintLen32 + 1
	}
	b := make([]byte, 0, size)
	for i := range parts {
		b = append(b, byte(parts[i].Kind))
		for _, s := range [2]string{parts[i].Name, parts[i].Value} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	s := sorted{t.disk.reserve(int64(len(b))), int64(len(b))}
	t.crypt(b, s.at)
	if _, err := t.disk.file.WriteAt(b, s.at); err != nil {
		return s, fmt.Errorf("put texts aside on disk: %w", err)
	}
	return s, nil
}

// get gives what was put at s; nothing where it cannot be read, which is an error of Close.
func (t *textStore) get(s sorted) []gate.Part {
	buffer, _ := t.buffers.Get().(*[]byte)
	if buffer == nil || int64(cap(*buffer)) < s.n {
		buffer = new(make([]byte, s.n, 2*s.n))
	}
	if s.n <= runBuffer {
		defer t.buffers.Put(buffer)
	}
	b := (*buffer)[:s.n]
	if _, err := t.disk.file.ReadAt(b, s.at); err != nil {
		t.fail(err)
		return nil
	}
	t.crypt(b, s.at)
	text := string(b)
	parts := make([]gate.Part, 0, 24)
	for len(b) > 0 {
		p := gate.Part{Kind: gate.PartKind(b[0])}
		b = b[1:]
		for _, to := range [2]*string{&p.Name, &p.Value} {
			n, size := binary.Uvarint(b)
			if size <= 0 || n > uint64(len(b)-size) {
				t.fail(io.ErrUnexpectedEOF)
				return nil
			}
			from := len(text) - len(b) + size
			*to = text[from : from+int(n)]
			b = b[size+int(n):]
		}
		parts = append(parts, p)
	}
	return parts
}

func (t *textStore) fail(err error) {
	err = fmt.Errorf("read texts that were put aside on disk: %w", err)
	t.failed.CompareAndSwap(nil, &err)
}

func (t *textStore) err() error {
	if err := t.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// grouped gives the indexes of at, those that are equal together, in order.
func grouped(at []position) (groups [][]int) {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(at[x].compare(at[y]), cmp.Compare(x, y)) })
	for i := 0; i < len(order); {
		end := i + 1
		for end < len(order) && at[order[end]] == at[order[i]] {
			end++
		}
		groups = append(groups, order[i:end])
		i = end
	}
	return groups
}

// parallel calls do, of which worker gives each goroutine one, for 0 to n-1.
func parallel(workers, n int, worker func() (do func(int))) {
	const share = 64
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, (n+share-1)/share) {
		wg.Go(func() {
			do := worker()
			for {
				end := int(next.Add(share))
				for i := end - share; i < min(end, n); i++ {
					do(i)
				}
				if end >= n {
					return
				}
			}
		})
	}
	wg.Wait()
}
