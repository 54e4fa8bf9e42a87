package pseudonym

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// A Leak is what looks like somebody in one record.
type Leak struct {
	Detector string // one of [Detectors]
	Value    string // as it stands in the text, decoded
	Sure     bool   // it can be told from a pseudonym
}

// Detectors are what a [Finder] looks with.
const (
	DetectAddress = "mail addresses"
	DetectListed  = "names on the list"
	DetectNames   = "names that begin with a common first name"
	DetectNamed   = "names by their fields and salutations"
	DetectNumber  = "telephone numbers"
	DetectChecked = "cards, accounts, national numbers, dates of birth and clients' addresses"
)

// A Finder looks for people in records, through all layers in which a [Cleaner] replaces
// them. It may be used from one goroutine.
type Finder struct {
	c      *Cleaner
	listed map[string]bool // whole names, their words in lower case with spaces between
	firsts map[string]int  // first words of listed, with the most words of one that begins so
	found  map[Leak]bool   // in the item under way
}

// NewFinder makes a finder. names are those of people, one each, which are looked for
// wherever their words stand side by side, in that order or, of two words, the other;
// keepDomains are mail domains whose addresses are no leaks. The error says which is none.
func NewFinder(names, keepDomains []string) (*Finder, error) {
	c, err := New(Rules{Key: bytes.Repeat([]byte{'l'}, MinKey), KeepDomains: keepDomains})
	if err != nil {
		return nil, err
	}
	f := &Finder{c: c, listed: make(map[string]bool), firsts: make(map[string]int), found: make(map[Leak]bool)}
	list := func(words []string) {
		f.listed[strings.Join(words, " ")] = true
		f.firsts[words[0]] = max(f.firsts[words[0]], len(words))
	}
	for _, name := range names {
		var words []string
		eachWord([]byte(name), func(w []byte) { words = append(words, foldName(w)) })
		switch {
		case len(words) == 0 || len(words) == 1 && len(words[0]) < 3:
		case len(words) == 2:
			list([]string{words[1], words[0]})
			fallthrough
		default:
			list(words)
		}
	}
	c.watch = f.see
	return f, nil
}

// Record returns what looks like somebody in a stimulus, its answer or a message, each value
// once. whole is false where some of it could not be read.
func (f *Finder) Record(r *gate.Record) (leaks []Leak, whole bool) {
	clear(f.found)
	var err error
	switch {
	case r.Stimulus != nil:
		s := *r.Stimulus
		s.Head, s.Body, s.Key, s.Bindings = bytes.Clone(s.Head), bytes.Clone(s.Body), "", nil
		err = f.c.Stimulus(&s, nil)
	case r.Message != nil:
		m := *r.Message
		m.Head, m.Body, m.Events = bytes.Clone(m.Head), bytes.Clone(m.Body), nil
		err = f.c.Message(&m)
	}
	for l := range f.found {
		leaks = append(leaks, l)
	}
	return leaks, err == nil
}

// see takes what the cleaner would replace in t, and looks for names.
func (f *Finder) see(t []byte, spans []span) {
	for _, s := range spans {
		l := Leak{Value: string(t[s.start:s.end])}
		switch s.kind {
		case anAddress:
			l.Detector, l.Sure = DetectAddress, !strings.HasSuffix(lowerText(t[s.start:s.end]), reserved)
		case aNumber:
			l.Detector = DetectNumber
		case aName:
			l.Detector = DetectNamed
		default:
			l.Detector = DetectChecked
		}
		f.found[l] = true
	}
	f.names(t)
}

// names looks for listed names, and for two words of which the first is a common first name.
func (f *Finder) names(t []byte) {
	var starts [][2]int
	for i := 0; i < len(t); {
		if !isWordByte(t[i]) {
			i++
			continue
		}
		j := i
		for j < len(t) && isWordByte(t[j]) {
			j++
		}
		starts = append(starts, [2]int{i, j})
		i = j
	}
	for k, at := range starts {
		word := foldName(t[at[0]:at[1]])
		if most := f.firsts[word]; most > 0 {
			whole := word
			for n := 1; ; n++ {
				if f.listed[whole] {
					f.found[Leak{DetectListed, string(t[at[0]:starts[k+n-1][1]]), true}] = true
				}
				if n >= most || k+n >= len(starts) || starts[k+n][0]-starts[k+n-1][1] > 3 {
					break
				}
				whole += " " + foldName(t[starts[k+n][0]:starts[k+n][1]])
			}
		}
		if !firstNames[word] || k+1 == len(starts) || starts[k+1][0]-at[1] != 1 || strings.IndexByte(" +_.", t[at[1]]) < 0 {
			continue
		}
		next := t[starts[k+1][0]:starts[k+1][1]]
		if isUpper(t[at[0]:at[1]]) && isUpper(next) && len(next) > 2 && !isOrdinary(foldName(next)) && !inHost(t, at[0], starts[k+1][1]) {
			f.found[Leak{DetectNames, string(t[at[0]:starts[k+1][1]]), true}] = true
		}
	}
}

func isUpper(word []byte) bool {
	r, _ := utf8.DecodeRune(word)
	return unicode.IsUpper(r)
}

// firstNames are the commonest of the last hundred years in Europe and America, but for
// those that are words of English too.
var firstNames = set(`
james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony donald steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric jonathan stephen
larry justin scott brandon benjamin samuel gregory alexander patrick jack dennis jerry tyler aaron jose adam nathan henry zachary douglas peter kyle noah ethan jeremy walter christian keith roger terry austin sean gerald carl harold dylan arthur
lawrence jordan jesse bryan billy bruce gabriel joe logan alan juan albert willie elijah wayne randy vincent mason roy ralph bobby russell bradley philip eugene theodore oscar hugo felix oliver leo liam lucas harry jakob max anton emil otto karl
mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon laura cynthia dorothy amy kathleen angela shirley
emma brenda pamela nicole anna samantha katherine christine debra rachel carolyn janet maria olivia heather helen catherine diane julie victoria joyce lauren kelly christina ruth joan virginia judith evelyn hannah andrea megan cheryl jacqueline
madison teresa abigail sophia martha sara gloria janice kathryn ann isabella judy charlotte julia amber alice jean denise frances danielle marilyn natalie beverly diana brittany theresa kayla alexis doris lori tiffany gina wilhelmina zelda zoe
peter hans klaus wolfgang jurgen jürgen juergen dieter manfred uwe gunter günter guenter helmut horst gerhard heinz bernd rainer stefan andreas markus matthias thorsten torsten sebastian florian lukas leon finn jonas ursula monika petra sabine
renate helga ingrid brigitte christa gisela birgit heike claudia susanne katrin anja silke kerstin ute lena lea mia leonie hanna johanna marie sophie amelie clara pierre michel philippe alain nicolas laurent pascal thierry julien francois françois
christophe guillaume mathieu nathalie isabelle sylvie catherine valerie valérie sandrine celine céline aurelie aurélie camille chloe chloé manon antonio francisco carlos miguel javier jesus alejandro rafael pedro sergio fernando luis jorge alberto
pablo maria carmen josefa isabel dolores pilar teresa lucia lucía mercedes rosario elena cristina marta paula giuseppe giovanni antonio mario luigi francesco angelo vincenzo pietro salvatore carlo franco domenico bruno paolo marco alessandro
matteo lorenzo giulia chiara francesca federica silvia paola giovanna roberta joao joão jose rui tiago ines inês beatriz jan piet kees willem johannes cornelis hendrik anneke marijke erik lars sven nils bjorn björn anders johan karin ingrid astrid
freja ole jens mette henrik mikkel piotr krzysztof andrzej tomasz pawel paweł jerzy marek katarzyna malgorzata małgorzata agnieszka barbara ewa magdalena zofia pavel tomas tomáš jiri jiří petra ivan dmitri sergei vladimir alexei olga natalia
svetlana tatiana irina mehmet mustafa ahmet ali fatma ayse ayşe emine mohammed muhammad ahmed omar yusuf ibrahim fatima aisha khadija raj rahul amit priya anita sunita wei li ming hiroshi takashi yuki kenji orla niamh siobhan ciaran sinead amara
`)
