package pseudonym

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of what is remembered beyond one item, each in two generations.
const (
	mostPairs      = 64 << 10 // two words of a full name
	mostOwners     = 32 << 10 // addresses with their names
	mostSessions   = 8 << 10
	mostOfSession  = 512 // identities of one session
	mostWordsOwned = 8   // words of the name of one address
)

// people is what is known of people beyond the item that named them: full names, which
// are replaced in the whole recording; names by address; and all identities of a session.
type people struct {
	mu       sync.RWMutex
	pairs    [2]map[string]bool // "ann archer": two words of a name, the younger generation first; and single words of declared ones
	owners   [2]map[string][]string
	sessions [2]map[string]*session
	filled   atomic.Bool                  // there are pairs
	first    [pairBits / 64]atomic.Uint64 // a bit for the hash of each first word of a pair
}

const pairBits = 1 << 16

// A session is what was found in the items of one session.
type session struct {
	list      []needle
	pairs     map[string]string
	addresses []string // the first few that stand in it
}

func newPeople() *people {
	p := &people{}
	for i := range 2 {
		p.pairs[i], p.owners[i], p.sessions[i] = make(map[string]bool), make(map[string][]string), make(map[string]*session)
	}
	return p
}

// remember puts v under k, and forgets the older generation when the younger is full.
func remember[V any](g *[2]map[string]V, k string, v V, most int) (turned bool) {
	if len(g[0]) >= most {
		g[1], g[0] = g[0], make(map[string]V)
		turned = true
	}
	g[0][k] = v
	return turned
}

// recall is what was put under k.
func recall[V any](g *[2]map[string]V, k string) V {
	if v, ok := g[0][k]; ok {
		return v
	}
	return g[1][k]
}

// pair takes down two words of a full name, in lower case.
func (p *people) pair(a, b string) {
	p.learn(a + " " + b)
}

// declare takes down a word of a declared name, in lower case.
func (p *people) declare(word string) { p.learn(word) }

// joined takes down two words of a full name as they are joined in names of files and in paths.
func (p *people) joined(a, b string) {
	if len(a) > 2 && len(b) > 2 && len(a)+len(b) >= leastJoined && !isOrdinary(a+b) && !isOrdinary(b+a) {
		p.declare(a + b)
		p.declare(b + a)
	}
}

// leastJoined is how many bytes two joined words have at the least that are looked for in the
// whole recording: shorter ones may be words.
const leastJoined = 9

// learn takes down what is looked for where its first word stands.
func (p *people) learn(key string) {
	p.mu.RLock()
	known := p.pairs[0][key]
	p.mu.RUnlock()
	if known {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if remember(&p.pairs, key, true, mostPairs) {
		for i := range p.first {
			p.first[i].Store(0)
		}
		for k := range p.pairs[1] {
			p.mark(k)
		}
	}
	p.mark(key)
	p.filled.Store(true)
}

// mark notes by what text a key is looked for: its first word, or, in scripts without spaces,
// its first two characters too.
func (p *people) mark(key string) {
	word, _, _ := strings.Cut(key, " ")
	for _, s := range []string{word, twoOf(word)} {
		if s != "" {
			h := hashOf([]byte(s))
			p.first[h%pairBits/64].Or(1 << (h % 64))
		}
	}
}

// mayBegin reports whether a key may begin with a word as keys have it.
func (p *people) mayBegin(word []byte) bool {
	h := hashOf(word)
	return p.first[h%pairBits/64].Load()&(1<<(h%64)) != 0
}

func hashOf(word []byte) uint32 {
	h := uint32(hashBegun)
	for _, c := range word {
		h = (h ^ uint32(c)) * hashPrime
	}
	return h
}

// FNV-1a.
const (
	hashBegun = 2166136261
	hashPrime = 16777619
)

// knows reports whether words of a text, as they stand there, are of a name that was learnt.
func (p *people) knows(words ...[]byte) bool {
	var buffer [96]byte
	key := buffer[:0]
	for i, word := range words {
		if i > 0 {
			key = append(key, ' ')
		}
		if len(key)+len(word) > cap(key) {
			return false
		}
		if isASCII(word) {
			for _, c := range word {
				key = append(key, lowerByte(c))
			}
		} else {
			key = append(key, foldName(word)...)
		}
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.pairs[0][string(key)] || p.pairs[1][string(key)]
}

// own takes down that an address is of somebody of that name.
func (p *people) own(address string, words []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := recall(&p.owners, address)
	for _, w := range words {
		if len(list) < mostWordsOwned && !contains(list, w) {
			list = append(list[:len(list):len(list)], w)
		}
	}
	remember(&p.owners, address, list, mostOwners)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func (p *people) namesOf(address string) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return recall(&p.owners, address)
}

// recall gives w what was found in its session before.
func (p *people) recall(w *item) {
	if w.session == "" {
		return
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := recall(&p.sessions, w.session)
	if s == nil {
		return
	}
	for _, d := range s.list {
		if w.needles.add(d) && d.kind == aRecord {
			w.pairs[d.text] = s.pairs[d.text]
		}
	}
}

// keep takes down what was found in an item, for others of its session.
func (p *people) keep(w *item) {
	if w.session == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := recall(&p.sessions, w.session)
	next := &session{pairs: make(map[string]string)}
	known := make(map[string]bool)
	if s != nil {
		next.list, next.addresses = s.list[:len(s.list):len(s.list)], s.addresses[:len(s.addresses):len(s.addresses)]
		maps.Copy(next.pairs, s.pairs)
		for i := range s.list {
			known[string(rune(s.list[i].kind))+s.list[i].text] = true
		}
	}
	for i := w.declared; i < len(w.needles.list); i++ {
		d := w.needles.list[i]
		if d.kind == anAddress && len(next.addresses) <= mostOwnOfSession && !contains(next.addresses, d.text) {
			next.addresses = append(next.addresses, d.text)
		}
		if d.kind == aRecord && next.pairs[d.text] != "" {
			next.pairs[d.text] = w.pairs[d.text]
		}
		if d.kind == anAddress || known[string(rune(d.kind))+d.text] || len(next.list) >= mostOfSession {
			continue
		}
		next.list = append(next.list, d)
		if d.kind == aRecord {
			next.pairs[d.text] = w.pairs[d.text]
		}
	}
	remember(&p.sessions, w.session, next, mostSessions)
	if len(next.addresses) > mostOwnOfSession { // it is of many people
		return
	}
	for _, address := range next.addresses { // mail to it names them
		list := recall(&p.owners, address)
		for i := range next.list {
			if d := &next.list[i]; d.kind == aName && d.tail == 0 && len(list) < mostWordsOwned && !contains(list, d.original) {
				list = append(list[:len(list):len(list)], d.original)
			}
		}
		remember(&p.owners, address, list, mostOwners)
	}
}

// mostOwnOfSession is how many addresses a session has at the most whose names are taken
// to be those of one person.
const mostOwnOfSession = 2

// foldName is a word of a name as pairs have it: in lower case, composed.
func foldName(word []byte) string {
	if isASCII(word) {
		return lowerText(word)
	}
	return norm.NFC.String(lowerText(word))
}

// name makes the words of somebody's name identities of the item. Words that are nobody's
// beside a name, such as titles, are none.
func (w *item) name(s []byte) { w.nameOf(s, "") }

// declaredName is name, of what a declared place holds: its words are names in the whole
// recording.
func (w *item) declaredName(s []byte) {
	w.name(s)
	for _, word := range nameWords(s) {
		w.c.people.declare(foldName(word))
	}
}

// nameOf is name, of the owner of an address where that is not empty.
func (w *item) nameOf(s []byte, address string) {
	if len(s) < 2 {
		return
	}
	for _, d := range w.c.named.of(w.c, s, address) {
		w.found(d)
	}
}

// mostNamed is how many names are remembered with the identities that they make.
const mostNamed = 32 << 10

// named remembers the identities that names make.
type named struct {
	mu   sync.RWMutex
	list map[string][]needle
}

func (n *named) of(c *Cleaner, s []byte, address string) []needle {
	var buffer [128]byte
	key := append(append(append(buffer[:0], s...), 0), address...)
	n.mu.RLock()
	list, ok := n.list[string(key)]
	n.mu.RUnlock()
	if ok {
		return list
	}
	w := c.items.Get().(*item)
	w.nameAnew(s, address)
	list = append([]needle(nil), w.needles.list...)
	w.reset()
	c.items.Put(w)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.list == nil || len(n.list) >= mostNamed {
		n.list = make(map[string][]needle)
	}
	n.list[string(key)] = list
	return list
}

// nameAnew is nameOf of a name that is not remembered.
func (w *item) nameAnew(s []byte, address string) {
	words := nameWords(s)
	for _, word := range words {
		w.word(word)
	}
	if hasUnspaced(s) {
		w.unspacedName(s)
	}
	if len(words) < 2 {
		w.phrase(s)
	}
	if len(words) == 0 {
		return
	}
	if address != "" {
		list := make([]string, len(words))
		for i := range words {
			list[i] = string(words[i])
		}
		w.c.people.own(strings.ToLower(address), list)
	}
	if len(words) > 4 {
		return
	}
	for i := range words {
		for k := i + 1; k < len(words); k++ {
			a, b := foldName(words[i]), foldName(words[k])
			if len(a) < 2 || len(b) < 2 || isOrdinary(a) && isOrdinary(b) {
				continue
			}
			w.c.people.pair(a, b)
			w.c.people.pair(b, a)
		}
	}
	if len(words) > 1 {
		w.logins(words[0], words[len(words)-1])
		w.c.people.joined(foldName(words[0]), foldName(words[len(words)-1]))
	}
}

// nameWords are the words of a name that may name somebody.
func nameWords(s []byte) (words [][]byte) {
	eachWord(s, func(word []byte) {
		if utf8.RuneCount(word) > 1 && !isCommon(foldName(word)) {
			words = append(words, word)
		}
	})
	return words
}

// word makes a word an identity. One that is a word of the language too counts in the case
// that it was found in.
func (w *item) word(word []byte) {
	if !isASCII(word) {
		w.foreignWord(word)
		return
	}
	var buffer [64]byte
	lower := buffer[:0]
	for _, c := range word {
		lower = append(lower, lowerByte(c))
	}
	if len(word) < 2 || isCommon(string(lower)) || w.needles.has(aName, lower) {
		return
	}
	k := w.c.word(word)
	w.found(needle{kind: aName, text: k.lower, original: k.original, exact: len(word) == 2 || word[0] < 'a' && ordinary[k.lower]})
	for _, pair := range digraphs {
		if strings.Contains(k.lower, pair[1]) && len(word) > 3 {
			w.foreignWord([]byte(strings.ReplaceAll(k.lower, pair[1], pair[0])))
		}
	}
}

// digraphs are letters and what stands for them in ASCII.
var digraphs = [...][2]string{{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"ø", "oe"}, {"ß", "ss"}, {"å", "aa"}, {"æ", "ae"}}

// foreignWord makes a word that is not all ASCII an identity: in both of its normal forms,
// and as it is written in ASCII.
func (w *item) foreignWord(word []byte) {
	lower := lowerText(word)
	if isCommon(lower) || utf8.RuneCount(word) < 2 {
		return
	}
	d := needle{kind: aName, text: norm.NFC.String(lower), original: string(word), exact: len(word) == 2}
	if !w.found(d) || isASCII([]byte(lower)) {
		return
	}
	plain := d.text
	d.text = norm.NFD.String(lower)
	w.found(d)
	if rest, ok := strings.CutPrefix(plain, "ال"); ok && utf8.RuneCountInString(rest) > 2 { // "to the ..."
		w.found(needle{kind: aName, text: "لل" + rest, original: "لل" + rest})
	}
	spelt := plain
	for _, pair := range digraphs {
		spelt = strings.ReplaceAll(spelt, pair[0], pair[1])
	}
	for _, s := range []string{spelt, withoutMarks(plain)} {
		if isASCII([]byte(s)) && len(s) > 2 {
			w.found(needle{kind: aName, text: s, original: s})
		}
	}
}

// withoutMarks is s with its accents left out.
func withoutMarks(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'ø':
			out = append(out, 'o')
		case r == 'ł':
			out = append(out, 'l')
		case r == 'ß':
			out = append(out, "ss"...)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}

// logins makes identities of what people sign in by who are called so.
func (w *item) logins(first, last []byte) {
	a, b := foldName(first), foldName(last)
	if !isASCII([]byte(a)) || !isASCII([]byte(b)) || len(a) < 3 || len(b) < 3 {
		return
	}
	for _, s := range []string{a[:1] + b, a + b, b + a[:1], b + a, b[:1] + a, a + b[:1]} {
		if len(s) >= leastField && !isOrdinary(s) {
			w.found(needle{kind: aName, text: s, original: s})
		}
	}
}

// likely makes identities of the words of what looks like a name, but may be that of a
// thing or of an organisation: those that are no words of a language, nor of the host given.
func (w *item) likely(s []byte, host string) {
	var kept []byte
	n := 0
	eachWord(s, func(word []byte) {
		lower := foldName(word)
		if utf8.RuneCount(word) > 1 && !isOrdinary(lower) && (host == "" || !strings.Contains(host, lower)) {
			n++
		}
		if host == "" || !strings.Contains(host, lower) {
			kept = append(append(kept, word...), ' ')
		}
	})
	if n > 0 {
		words := nameWords(kept)
		for i := len(words) - 1; i >= 0; i-- {
			if isOrdinary(foldName(words[i])) && (n < 2 && len(words) > 2 || words[i][0] >= 'a' && words[i][0] <= 'z') {
				words = append(words[:i], words[i+1:]...)
			}
		}
		var again []byte
		for _, word := range words {
			again = append(append(again, word...), ' ')
		}
		w.name(again)
	}
}

// looksFull reports whether s has the form of a full name: two to four words that begin in
// upper case, and nothing else but what stands between them.
func looksFull(s []byte) bool {
	if len(s) > 60 {
		return false
	}
	words, upper := 0, true
	eachWord(s, func(word []byte) {
		r, _ := utf8.DecodeRune(word)
		if !unicode.IsLower(r) {
			words++
		} else if !isCommon(string(word)) { // "de", "von"
			upper = false
		}
	})
	for _, r := range string(s) {
		if !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune(" .,'’-\u3000・·", r) {
			return false
		}
	}
	return upper && words >= 2 && words <= 4
}

// isName reports whether all of s can be a name: letters, and what stands between them.
func isName(s []byte) bool {
	if len(s) > 100 {
		return false
	}
	letters := 0
	for _, r := range string(s) {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.Is(unicode.M, r) || strings.ContainsRune(" .,'’-()\"/\u3000・·", r):
		default:
			return false
		}
	}
	return letters > 1 || letters == 1 && hasUnspaced(s)
}

// localName takes down the name that a local part such as "ann.archer" gives away.
func (c *Cleaner) localName(local string) {
	local, _, _ = strings.Cut(strings.ToLower(local), "+")
	i := strings.IndexAny(local, "._-")
	if i < 2 || len(local)-i < 3 {
		return
	}
	a, b := local[:i], local[i+1:]
	for _, s := range []string{a, b} {
		for k := range len(s) {
			if s[k] < 'a' || s[k] > 'z' {
				return
			}
		}
	}
	if isOrdinary(a) && isOrdinary(b) || isRole(a) || isRole(b) {
		return
	}
	c.people.pair(a, b)
	c.people.pair(b, a)
}
