// Package answered holds runs to their corpus: was each stimulus sent, and was it answered
// as it was when it was recorded. Two builds that refuse alike are no evidence that they
// send alike.
//
// Answers are compared by class of status and not by content: what a class says is whether
// the path that production took when it was recorded was taken again.
package answered

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Runs are the tapes of one scenario, and the corpus that they are to be of.
type Runs struct {
	Keys       tape.Keys
	Corpus     string   // "" is not known: runs are then held to each other
	Production []string // none of them a corpus
	Staging    string
	Outage     bool // a failure while sinks turn away is no gap where both builds fail alike
	Jobs       bool // the scenario sends no stimuli
}

// A Result is what became of the stimuli.
type Result struct {
	Stimuli uint64     // to be sent
	Other   uint64     // of them, those that a run answered in another class
	Absent  []gate.Gap // stimuli that a run does not have: never to be accepted
	Answers []gate.Gap // answers of another class, by route

	// Classes are answers by class of status: recorded, of production's first replay, and of
	// staging. Those whose status is not known are not among them.
	Classes []gate.ReenactedAnswer
}

// Share is the part of the stimuli that was answered otherwise.
func (r *Result) Share() float64 {
	if r.Stimuli == 0 {
		return 0
	}
	return float64(r.Other) / float64(r.Stimuli)
}

// A row is what is known of one stimulus. A status of 0 is not known.
type row struct {
	recorded, staging int32
	production        int32 // of the first replay that has it
	odd               int32 // of production, where another replay answers in another class
	channel           byte  // first letter
	due               bool  // it stands in the corpus, and is to be sent
	outage            bool  // it was answered while sinks turned away
	seen              uint32
}

// Hold compares. An error is that of a tape which cannot be opened; what is wrong further on
// in one is told where it is compared.
func Hold(r Runs) (Result, error) {
	h := holding{Runs: r, rows: map[uint64]*row{}}
	if r.Jobs {
		return Result{}, nil
	}
	if r.Corpus != "" {
		if err := h.read(r.Corpus, h.stimulus); err != nil {
			return Result{}, err
		}
	}
	runs := append(slices.Clone(r.Production), r.Staging)
	for n, path := range runs {
		if err := h.read(path, func(rec *gate.Record) { h.outcome(rec, n, n == len(runs)-1) }); err != nil {
			return Result{}, err
		}
	}
	return h.result(runs)
}

type holding struct {
	Runs
	rows  map[uint64]*row
	total uint64 // stimuli that were to be sent, as the runs say
}

// Stimuli is the note of a run that says how many stimuli were to be sent.
const Stimuli = "stimuli"

// read gives every record of a tape to do, as far as it can be read.
func (h *holding) read(path string, do func(*gate.Record)) error {
	t, err := h.Keys.Open(path)
	if err != nil {
		return err
	}
	defer t.Close()
	if n, err := strconv.ParseUint(t.Header().Notes[Stimuli], 10, 64); err == nil {
		h.total = max(h.total, n)
	}
	for {
		rec, _, err := t.Next()
		if err != nil {
			return nil // at its end; what is wrong with it is told where it is compared
		}
		do(&rec)
	}
}

func (h *holding) stimulus(rec *gate.Record) {
	s := rec.Stimulus
	if s == nil {
		return
	}
	h.rows[digest(s.ID)] = &row{recorded: int32(s.Status), channel: first(s.Channel), due: s.Cut == 0} // one that was cut is told as such
}

func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

func (h *holding) outcome(rec *gate.Record, n int, staging bool) {
	o := rec.Outcome
	if o == nil || o.Ask != nil || strings.HasPrefix(o.Stimulus, "job/") {
		return
	}
	id := digest(o.Stimulus)
	w := h.rows[id]
	if w == nil {
		w = &row{due: h.Corpus == ""}
		h.rows[id] = w
	}
	w.seen |= 1 << min(n, 31)
	w.outage = w.outage || o.Phase == "outage"
	if o.Error != "" {
		return // a gap of its own
	}
	switch status := int32(o.Status); {
	case staging:
		w.staging = status
	case w.production == 0:
		w.production = status
	case class(w.channel, status) != class(w.channel, w.production):
		w.odd = status
	}
}

// class is what statuses have in common. HTTP (RFC 9110, section 15): an answer from a cache's
// view (304) is one of success. SMTP (RFC 5321, section 4.2.1): the first digit.
func class(channel byte, status int32) string {
	switch {
	case status == 0 || channel == 'e': // jobs are judged by themselves
		return ""
	case channel == 's':
		return fmt.Sprint(status / 100)
	case status == 304:
		return "2xx"
	case status == 401, status == 403, status == 404:
		return fmt.Sprint(status)
	case status == 410:
		return "404"
	}
	return fmt.Sprintf("%dxx", status/100)
}

// A difference is one way in which answers differ.
type difference struct {
	who           string
	answered, was int32
	of            string // "recorded", "production", "its first replay", "unknown"
}

// of gives how the answers to one stimulus differ; false: they do not.
func (h *holding) of(w *row) (d difference, differs bool) {
	other := func(a, b int32) bool {
		x, y := class(w.channel, a), class(w.channel, b)
		return x != "" && y != "" && x != y
	}
	production := w.production
	if w.odd != 0 && (!other(w.production, w.recorded) || w.recorded == 0) {
		production = w.odd
	}
	p, s := other(production, w.recorded), other(w.staging, w.recorded)
	if h.Outage && w.outage && failure(w.channel, w.staging) && failure(w.channel, w.production) && w.odd == 0 {
		return d, false // what became of it while nothing could be sent is compared
	}
	switch {
	case p && s && class(w.channel, production) == class(w.channel, w.staging):
		return difference{"both builds", w.staging, w.recorded, "recorded"}, true
	case s:
		return difference{"staging", w.staging, w.recorded, "recorded"}, true
	case p:
		return difference{"production", production, w.recorded, "recorded"}, true
	case other(w.staging, w.production):
		return difference{"staging", w.staging, w.production, "production"}, true
	case w.recorded == 0 && turnedAway(w.channel, w.staging):
		return difference{"both builds", w.staging, 0, "unknown"}, true
	case other(w.odd, w.production):
		return difference{"production", w.odd, w.production, "its first replay"}, true
	}
	return d, false
}

// turnedAway reports whether an answer says that the build does not know who asks (RFC 9110, 15.5.2,
// 15.5.4 and 15.5.8). Where it is not known what was recorded, that is no evidence of anything.
func turnedAway(channel byte, status int32) bool {
	return channel == 'h' && (status == 401 || status == 403 || status == 407)
}

func failure(channel byte, status int32) bool {
	return channel == 's' && status >= 400 || channel != 's' && status >= 500
}

func (h *holding) result(runs []string) (Result, error) {
	var out Result
	absent := make([]uint64, len(runs))
	had := make([]uint64, len(runs))
	var strange uint64
	differ := map[uint64]difference{}
	for id, w := range h.rows {
		if !w.due {
			if h.Corpus != "" && w.seen != 0 && w.channel == 0 {
				strange++
			}
			continue
		}
		out.Stimuli++
		for n := range runs {
			if w.seen&(1<<min(n, 31)) == 0 {
				absent[n]++
			} else {
				had[n]++
			}
		}
		if d, ok := h.of(w); ok {
			differ[id] = d
		}
	}
	if h.Corpus == "" && h.total > out.Stimuli {
		out.Stimuli = h.total
		for n := range runs {
			absent[n] = h.total - had[n]
		}
	}
	out.Other = uint64(len(differ))
	out.Classes = h.classes()
	for n, path := range runs {
		if absent[n] > 0 {
			out.Absent = append(out.Absent, gate.Gap{Kind: gate.GapNotReplayed, Where: "run " + base(path), Count: absent[n],
				Detail: fmt.Sprintf("it has no outcome of %d of %d stimuli", absent[n], out.Stimuli)})
		}
	}
	if strange > 0 {
		out.Absent = append(out.Absent, gate.Gap{Kind: gate.GapRunMismatch, Where: "runs", Count: strange,
			Detail: fmt.Sprintf("they have outcomes of %d stimuli that the corpus does not have", strange)})
	}
	if len(differ) == 0 {
		return out, nil
	}
	var err error
	out.Answers, err = h.told(differ)
	return out, err
}

// classes counts the answers to stimuli that were to be sent by their class of status.
func (h *holding) classes() []gate.ReenactedAnswer {
	counts := map[string]*gate.ReenactedAnswer{}
	at := func(channel byte, status int32) *gate.ReenactedAnswer {
		name := class(channel, status)
		if channel == 's' && name != "" {
			name += "xx"
		}
		if counts[name] == nil {
			counts[name] = &gate.ReenactedAnswer{Status: name}
		}
		return counts[name]
	}
	for _, w := range h.rows {
		if w.due {
			at(w.channel, w.recorded).Recorded++
			at(w.channel, w.production).Production++
			at(w.channel, w.staging).Staging++
		}
	}
	var out []gate.ReenactedAnswer
	delete(counts, "") // not known
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, *counts[name])
	}
	return out
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// told gives one gap for each route and difference.
func (h *holding) told(differ map[uint64]difference) ([]gate.Gap, error) {
	type request struct {
		difference
		id, method string
		path       []string
	}
	var list []request
	names := newSegments()
	if h.Corpus != "" {
		err := h.read(h.Corpus, func(rec *gate.Record) {
			s := rec.Stimulus
			if s == nil {
				return
			}
			if d, ok := differ[digest(s.ID)]; ok {
				q := request{difference: d, id: s.ID}
				q.method, q.path = route(s)
				names.add(q.path, cmp.Or(s.Key, s.ID))
				list = append(list, q)
			}
		})
		if err != nil {
			return nil, err
		}
	} else {
		for _, d := range differ {
			list = append(list, request{difference: d})
		}
	}
	type key struct {
		where string
		difference
	}
	gaps := map[key]*gate.Gap{}
	for _, q := range list {
		where := "stimulus"
		if q.method != "" {
			where = strings.TrimSpace(q.method + " " + names.shown(q.path))
		}
		k := key{where, q.difference}
		g := gaps[k]
		if g == nil {
			was := fmt.Sprintf("%s %d", q.of, q.was)
			if q.of == "unknown" {
				was = "and what was recorded is not known"
			}
			g = &gate.Gap{Kind: gate.GapAnswer, Where: where, Stimulus: q.id,
				Detail: fmt.Sprintf("%s answered %d, %s: %s", q.who, q.answered, was, cause(q.difference))}
			gaps[k] = g
		}
		g.Count++
	}
	out := make([]gate.Gap, 0, len(gaps))
	for _, k := range slices.SortedFunc(maps.Keys(gaps), func(a, b key) int {
		return cmp.Or(cmp.Compare(gaps[b].Count, gaps[a].Count), cmp.Compare(a.where, b.where), cmp.Compare(a.who, b.who), cmp.Compare(a.answered, b.answered), cmp.Compare(a.was, b.was))
	}) {
		out = append(out, *gaps[k])
	}
	return out, nil
}

// cause is what such an answer usually comes of.
func cause(d difference) string {
	if d.of != "recorded" && d.of != "unknown" {
		return "the builds did not do the same, so that what they send is no comparison"
	}
	switch {
	case d.answered == 401, d.answered/100 == 3 && d.was/100 == 2:
		return "its session has expired, or its account is a pseudonym that the build does not know"
	case d.answered == 403:
		return "it needs a token that the build makes anew, or an account that may"
	case d.answered == 404, d.answered == 410:
		return "what it asks for is not there: set-up does not make it, or it has another id"
	case d.answered >= 500:
		return "the build failed: set-up may lack data that it needs"
	case d.answered/100 == 4:
		return "the build does not take it: a value in it is of another time or another instance"
	case d.was >= 400:
		return "what refused it when it was recorded is not there"
	}
	return "the build took another path than when it was recorded"
}

// route is the method of a stimulus and the segments of its path; of a mail its door alone.
func route(s *gate.Stimulus) (method string, path []string) {
	if s.Channel != "http" {
		return s.Channel + " " + s.Door, nil
	}
	line, _, _ := strings.Cut(string(s.Head), "\r\n")
	method, target, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(target, " ")
	if _, after, ok := strings.Cut(target, "://"); ok { // the absolute form
		_, target, _ = strings.Cut(after, "/")
	}
	target, _, _ = strings.Cut(target, "?")
	if len(method) > 16 || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || 'Z' < r }) {
		method = "request"
	}
	return method, strings.Split(strings.Trim(target, "/"), "/")
}

// segments knows which parts of paths belong to nobody: those that stand in requests of
// several sessions. A path can hold a name, and where a gap is is told in public.
type segments struct{ sessions map[string][2]string }

func newSegments() *segments { return &segments{map[string][2]string{}} }

func (n *segments) add(path []string, session string) {
	for i := range path {
		k := strings.Join(path[:i+1], "/")
		switch s := n.sessions[k]; {
		case s[0] == "":
			n.sessions[k] = [2]string{session}
		case s[1] == "" && s[0] != session:
			n.sessions[k] = [2]string{s[0], session}
		}
	}
}

const maxSegment = 32

func (n *segments) shown(path []string) string {
	if path == nil {
		return ""
	}
	var b strings.Builder
	for i, s := range path {
		b.WriteByte('/')
		word := len(s) <= maxSegment && !strings.ContainsFunc(s, func(r rune) bool {
			return r != '-' && r != '_' && r != '.' && (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r)
		})
		if !word || n.sessions[strings.Join(path[:i+1], "/")][1] == "" {
			b.WriteByte('*')
			continue
		}
		b.WriteString(s)
	}
	return b.String()
}

func digest(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:8])
}
