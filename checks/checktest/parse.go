package checktest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// Parse reads a comparison in the notation of cases. A line is words and quoted
// texts; "#" begins a comment.
//
//	scenario outage                    "steady" where it is not said
//	parties collect.example            hosts that production sent to
//	caused                             messages carry traces
//	replies                            it is of answers
//	class answer 12 0                  deliveries of a class by production and staging
//	added bob OPTIONS                  changes
//	removed bob OPTIONS
//	altered p1..p19 OPTIONS            19 changes alike
//	redirected alice -> bob OPTIONS
//	unstable added bob OPTIONS         a change between two replays of production
//	order alice OPTIONS
//
// OPTIONS are sink=mail, channel=smtp, class=answer, copies=1/3, was=N and
// message=N (number of the message, before and after: two changes with one number
// are one message), uncaused, concerns=alice,bob. Lines that follow belong to the changes above them:
//
//	edit text "old" -> "new" FLAGS     FLAGS: wording, alike, within, new, gone, kind=link
//	gains carol 12.5 FLAGS             FLAGS: new, stimuli, part=header/to; own is worked out
//	origins dave
//
// People are names (alice is mail:alice@example.org), ranges of numbered names, or
// ids with their kind: host:a.example, tel:+15105550100, session:s1. Edits that are alike make
// one group; classes that are not stated are counted from the changes.
func Parse(text string) (*gate.Comparison, error) {
	p := parser{c: &gate.Comparison{Scenario: "steady"}, groups: map[string]int{}, stated: map[gate.ClassFacts]bool{}}
	p.c.Production = gate.RunFacts{Role: gate.Production}
	p.c.Staging = gate.RunFacts{Role: gate.Staging}
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err == nil && len(words) > 0 {
			err = p.line(words)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	p.finish()
	return p.c, nil
}

type parser struct {
	c      *gate.Comparison
	open   []int // changes that following lines belong to
	groups map[string]int
	stated map[gate.ClassFacts]bool
	seq    uint64
}

// split cuts a line into words and quoted texts, unquoted.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("text %s: %w", line, err)
			}
			s, err := strconv.Unquote(q)
			if err != nil {
				return nil, fmt.Errorf("text %s: %w", q, err)
			}
			words, line = append(words, s), line[len(q):]
			continue
		}
		end := strings.IndexAny(line, " \t\r")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
}

func (p *parser) line(w []string) error {
	switch word, rest := w[0], w[1:]; word {
	case "scenario":
		if len(rest) != 1 {
			return errors.New("scenario wants a name")
		}
		p.c.Scenario = rest[0]
	case "parties":
		for _, h := range rest {
			p.c.Parties = append(p.c.Parties, "host:"+h)
		}
		slices.Sort(p.c.Parties)
	case "caused":
		p.c.Caused = true
	case "replies":
		p.c.Replies = true
	case "class":
		return p.class(rest)
	case "added", "removed", "altered", "redirected":
		return p.change(gate.ChangeKind(word), rest, &p.c.Changes)
	case "unstable":
		if len(rest) == 0 {
			return errors.New("unstable wants a change")
		}
		return p.change(gate.ChangeKind(rest[0]), rest[1:], &p.c.Unstable)
	case "order":
		return p.order(rest)
	case "edit":
		return p.edit(rest)
	case "gains":
		return p.gains(rest)
	case "origins":
		for _, i := range p.open {
			for _, name := range rest {
				r, err := people(name)
				if err != nil {
					return err
				}
				p.c.Changes[i].Origins = append(p.c.Changes[i].Origins, r...)
			}
		}
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

func (p *parser) class(w []string) error {
	if len(w) != 3 {
		return errors.New("class wants a name and two counts")
	}
	production, err1 := strconv.ParseUint(w[1], 10, 64)
	staging, err2 := strconv.ParseUint(w[2], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	p.c.Classes = append(p.c.Classes, gate.ClassFacts{Channel: "smtp", Sink: "mail", Class: w[0], Production: production, Staging: staging})
	p.stated[gate.ClassFacts{Channel: "smtp", Sink: "mail", Class: w[0]}] = true
	return nil
}

// people reads a name, a range of numbered names ("p1..p19") or an id.
func people(word string) ([]gate.Recipient, error) {
	if kind, _, ok := strings.Cut(word, ":"); ok {
		r, err := gate.ParseRecipient(word)
		if err != nil {
			return nil, err
		}
		switch gate.RecipientKind(kind) {
		case gate.Host:
			r.Role = gate.Party
		case gate.Session:
			r.Role = gate.Asker
		default:
			r.Role = gate.Envelope
		}
		return []gate.Recipient{r}, nil
	}
	names := []string{word}
	if from, to, ok := strings.Cut(word, ".."); ok {
		name := strings.TrimRight(from, "0123456789")
		first, err1 := strconv.Atoi(strings.TrimPrefix(from, name))
		last, err2 := strconv.Atoi(strings.TrimPrefix(to, name))
		if err := errors.Join(err1, err2); err != nil || first > last {
			return nil, fmt.Errorf("range %q: wants name1..name9", word)
		}
		names = names[:0]
		for i := first; i <= last; i++ {
			names = append(names, name+strconv.Itoa(i))
		}
	}
	list := make([]gate.Recipient, 0, len(names))
	for _, n := range names {
		r, err := gate.MailRecipient(n+"@example.org", gate.Envelope)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

type options struct {
	delivery     gate.Delivery
	copies       [2]int
	was, message uint64
	uncaused     bool
}

func parseOptions(words []string) (o options, err error) {
	o.delivery = gate.Delivery{Channel: "smtp", Sink: "mail", Class: "letter"}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "channel":
			o.delivery.Channel = value
		case "sink":
			o.delivery.Sink = value
		case "class":
			o.delivery.Class = value
		case "was":
			o.was, err = strconv.ParseUint(value, 10, 64)
		case "message":
			o.message, err = strconv.ParseUint(value, 10, 64)
		case "uncaused":
			o.uncaused = true
		case "concerns":
			for name := range strings.SplitSeq(value, ",") {
				who, wrong := people(name)
				for _, r := range who {
					r.Role = ""
					o.delivery.Concerns = append(o.delivery.Concerns, r)
				}
				err = cmp.Or(err, wrong)
			}
		case "copies":
			_, err = fmt.Sscanf(value, "%d/%d", &o.copies[0], &o.copies[1])
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return o, fmt.Errorf("option %q: %w", w, err)
		}
	}
	return o, nil
}

func (p *parser) change(kind gate.ChangeKind, w []string, list *[]gate.Change) error {
	if len(w) == 0 {
		return fmt.Errorf("%s wants a recipient", kind)
	}
	before, err := people(w[0])
	if err != nil {
		return err
	}
	after := before
	w = w[1:]
	if kind == gate.Redirected {
		if len(w) < 2 || w[0] != "->" {
			return errors.New("redirected wants two recipients: alice -> bob")
		}
		if after, err = people(w[1]); err != nil {
			return err
		}
		if len(after) != len(before) {
			return errors.New("redirected wants as many recipients after as before")
		}
		w = w[2:]
	}
	o, err := parseOptions(w)
	if err != nil {
		return err
	}
	p.open = p.open[:0]
	for i := range before {
		ch := gate.Change{Kind: kind, Rule: gate.Unpaired, Copies: o.copies}
		p.seq++
		if kind != gate.Added {
			d := o.delivery
			d.Recipient, d.Ref.Seq = before[i], p.seq
			if o.was > 0 {
				d.Ref.Seq = o.was
			}
			ch.Before = &d
		}
		if kind != gate.Removed {
			d := o.delivery
			d.Recipient, d.Ref.Seq = after[i], p.seq
			if o.message > 0 {
				d.Ref.Seq = o.message
			}
			ch.After = &d
		}
		if list == &p.c.Changes {
			p.open = append(p.open, len(*list))
			if o.uncaused {
				p.c.Uncaused = append(p.c.Uncaused, len(*list))
			}
		}
		*list = append(*list, ch)
	}
	return nil
}

func (p *parser) order(w []string) error {
	if len(w) == 0 {
		return errors.New("order wants a recipient")
	}
	who, err := people(w[0])
	if err != nil {
		return err
	}
	o, err := parseOptions(w[1:])
	if err != nil {
		return err
	}
	for _, r := range who {
		d := o.delivery
		d.Recipient = r
		p.c.Orders = append(p.c.Orders, gate.OrderChange{Channel: d.Channel, Sink: d.Sink, Recipient: r, First: d, Second: d})
	}
	return nil
}

func (p *parser) edit(w []string) error {
	if len(w) < 4 || w[2] != "->" {
		return errors.New(`edit wants a part and two texts: edit text "a" -> "b"`)
	}
	e := gate.Edit{Part: w[0], Kind: kindOf(w[0]), Before: w[1], After: w[3]}
	made := Personal
	for _, flag := range w[4:] {
		switch name, value, _ := strings.Cut(flag, "="); name {
		case "wording":
			made = Wording
		case "alike":
			made = max(made, Alike)
		case "within":
			e.Within = true
		case "new":
			e.NewPart = true
		case "gone":
			e.GonePart = true
		case "kind":
			if err := e.Kind.UnmarshalText([]byte(value)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown flag %q", flag)
		}
	}
	for _, i := range p.open {
		AddEdit(p.c, p.groups, i, e, made)
	}
	return nil
}

// Made says how an edit was made over a class.
type Made uint8

// Ways of making an edit: what is wording is alike too.
const (
	Personal Made = iota
	Alike
	Wording
)

// AddEdit gives change i of c an edit, and joins it to the group of its likes.
// groups is kept between calls for one comparison.
func AddEdit(c *gate.Comparison, groups map[string]int, i int, e gate.Edit, made Made) {
	d := c.Changes[i].Delivery()
	g := gate.EditGroup{
		Part: withoutIndexes(e.Part), Kind: e.Kind, Before: e.Before, After: e.After, NewPart: e.NewPart, GonePart: e.GonePart,
		Class: d.Class, Channel: d.Channel, Sink: d.Sink, Within: e.Within, Alike: made >= Alike, Wording: made >= Wording,
	}
	key := fmt.Sprintf("%+v", g)
	at, ok := groups[key]
	if !ok {
		at = len(c.Groups)
		groups[key] = at
		c.Groups = append(c.Groups, g)
	}
	e.Group = at
	c.Changes[i].Edits = append(c.Changes[i].Edits, e)
	if l := c.Groups[at].Changes; len(l) == 0 || l[len(l)-1] != i {
		c.Groups[at].Changes = append(l, i)
		c.Groups[at].People++
	}
}

// withoutIndexes turns "attachment[0]/name" into "attachment[]/name".
func withoutIndexes(part string) string {
	var b strings.Builder
	in := false
	for _, r := range part {
		if r == ']' {
			in = false
		}
		if !in {
			b.WriteRune(r)
		}
		if r == '[' {
			in = true
		}
	}
	return b.String()
}

// kindOf is the kind that a part of this name has in a canonical message.
func kindOf(part string) gate.PartKind {
	if f, sub, _ := fields.Part(part); f.Kind == fields.Addresses && sub != "name" || part == "envelope/orcpt" {
		return gate.Addresses
	}
	switch part {
	case "html/load":
		return gate.Load
	case "html/link", "text/link", "header/list-unsubscribe":
		return gate.Link
	case "text", "html", "html/hidden", "header/subject":
		return gate.Text
	}
	switch {
	case strings.HasPrefix(part, "transport/") || part == "method":
		return gate.Transport
	case strings.HasSuffix(part, "/digest"):
		return gate.Binary
	case strings.HasSuffix(part, "]/text"):
		return gate.Text
	}
	return gate.Value
}

func (p *parser) gains(w []string) error {
	if len(w) < 2 {
		return errors.New("gains wants an owner and bits")
	}
	owners, err := people(w[0])
	if err != nil {
		return err
	}
	bits, err := strconv.ParseFloat(w[1], 64)
	if err != nil {
		return err
	}
	x := gate.Exposure{Bits: bits, Facts: 1}
	fact := gate.Fact{Kind: gate.FactPhrase, Value: "words of theirs", Part: "text", Bits: bits}
	for _, flag := range w[2:] {
		switch name, value, _ := strings.Cut(flag, "="); name {
		case "new":
			x.New = true
		case "stimuli":
			x.Stimuli = true
		case "part":
			fact.Part = value
		default:
			return fmt.Errorf("unknown flag %q", flag)
		}
	}
	x.Sample = []gate.Fact{fact}
	for _, i := range p.open {
		ch := &p.c.Changes[i]
		for _, o := range owners {
			x := x
			x.Owner, x.Owner.Role = o, ""
			x.Own = ch.Recipient().ID() == o.ID()
			ch.Gains = append(ch.Gains, x)
		}
	}
	return nil
}

// finish counts the classes that are not stated.
func (p *parser) finish() {
	counts := map[gate.ClassFacts][2]uint64{}
	count := func(d *gate.Delivery, side int) {
		if d == nil {
			return
		}
		k := gate.ClassFacts{Channel: d.Channel, Sink: d.Sink, Class: d.Class}
		n := counts[k]
		n[side]++
		counts[k] = n
	}
	for i := range p.c.Changes {
		count(p.c.Changes[i].Before, 0)
		count(p.c.Changes[i].After, 1)
	}
	for k, n := range counts {
		if !p.stated[k] {
			k.Production, k.Staging = n[0], n[1]
			p.c.Classes = append(p.c.Classes, k)
		}
	}
	slices.SortFunc(p.c.Classes, compareClasses)
}

func compareClasses(a, b gate.ClassFacts) int {
	return cmp.Or(strings.Compare(a.Channel, b.Channel), strings.Compare(a.Sink, b.Sink), strings.Compare(a.Class, b.Class))
}
