package pseudonym

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
)

// Rules say who is replaced. See the package's comment for the form of places.
type Rules struct {
	Key         []byte           // at least [MinKey] bytes
	KeepDomains []string         // mail domains that stay, with those below them, and the addresses and display names of functions there; or whole addresses
	Regions     []string         // regions, such as "GB", in whose national format telephone numbers are found too
	Names       []string         // places that hold names of people
	Fields      []string         // places whose whole values are replaced
	Values      []string         // values that are replaced wherever they stand
	Records     []*regexp.Regexp // record numbers: the first group where there is one, else all that is found
}

// A Cleaner replaces people. It may be used from many goroutines.
type Cleaner struct {
	mac          []byte // key of sums
	id           string
	perm         permuter
	characters   func() []uint16 // of scripts without spaces
	seen         *memory         // addresses, and the digests of all identities
	words        *memory         // of names
	numbers      *memory
	macs         sync.Pool       // of hash.Hash, under mac
	keep         []string        // canonical domains
	keepWhole    map[string]bool // addresses in lower case
	regions      []string
	meanings     meanings // of names of fields
	people       *people
	days         bornDays
	named        named
	nationals    *memory
	names        places
	fields       places
	headerPlaces bool // some of them are header fields
	records      []record
	values       []needle
	items        sync.Pool                    // of *item
	watch        func(t []byte, spans []span) // sees what is replaced in each text; nil: nobody does
}

// New makes a cleaner. The error says what is wrong with the rules.
func New(r Rules) (*Cleaner, error) {
	if len(r.Key) < MinKey {
		return nil, fmt.Errorf("the key of the pseudonyms has %d bytes, and must have at least %d", len(r.Key), MinKey)
	}
	perm, err := newPermuter(r.Key)
	if err != nil {
		return nil, fmt.Errorf("make the permutations of the pseudonyms: %w", err)
	}
	c := &Cleaner{mac: derived(r.Key, "sums"), id: hex.EncodeToString(derived(r.Key, "name of the key")[:8]), perm: perm, characters: sync.OnceValue(perm.characters), seen: newMemory(), words: newMemory(), numbers: newMemory(), people: newPeople(), nationals: newMemory(), keepWhole: make(map[string]bool)}
	if c.regions, err = regions(r.Regions); err != nil {
		return nil, err
	}
	for _, d := range r.KeepDomains {
		if strings.IndexByte(d, '@') > 0 {
			c.keepWhole[strings.ToLower(d)] = true
			continue
		}
		host, err := gate.HostRecipient(strings.TrimPrefix(d, "@"))
		if err != nil {
			return nil, fmt.Errorf("domain to be kept: %w", err)
		}
		c.keep = append(c.keep, host.Address)
	}
	if c.names, err = newPlaces(r.Names); err != nil {
		return nil, err
	}
	if c.fields, err = newPlaces(r.Fields); err != nil {
		return nil, err
	}
	c.headerPlaces = slices.ContainsFunc(slices.Concat(r.Names, r.Fields), func(p string) bool { return strings.HasPrefix(p, "header/") })
	for _, p := range r.Records {
		rec, err := newRecord(p)
		if err != nil {
			return nil, err
		}
		c.records = append(c.records, rec)
	}
	for i, v := range r.Values {
		if len(v) < 2 || c.value(v) == v {
			return nil, fmt.Errorf("declared value %d has no letters or digits to replace, or is too short", i+1)
		}
		c.values = append(c.values, needle{kind: aValue, text: strings.ToLower(v), original: v})
	}
	c.items.New = func() any {
		w := &item{c: c, needles: newNeedles(), images: images{set: make(map[string]bool)}, pairs: make(map[string]string)}
		w.buffered = bufio.NewReader(&w.reader)
		return w
	}
	c.macs.New = func() any { return hmac.New(sha256.New, c.mac) }
	return c, nil
}

// KeyID names the key without telling it: 16 hexadecimal digits, equal for equal keys.
func (c *Cleaner) KeyID() string { return c.id }

// sum is the keyed digest of s for one purpose (HMAC-SHA-256).
func (c *Cleaner) sum(of purpose, s string) []byte {
	mac := c.macs.Get().(hash.Hash)
	defer c.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte{byte(of)})
	mac.Write([]byte(s))
	return mac.Sum(nil)
}

// hash is the tweak that s stands for.
func (c *Cleaner) hash(of purpose, s string) uint64 {
	if s == "" {
		return 0
	}
	return binary.BigEndian.Uint64(c.sum(of, s))
}

// Stimulus replaces the people in a stimulus and in its outcome, which may be nil:
// identities found in the one are replaced in the other. Both are changed in place.
// After an error, which names nobody, neither may be kept.
func (c *Cleaner) Stimulus(s *gate.Stimulus, o *gate.Outcome) error {
	return c.clean(s.Key, func(w *item) {
		w.message(s.Channel, &s.Head, &s.Body, s.Cut)
		w.line(&s.Key)
		for i := range s.Bindings {
			w.line(&s.Bindings[i].Value)
			w.sent(&s.Bindings[i])
		}
		if o != nil {
			w.outcome(s.Channel, o)
		}
	}, func() func() {
		saved := *s
		saved.Bindings = append([]gate.Binding(nil), s.Bindings...)
		var answer gate.Outcome
		if o != nil {
			answer = *o
		}
		return func() {
			bindings := s.Bindings
			*s = saved
			s.Bindings = bindings
			copy(s.Bindings, saved.Bindings)
			if o != nil {
				*o = answer
			}
		}
	}, func(w *item) bool {
		if w.left(s.Channel, s.Head, s.Body) {
			return true
		}
		return o != nil && w.left(s.Channel, o.Head, o.Body)
	})
}

// sent replaces the people in what a binding says of a message, which it changes in a copy.
func (w *item) sent(b *gate.Binding) {
	if b.Sent == nil {
		return
	}
	is := *b.Sent
	is.To, is.Like = slices.Clone(is.To), slices.Clone(is.Like)
	for _, list := range [][]string{is.To, is.Like} {
		for i := range list {
			w.line(&list[i])
		}
	}
	slices.Sort(is.To)
	b.Sent = &is
}

// Message replaces the people in a message, in place. After an error, which names
// nobody, nothing of it may be kept.
func (c *Cleaner) Message(m *gate.Message) error {
	return c.clean("", func(w *item) {
		w.message(m.Channel, &m.Head, &m.Body, m.Cut)
		for i := range m.Events {
			w.line(&m.Events[i])
		}
	}, func() func() {
		saved := *m
		saved.Events = append([]string(nil), m.Events...)
		return func() {
			events := m.Events
			*m = saved
			m.Events = events
			copy(m.Events, saved.Events)
		}
	}, func(w *item) bool { return w.left(m.Channel, m.Head, m.Body) })
}

// passes bounds how often an item is gone through: what is found late may stand
// before the place where it was found too.
const passes = 4

// clean replaces the people in one item by replace, and looks by left whether one
// of them still stands in it. Then what was found is replaced from the start, in the
// item as save has kept it.
func (c *Cleaner) clean(session string, replace func(*item), save func() (restore func()), left func(*item) bool) error {
	w := c.items.Get().(*item)
	defer func() {
		w.reset()
		c.items.Put(w)
	}()
	for _, v := range c.values {
		w.needles.add(v)
	}
	w.session, w.declared = session, len(w.needles.list)
	c.people.recall(w)
	restore := save()
	for pass := range passes {
		if pass > 0 {
			restore()
		}
		w.begin()
		replace(w)
		if w.err != nil {
			restore()
			return w.err
		}
		if !left(w) {
			if w.unknown {
				if pass == 0 {
					continue // its identity may stand further on
				}
				restore()
				return errors.New("a field holds the digest of an identity that is not known, and so has no pseudonym")
			}
			c.people.keep(w)
			return nil
		}
		if w.err != nil {
			restore()
			return w.err
		}
	}
	restore()
	return errors.New("an identity in it is left where it could not be replaced")
}

// An item is one stimulus with its outcome, or one message, while it is cleared.
type item struct {
	c        *Cleaner
	needles  *needles
	images   images            // pseudonyms that were put in
	pairs    map[string]string // pseudonyms of record numbers, by those in lower case
	err      error             // why it cannot be cleared; the first
	session  string            // key of the session that it is of; "" is none that is known
	declared int               // how many needles are of declared values
	unknown  bool              // it holds the digest of an identity that is not known
	budget   int64             // bytes that may still be unfolded
	types    mediaTypes
	recent   [8]*known // addresses that were taken down last, in no order
	next     int       // of recent that is taken over

	// For reuse.
	scratch  []byte
	fields   []field
	squeezed []byte // by the second look
	unquoted bytes.Buffer
	reader   bytes.Reader
	buffered *bufio.Reader
}

// maxUnfolded bounds what all compressed layers of one item unfold to, in bytes.
const maxUnfolded = 256 << 20

func (w *item) begin() {
	w.budget = maxUnfolded
	w.unknown = false
}

// reset makes it ready for another, and forgets everybody.
func (w *item) reset() {
	w.needles.reset()
	w.images.reset()
	clear(w.pairs)
	w.types.reset()
	clear(w.recent[:])
	clear(w.scratch)
	clear(w.fields)
	clear(w.squeezed)
	clear(w.unquoted.Bytes())
	w.unquoted.Reset()
	w.reader.Reset(nil)
	w.buffered.Reset(&w.reader)
	w.err = nil
}

// fail says why the item cannot be cleared.
func (w *item) fail(why string) {
	if w.err == nil {
		w.err = errors.New(why)
	}
}

// found takes down an identity, and says whether it is new.
func (w *item) found(d needle) bool {
	if w.needles.full() {
		w.fail("it names more people than are looked for")
	}
	return w.needles.add(d)
}

// identity is the text of a number that its digests are of.
func (d *needle) identity() string {
	switch {
	case len(d.text) == 10 && d.national <= 1 && d.text[0] >= '2':
		return "+1" + d.text // the one plan in which numbers have ten digits and no zero before them
	case d.national > 1 && d.original[0] == '0':
		return "+" + d.original[2:]
	case d.national > 0:
		return "+" + d.original
	}
	return d.original
}

// become notes that raw is replaced by out wherever it stands.
func (w *item) become(raw, out string) {
	w.pairs[strings.ToLower(raw)] = out
}

// line replaces the people in a short text beside an item's bytes.
func (w *item) line(s *string) {
	if *s != "" {
		*s = string(w.text([]byte(*s), manner{}))
	}
}

// images are the pseudonyms that were put into an item.
type images struct {
	list []string // added, and not in the set yet: few items ask for any
	set  map[string]bool
}

func (m *images) reset() {
	clear(m.list)
	m.list = m.list[:0]
	clear(m.set)
}

// add adds a pseudonym in lower case.
func (m *images) add(s string) {
	if len(m.list) == 1024 {
		m.gather()
	}
	m.list = append(m.list, s)
}

func (m *images) gather() {
	for _, s := range m.list {
		m.set[s] = true
	}
	m.list = m.list[:0]
}

// has reports whether raw, in any case, was put in.
func (m *images) has(raw []byte) bool {
	m.gather()
	return m.set[string(raw)] || m.set[lowerText(raw)]
}
