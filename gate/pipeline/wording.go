package pipeline

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/fields"
)

// Wording is prose (invariant 12). What a part is for, its name and kind say; what a word
// is, its form and its owners do.

// A hunk is one of a pair's, with what its text says of it.
type hunk struct {
	diff.Hunk
	identifies string // see identifying
	request    bool   // it stands in a request or an answer, not in a mail
	follows    bool   // it says in another form what the same message says already
	asIs       bool   // what it says is somebody's, however new it looks

	// shown are the account, the telephone number or the link that pays or calls somebody, which
	// the edit is a piece of, on both sides; empty where it is a piece of none.
	shown [2]string

	raw [2]string // Before and After as they stand in the messages; set where they are renamed
}

// stated is a hunk at a volatile place: it is never wording.
func stated(h diff.Hunk) hunk { return hunk{Hunk: h, identifies: "the place is volatile"} }

// A domain of a mailbox provider is shared by strangers: it is nobody's own.
var shared = []string{
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr",
	"icloud.com", "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de", "t-online.de", "proton.me",
	"protonmail.com", "fastmail.com", "zoho.com", "qq.com", "163.com", "126.com", "mail.ru", "yandex.ru", "orange.fr", "free.fr", "libero.it",
}

// senderDomains returns the domains that a message's senders have for their own.
func senderDomains(parts []gate.Part) []string {
	var own []string
	for i := range parts {
		p := &parts[i]
		if p.Name != "envelope/from" && p.Name != "header/from" {
			continue
		}
		for line := range strings.SplitSeq(p.Value, "\n") {
			domain := strings.ToLower(line[strings.LastIndexByte(line, '@')+1:])
			if domain != "" && len(domain) < len(line) && !slices.Contains(shared, domain) && !slices.Contains(own, domain) {
				own = append(own, domain)
			}
		}
	}
	return own
}

// read says of the hunks of two messages what their texts say of them.
func read(hunks []diff.Hunk, own []string, before, after []gate.Part) []hunk {
	out := make([]hunk, len(hunks))
	if len(hunks) == 0 {
		return out
	}
	request := slices.ContainsFunc(before, func(p gate.Part) bool { return p.Name == "method" || p.Name == "status" }) // or an answer to one
	other := alternative(hunks, before, after)
	for i, h := range hunks {
		upgraded(&h)
		out[i] = hunk{Hunk: h, request: request}
		switch {
		case h.Masked:
		case h.Kind == gate.Text || h.Kind == gate.Value:
			out[i].identifies = identifying(&h, own)
			out[i].shown = wholeNumbers(&h)
		case h.Kind == gate.Addresses:
			for line := range strings.SplitSeq(h.Before+"\n"+h.After, "\n") {
				if line != "" && !ownedBy(line, own) {
					out[i].identifies = "the address is not one of the sender's own"
				}
			}
		case h.Kind == gate.Link:
			if h.Within && !leadsToPage(h.Whole[0]) && !leadsToPage(h.Whole[1]) {
				out[i].shown = h.Whole
			}
			if site := h.Whole[0]; !sendersSite(cmp.Or(site, h.Before), own) {
				out[i].identifies = "the link leads to a site that is not the sender's own, where its path may say whom it is about"
			} else if h.Within && !slices.Equal(leadsOn(h.Whole[0]), leadsOn(h.Whole[1])) {
				out[i].identifies = "the link leads on to another place"
			} else if h.Within && (holdsToken(h.Before) || holdsToken(h.After)) {
				out[i].identifies = "what differs in the link may be a token"
			} else if !h.Within && !(sameOrigin(h.Before, h.After) && plainDifference(h.Before, h.After)) {
				out[i].identifies = "the link leads to another place, or what differs in it may be a token"
			}
		}
		switch {
		case h.Masked:
		case spelled(&h, before, after) || (h.Kind == gate.Text || h.Kind == gate.Value) && isProse(withoutIndexes(h.Part), h.Kind) && reformatted(&h):
			out[i].follows, out[i].identifies = true, ""
			out[i].Before, out[i].After = "", ""
		default:
			out[i].follows = other(&out[i].Hunk)
		}
		out[i].Around = [2]diff.Passage{} // a piece of a text that need not be kept
	}
	return out
}

// wholeNumbers returns the account or the telephone number that h is a piece of, on both sides:
// a digit or two of it say nothing to who reads that they differ.
func wholeNumbers(h *diff.Hunk) (whole [2]string) {
	if h.NewPart || h.GonePart {
		return whole
	}
	for side := range whole {
		p := h.Around[side]
		for _, m := range marksIn(p) {
			if (m.mark == markAccount || m.mark == markPhone) && m.from <= p.From && p.To <= m.to {
				whole[side] = m.text
			}
		}
	}
	if whole[0] == "" || whole[1] == "" {
		return [2]string{}
	}
	return whole
}

// spelled reports whether h lies within a link that the text spells out on both sides: the
// link is a part of its own, and judged there.
func spelled(h *diff.Hunk, before, after []gate.Part) bool {
	if h.Kind != gate.Text || h.NewPart || h.GonePart {
		return false
	}
	for side, parts := range [][]gate.Part{before, after} {
		p := h.Around[side]
		inside := slices.ContainsFunc(marksIn(p), func(m marked) bool {
			return m.mark == markLink && m.from <= p.From && p.To <= m.to && hasLink(parts, h.Part+"/link", m.text)
		})
		if !inside && !(p.From == p.To && endsLink(p, func(link string) bool { return hasLink(parts, h.Part+"/link", link) })) {
			return false
		}
	}
	return true
}

// endsLink reports whether nothing stands at p's place, directly behind a link that is known.
func endsLink(p diff.Passage, known func(string) bool) (ends bool) {
	eachMark(p.Text, func(m marked) { ends = ends || m.mark == markLink && m.to == p.From && known(m.text) })
	return ends
}

// hasLink reports whether a part called name leads to where link does.
func hasLink(parts []gate.Part, name, link string) bool {
	scheme, user, host, ok := origin(link)
	return ok && slices.ContainsFunc(parts, func(p gate.Part) bool {
		s, u, h, ok := origin(p.Value)
		return ok && p.Name == name && s == scheme && u == user && h == host
	})
}

// sendersSite reports whether a link leads to a page of one of the domains own. Where none is
// known, as of a request, every page is taken for one; a link of another scheme than a
// page's is none: it may pay or call somebody.
func sendersSite(link string, own []string) bool {
	scheme, _, host, ok := origin(link)
	if !ok {
		return !strings.Contains(link, ":") // it is relative
	}
	if scheme != "http" && scheme != "https" {
		return false
	}
	host, _, _ = strings.Cut(host, ":")
	return len(own) == 0 || slices.ContainsFunc(own, func(domain string) bool { return registrable(domain) == registrable(host) })
}

// leadsToPage reports whether a link leads to a page, of this site or another, and pays, calls
// and writes to nobody.
func leadsToPage(link string) bool {
	scheme, _, ok := strings.Cut(link, ":")
	return !ok || strings.ContainsAny(scheme, "/?#") || strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

// registrable is the domain that somebody registered and a host belongs to; the host itself,
// where none is known.
func registrable(host string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

// upgraded makes of a link that differs in being encrypted alone an edit of its scheme,
// so that the same edit of other links is the same.
func upgraded(h *diff.Hunk) {
	if rest, ok := strings.CutPrefix(h.Before, "http:"); ok && h.Kind == gate.Link && h.After == "https:"+rest && !h.Within {
		h.Before, h.After, h.Within = "http", "https", true
		h.Left, h.Right = []string{diff.Start}, []string{":"}
	}
}

// mostOther is how many words of its own a second form of a text may have.
const mostOther = 24

// alternative returns whether a hunk says only that a message's text is new, or gone, in a
// second form, and leaves in the hunk what the other form does not say: nothing, or words
// such as the "at" before a link that is spelled out.
func alternative(hunks []diff.Hunk, before, after []gate.Part) func(*diff.Hunk) bool {
	none := func(*diff.Hunk) bool { return false }
	form := secondForm(hunks)
	if form == nil {
		return none
	}
	// What differs in the other form is judged there: here the two forms of one message.
	message, text := after, form.After
	if form.GonePart {
		message, text = before, form.Before
	}
	other := map[string]string{"text": "html", "html": "text"}[form.Part]
	known := map[string]bool{}
	links := map[string]bool{}
	var said strings.Builder // all of the other form
	for i := range message {
		p := &message[i]
		if p.Name != other && !strings.HasPrefix(p.Name, other+"/") && p.Name != "header/subject" || strings.HasPrefix(p.Name, other+"/hidden") {
			continue
		}
		if p.Kind == gate.Link {
			links[p.Value] = true
		}
		if p.Kind == gate.Text || p.Kind == gate.Link {
			said.WriteString(strings.ToLower(p.Value))
			said.WriteByte('\n')
			for _, w := range gate.Words(p.Value) {
				known[strings.ToLower(w)] = true
			}
		}
	}
	if len(known) == 0 {
		return none
	}
	says := func(text string) (others []string) {
		for _, w := range gate.Words(text) {
			if gate.IsWord(w) && strings.Trim(w, "-_") != "" && !known[strings.ToLower(w)] && !slices.Contains(others, w) {
				others = append(others, w)
			}
		}
		slices.Sort(others)
		return others
	}
	stranger := false // what identifies must be said as a whole
	eachMark(text, func(m marked) {
		stranger = stranger || !strings.Contains(said.String(), strings.ToLower(m.text)) && (m.mark != markLink || len(says(m.text)) > 0)
	})
	others := says(text)
	if stranger || len(others) > mostOther || 4*len(others) > len(gate.Words(text)) {
		return none
	}
	return func(h *diff.Hunk) bool {
		switch {
		case h.Part == form.Part && h.Kind == gate.Text:
			if h.NewPart {
				h.After = strings.Join(others, " ")
			} else {
				h.Before = strings.Join(others, " ")
			}
			return true
		case h.Part == "structure":
			return sameLeaves(h.Whole, form)
		case h.Part == form.Part+"/link" && h.NewPart == form.NewPart && h.GonePart == form.GonePart:
			same := links[h.Before+h.After]
			h.Before, h.After = "", ""
			return same
		case strings.HasPrefix(h.Part, "multipart"):
			return false
		case strings.HasPrefix(h.Part, form.Part+"/") && h.NewPart == form.NewPart && h.GonePart == form.GonePart && h.Kind == gate.Text:
			if len(says(h.Before+h.After)) > 0 {
				return false
			}
			h.Before, h.After = "", ""
			return true
		}
		return false
	}
}

// secondForm returns the hunk that says that a form of the text is new, or gone; nil where
// there is none, or more than one.
func secondForm(hunks []diff.Hunk) (form *diff.Hunk) {
	for i := range hunks {
		if h := &hunks[i]; h.Kind == gate.Text && (h.NewPart || h.GonePart) && (h.Part == "text" || h.Part == "html") {
			if form != nil {
				return nil
			}
			form = h
		}
	}
	return form
}

// sameLeaves reports whether two structures are of the same leaves but for the one that
// form is.
func sameLeaves(whole [2]string, form *diff.Hunk) bool {
	leaves := func(s string) []string {
		l := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("(), ", r) })
		l = slices.DeleteFunc(l, func(w string) bool { return w == "alternative" || w == "mixed" || w == "related" })
		slices.Sort(l)
		return l
	}
	b, a := leaves(whole[0]), leaves(whole[1])
	if form.GonePart {
		b, a = a, b
	}
	i := slices.Index(a, form.Part)
	return i >= 0 && slices.Equal(b, slices.Delete(a, i, i+1))
}

// isProse reports whether people read parts of this name and kind as running text.
func isProse(part string, kind gate.PartKind) bool {
	if kind != gate.Text {
		return false
	}
	for strings.HasPrefix(part, "message[]/") {
		part = part[len("message[]/"):]
	}
	if f, sub, ok := fields.Part(part); ok {
		return f.Kind == fields.Text && sub == ""
	}
	root, sub, _ := strings.Cut(part, "/")
	switch root {
	case "text", "text[]", "preheader":
		return sub == ""
	case "html", "html[]":
		return sub == "" || sub == "title" || sub == "alt" || sub == "preheader"
	case "body", "query":
		// A leaf of a structure is Text where a rule says that people read it. What is Text
		// by itself, a page or a text of unknown use, is not.
		first, deeper, _ := strings.Cut(sub, "/")
		if deeper != "" && first != "html" && first != "text" && first != "malformed" {
			return isProseWithin(deeper)
		}
		return sub != "" && first != "html" && first != "text" && first != "malformed" && !strings.HasSuffix(sub, "/comment") && !strings.HasSuffix(sub, "/malformed")
	}
	return false
}

// isProseWithin is isProse of a part of kind Text of what a leaf of a structure holds: a page,
// a mail. An uploaded file is an attachment.
func isProseWithin(part string) bool {
	if strings.HasPrefix(part, "attachment") || strings.Contains(part, "/attachment") {
		return false
	}
	if at := strings.LastIndex("/"+part, "/header/"); at >= 0 {
		name, sub, _ := strings.Cut(part[at+len("header/"):], "/")
		return fields.Of(name).Kind == fields.Text && sub == ""
	}
	if at := strings.LastIndex("/"+part, "/html"); at >= 0 {
		_, sub, _ := strings.Cut(part[at:], "/")
		return sub == "" || sub == "title" || sub == "alt" || sub == "preheader"
	}
	return !strings.HasSuffix("/"+part, "/comment") && !strings.HasSuffix("/"+part, "/malformed") && !strings.HasSuffix(part, "/name")
}

// isHidden reports whether readers do not see parts of this name, though they are sent.
func isHidden(part string, kind gate.PartKind) bool {
	if part == "html/data" || part == "html/meta" { // for scripts, and for programs that show pages
		return true
	}
	if kind != gate.Text {
		return false
	}
	for strings.HasPrefix(part, "message[]/") {
		part = part[len("message[]/"):]
	}
	return strings.HasPrefix(part, "html/hidden") || strings.HasPrefix(part, "html[]/hidden") || strings.HasSuffix(part, "/comment")
}

// misplaced says why an edit cannot be wording where it stands, however it is made: it
// stands in a structure, in an address, in what is loaded.
func (g *group) misplaced() string {
	f, _, field := fields.Part(g.Part)
	field = field && !strings.HasPrefix(g.Part, "message[]/")
	switch {
	case isProse(g.Part, g.Kind), isHidden(g.Part, g.Kind):
		return ""
	case field && (g.NewPart || g.GonePart) && (f.Kind == fields.Signature || f.Kind == fields.Results):
		return "" // of the sender's own domains, and of nobody's else: see identifying
	case g.Kind == gate.Link:
		if g.NewPart || g.GonePart || !g.Within && (g.before == "" || g.after == "") {
			return "a link that is new, or gone, is never wording"
		}
		return ""
	case g.Kind == gate.Value || g.Kind == gate.Text:
		if field {
			return g.fieldMisplaced(f)
		}
		return "a value of a structure is never wording"
	}
	return "what addresses, is loaded, is attached, or says how it travelled is never wording"
}

// asset is the path of a file that pages load, with the mark by which its releases are told apart.
var asset = regexp.MustCompile(`^([^?#]*?)[-._~]?([0-9A-Za-z_-]{5,64})?(\.min)?\.(js|mjs|css|map|png|svg|jpe?g|gif|webp|avif|ico|woff2?|ttf)(\?[a-z]{0,8}=?[0-9A-Za-z._-]{0,64})?$`)

// isAsset reports whether g is a file that a page loads from where it did, which is called
// otherwise in each release: "app-3f2a91.css", "app.css?v=7".
func (g *group) isAsset() bool {
	if g.Kind != gate.Load {
		return false
	}
	values := g.whole
	if !g.Within {
		values = [2]string{g.before, g.after}
	}
	before, after := asset.FindStringSubmatch(values[0]), asset.FindStringSubmatch(values[1])
	release := func(m []string) bool { return m != nil && (m[2] == "" || countDigits(m[2]) > 0) } // no name
	return release(before) && release(after) && before[1] == after[1] && before[4] == after[4]
}

// fieldMisplaced is misplaced of a header field.
func (g *group) fieldMisplaced(f fields.Field) string {
	switch f.Kind {
	case fields.Addresses, fields.List, fields.Thread, fields.Credential, fields.Cookies, fields.Link, fields.MAC:
		return "the field is not one of description"
	}
	switch {
	case f.Owner != fields.Nobody || f.Protected || f.Routes:
		return "the field says who it is from, for or about, or which way it goes"
	case g.GonePart && f.Guards:
		return "the field kept what is answered from others"
	case g.NewPart || g.GonePart || f.Descriptive || !g.request:
		return ""
	}
	return "the field of a request is not known to describe what sends it"
}

// crowd is how many people one stimulus writes to where it is a job that writes to
// everybody of a class, rather than somebody's affair that several people hear of.
const crowd = 8

// mostCounted is how many changes of a group are looked at for whether they are of
// distinct people.
const mostCounted = 1000

// indistinct says why changes, of one edit, are not two messages at least, of distinct stimuli,
// to distinct people: a mail to somebody and its copies are one.
func (c *comparer) indistinct(changes []int) string {
	changes = changes[:min(len(changes), mostCounted)]
	people := map[gate.Recipient]bool{} // recipients without roles
	spread := map[string]map[string]bool{}
	for _, i := range changes {
		r := c.Changes[i].Recipient()
		r.Role = ""
		people[r] = true
		for _, t := range c.tracesOf(i) {
			if spread[t] == nil {
				spread[t] = map[string]bool{}
			}
			for _, id := range c.aboutWhom(i) {
				spread[t][id] = true
			}
		}
	}
	join := joiner{}
	for n, i := range changes {
		ch := &c.Changes[i]
		join.put(n, ref{ch.Before.Ref, 0})
		join.put(n, ref{ch.After.Ref, 1})
		for _, t := range c.tracesOf(i) {
			if strings.HasPrefix(t, "message-id:") || len(spread[t]) < crowd {
				join.put(n, t)
			}
		}
		if to := c.pairs[i].shownTo; to != "" {
			for line := range strings.SplitSeq(to, "\n") {
				r, err := gate.MailRecipient(strings.TrimPrefix(line, string(gate.Mail)+":"), "")
				if err == nil && people[r] {
					join.put(n, "to:"+to)
					break
				}
			}
		}
	}
	c.onDevices(changes, &join)
	of := map[int][]string{} // whom each message is to, or about
	for n, i := range changes {
		root := join.root(n)
		of[root] = append(of[root], c.aboutWhom(i)...)
	}
	whom := map[string]bool{}
	for root, ids := range of {
		if len(ids) == 0 { // a request of which nobody knows whom it is about
			whom["message "+string(rune(root))] = true
			continue
		}
		slices.Sort(ids)
		whom[strings.Join(slices.Compact(ids), "\n")] = true
	}
	switch {
	case len(of) < 2:
		return "one message alone was edited so"
	case len(whom) < 2:
		return "the messages of one person alone were edited so"
	}
	return ""
}

// ref tells the messages of both runs apart.
type ref struct {
	gate.Ref
	run int
}

// tracesOf returns the traces of both messages of change i.
func (c *comparer) tracesOf(i int) []string {
	p := c.pairs[i]
	b, a := c.before.items[p.B].Message.Traces, c.after.items[p.A].Message.Traces
	if len(a) == 0 {
		return b
	}
	return append(slices.Clip(b), a...)
}

// aboutWhom returns whom the messages of change i are to, or, where they go to an outside
// party, whom they concern: nobody where that is not known.
func (c *comparer) aboutWhom(i int) (ids []string) {
	ch := &c.Changes[i]
	if r := ch.Recipient(); r.Kind != gate.Host {
		return []string{r.ID()}
	}
	for _, d := range []*gate.Delivery{ch.Before, ch.After} {
		for _, r := range d.Concerns {
			ids = append(ids, r.ID())
		}
	}
	return ids
}

// A joiner joins numbers that have a key in common.
type joiner struct {
	first  map[any]int
	parent []int
}

func (j *joiner) put(n int, key any) {
	for len(j.parent) <= n {
		j.parent = append(j.parent, len(j.parent))
	}
	if j.first == nil {
		j.first = map[any]int{}
	}
	if m, ok := j.first[key]; ok {
		j.parent[j.root(n)] = j.root(m)
		return
	}
	j.first[key] = n
}

func (j *joiner) root(n int) int {
	for j.parent[n] != n {
		j.parent[n] = j.parent[j.parent[n]]
		n = j.parent[n]
	}
	return n
}
