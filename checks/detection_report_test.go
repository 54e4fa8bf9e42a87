package checks_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
)

// told is, for every fault, the checks whose ids say what it did. One of them at
// least must block and name somebody who is affected.
var told = map[string][]string{
	"M01":            {"recipient-swapped"},
	"M02":            {"recipient-swapped"},
	"M03":            {"recipient-swapped", "facts-disclosed"},
	"M10":            {"attachment-changed"},
	"M37/link":       {"link-changed", "facts-disclosed"},
	"M37/token":      {"link-changed"},
	"M37/html":       {"link-changed"},
	"M07":            {"attachment-changed", "facts-disclosed"},
	"M04":            {"facts-mixed"},
	"M05":            {"facts-mixed"},
	"M06":            {"facts-mixed"},
	"M06/boundary":   {"personal-content-changed"},
	"M08":            {"facts-disclosed", "personal-content-changed"},
	"M08/null":       {"facts-disclosed", "new-field"},
	"M09":            {"facts-disclosed"},
	"M11":            {"attachment-changed", "facts-mixed"},
	"M27":            {"personal-content-changed"},
	"M27/all":        {"personal-content-changed"},
	"B10/hidden":     {"personal-content-changed"},
	"M12":            {"recipient-added"},
	"M13":            {"role-changed"},
	"M14":            {"role-changed"},
	"M15":            {"fanout-collapsed"},
	"M16":            {"recipient-swapped"},
	"M17":            {"recipient-added"},
	"M18":            {"recipient-added"},
	"M19":            {"recipient-added"},
	"M21":            {"recipient-removed"},
	"M22":            {"recipient-removed"},
	"M50":            {"recipient-added", "recipient-removed", "recipient-swapped"},
	"M24":            {"delivery-duplicated"},
	"M24/token":      {"delivery-duplicated"},
	"M25":            {"recipient-added"},
	"M26":            {"recipient-swapped"},
	"M28":            {"recipient-swapped"},
	"M29":            {"recipient-swapped"},
	"M30":            {"recipient-swapped"},
	"M30/script":     {"recipient-swapped"},
	"M31/plus":       {"recipient-swapped"},
	"M31/dots":       {"recipient-swapped"},
	"M32/cut":        {"recipient-swapped"},
	"M32/plus":       {"recipient-swapped"},
	"M32/equals":     {"link-changed", "personal-content-changed"},
	"M32/query":      {"personal-content-changed"},
	"M33":            {"recipient-swapped"},
	"M34/field":      {"role-changed"},
	"M34/envelope":   {"recipient-added"},
	"M34/second":     {"role-changed"},
	"M35":            {"recipient-swapped"},
	"M36/reply-to":   {"reply-path-changed"},
	"M36/second":     {"reply-path-changed"},
	"M36/from":       {"reply-path-changed"},
	"M36/bounces":    {"reply-path-changed"},
	"M36/thread":     {"reply-path-changed"},
	"M36/leave":      {"link-changed"},
	"M39/request":    {"new-party"},
	"M39/image":      {"new-party"},
	"M39/css":        {"new-party"},
	"M39/cname":      {"new-party", "destination-swapped"},
	"M40":            {"new-field"},
	"M40/header":     {"new-field"},
	"M40/mail":       {"personal-content-changed", "own-data-added"},
	"M41/url":        {"facts-disclosed"},
	"M41/title":      {"facts-disclosed"},
	"M41/referrer":   {"facts-disclosed"},
	"M57/channel":    {"constant-changed", "personal-content-changed", "destination-swapped"},
	"M57/sender":     {"constant-changed", "personal-content-changed"},
	"M57/bcc":        {"constant-changed", "personal-content-changed", "recipient-swapped", "role-changed", "reply-path-changed"},
	"M57/reply-to":   {"constant-changed", "reply-path-changed"},
	"M57/path":       {"constant-changed", "destination-swapped", "personal-content-changed"},
	"M57/route":      {"constant-changed", "personal-content-changed", "recipient-swapped", "role-changed"},
	"M58/sentence":   {"facts-disclosed", "personal-content-changed"},
	"M58/record":     {"facts-disclosed"},
	"M59/account":    {"constant-changed", "personal-content-changed"},
	"M59/telephone":  {"constant-changed", "personal-content-changed", "reply-path-changed"},
	"M59/address":    {"constant-changed", "personal-content-changed", "reply-path-changed"},
	"M60/flag":       {"constant-changed", "personal-content-changed"},
	"M60/method":     {"constant-changed", "personal-content-changed", "destination-swapped"},
	"M60/key":        {"constant-changed", "personal-content-changed"},
	"M61/comment":    {"facts-disclosed"},
	"M61/style":      {"facts-disclosed"},
	"M61/attribute":  {"facts-disclosed"},
	"M61/boundary":   {"facts-disclosed"},
	"M61/mailer":     {"facts-disclosed"},
	"M61/message-id": {"facts-disclosed"},
	"M61/received":   {"facts-disclosed"},
	"M61/agent":      {"facts-disclosed"},
	"M61/trace":      {"facts-disclosed"},
	"M62/order":      {"facts-disclosed", "personal-content-changed"},
	"M62/arrival":    {"facts-disclosed", "personal-content-changed"},
	"M62/code":       {"facts-disclosed", "personal-content-changed"},
	"M62/jwt":        {"facts-disclosed", "link-changed"},
	"M62/pdf":        {"attachment-changed", "facts-disclosed"},
	"M62/attendee":   {"facts-disclosed", "role-changed", "attachment-changed"},
	"M62/body":       {"facts-disclosed", "personal-content-changed"},
	"M62/key":        {"constant-changed", "personal-content-changed"},
	"M62/list":       {"link-changed", "facts-disclosed", "personal-content-changed"},
	"M64":            {"personal-content-changed", "facts-disclosed"},
	"M65/references": {"reply-path-changed", "facts-disclosed"},
	"M65/fresh":      {"reply-path-changed", "facts-disclosed"},
	"M65/ticket":     {"reply-path-changed"},
	"M69":            {"personal-content-changed"},
	"M70/drop":       {"recipient-removed"},
	"M70/shift":      {"facts-disclosed"},
	"M70/join":       {"facts-mixed"},
	"B38":            {"facts-disclosed", "new-field"},
	"B39/name":       {"facts-disclosed", "personal-content-changed", "role-changed"},
	"B39/text":       {"facts-disclosed"},
	"M43/mail":       {"transport-downgraded"},
	"M43/call":       {"transport-downgraded"},
}

// subjects are all whom a finding names.
func subjects(f *gate.Finding) []string { return slices.Concat(f.Gained, f.Lost, f.Owners, f.Parties) }

// A sighting is how a fault was seen.
type sighting struct {
	by       []string // checks that block and name somebody affected
	rank, of int      // of the first that says what happened, among all findings; 0 is none
	bits     float64  // the strongest evidence
	unnamed  []string // affected, and in no finding that blocks
	wrong    []string // people who are said to receive more or less, and are not affected
}

// String is what stands behind a row of a table.
func (s sighting) String() string {
	return fmt.Sprintf("%-90s %2d/%-2d %6.1f", strings.Join(s.by, " "), s.rank, s.of, s.bits)
}

// sight looks for a fault in a verdict. affected are who must be named, and, as
// [clinic.Concerned] gives them, who may be.
func sight(v *gate.Verdict, key string, affected []string) sighting {
	must := slices.DeleteFunc(slices.Clone(affected), func(id string) bool { return strings.HasPrefix(id, clinic.Concerned("")) })
	allowed := make([]string, len(affected))
	for i, id := range affected {
		allowed[i] = strings.TrimPrefix(id, clinic.Concerned(""))
	}
	s := sighting{of: len(v.Findings)}
	named, wrong := map[string]bool{}, map[string]bool{}
	for i := range v.Findings {
		f := &v.Findings[i].Finding
		if f.Severity != gate.Block {
			continue
		}
		hit := len(must) == 0 && len(subjects(f)) == 0 // it is of a constant, and names nobody
		for _, id := range subjects(f) {
			if slices.Contains(allowed, id) {
				hit, named[id] = true, true
			}
		}
		for _, id := range slices.Concat(f.Gained, f.Lost) {
			if !slices.Contains(allowed, id) && !answers(v, f, id) {
				wrong[id] = true
			}
		}
		if !hit {
			continue
		}
		if !slices.Contains(s.by, f.Check) {
			s.by = append(s.by, f.Check)
		}
		s.bits = max(s.bits, f.Bits)
		if s.rank == 0 && slices.Contains(told[key], f.Check) {
			s.rank = i + 1
		}
	}
	for _, id := range must {
		if !named[id] {
			s.unnamed = append(s.unnamed, id)
		}
	}
	s.wrong = slices.Sorted(maps.Keys(wrong))
	return s
}

// answers reports whether a finding names somebody since answers would go there, or went
// there in production: such an address is the fault's own, and no recipient of the traffic.
func answers(v *gate.Verdict, f *gate.Finding, id string) bool {
	_, address, _ := strings.Cut(id, ":")
	return f.Check == "reply-path-changed" && slices.ContainsFunc(f.Groups, func(i int) bool {
		g := &v.Comparisons[0].Groups[i]
		return strings.Contains(g.Before+"\n"+g.After, address)
	})
}

// A table is rows that tests add to at the same time, printed in order.
type table struct {
	mu   sync.Mutex
	rows map[int]string
}

func (t *table) add(i int, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[i] = fmt.Sprintf(format, args...)
}

func (t *table) String() string {
	var b strings.Builder
	for _, i := range slices.Sorted(maps.Keys(t.rows)) {
		b.WriteString("\n" + strings.TrimRight(t.rows[i], " "))
	}
	return b.String()
}

// near are the faults that a lax rule for c would hide.
func near(t *testing.T, c *clinic.Change) (out []clinic.Fault) {
	t.Helper()
	faults := slices.Concat(clinic.Faults(), clinic.FreshFaults(), clinic.ArrivalFaults())
	for _, key := range c.Near {
		i := slices.IndexFunc(faults, func(f clinic.Fault) bool { return f.Key() == key })
		if i < 0 {
			t.Fatalf("%s is near %s, which there is not", c.Name, key)
		}
		out = append(out, faults[i])
	}
	return out
}

// A record is what became of every fault, every change, and pairs of both.
type record struct {
	faults, changes, pairs *table

	mu      sync.Mutex
	forms   int
	found   map[string]bool // ids of faults: whether each form was found
	blocked int             // changes that are not as they should be
	unseen  int             // pairs
}

func newRecord() *record {
	empty := func() *table { return &table{rows: map[int]string{}} }
	return &record{faults: empty(), changes: empty(), pairs: empty(), found: map[string]bool{}}
}

// see says whether a fault was found: some check that says what it did blocks and
// names somebody who is affected, everybody affected is named, and nobody else is
// said to receive more or less.
func see(t *testing.T, f *clinic.Fault, v *gate.Verdict, affected []string) (sighting, bool) {
	t.Helper()
	s := sight(v, f.Key(), affected)
	ok := v.Decision == gate.Blocked && len(v.Gaps) == 0 && s.rank > 0 && len(s.unnamed) == 0 && len(s.wrong) == 0
	if !ok {
		t.Errorf("%s: %v, found by %q at rank %d; affected and not named: %q; said to receive more or less, and not affected: %q\n%s",
			f.Name, v.Decision, s.by, s.rank, s.unnamed, s.wrong, shown(v))
	}
	return s, ok
}

// unseen are the faults that the gate does not see by itself, each with the reason and what
// says so. One that it sees fails.
var unseen = map[string]string{
	"M62/list": "the links of one call stand nowhere else: an exchange of two looks like two new links (limit unanchored)",
	"M69":      "captures of the clinic have no time of arrival, by which a Date that is far off shows (limit time)",
}

// expected reports whether f is one of those unseen, and holds the verdict to it.
func expected(t *testing.T, f *clinic.Fault, v *gate.Verdict) bool {
	t.Helper()
	reason := unseen[f.Key()]
	if reason == "" {
		return false
	}
	if v.Decision == gate.Blocked {
		t.Errorf("%s is seen, and must not stand among those that are not: %s", f.Key(), reason)
	}
	return true
}

func (r *record) fault(t *testing.T, i int, f *clinic.Fault, v *gate.Verdict, affected []string) {
	t.Helper()
	if expected(t, f, v) {
		r.faults.add(i, "%-13s %-44s not seen: %s", f.Key(), f.Name, unseen[f.Key()])
		r.mu.Lock()
		defer r.mu.Unlock()
		r.forms++
		r.found[f.ID] = false
		return
	}
	s, ok := see(t, f, v, affected)
	r.faults.add(i, "%-13s %-44s %s", f.Key(), f.Name, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forms++
	before, known := r.found[f.ID]
	r.found[f.ID] = ok && (before || !known)
}

func (r *record) benign(t *testing.T, i int, c *clinic.Change, v *gate.Verdict) {
	t.Helper()
	worst := gate.Severity("none")
	for i := range v.Findings {
		if s := v.Findings[i].Severity; s.Rank() > worst.Rank() {
			worst = s
		}
	}
	r.changes.add(i, "%-4s %-50s %-6s %s", c.ID, c.Name, worst, cmp.Or(strings.Join(hidden[c.ID], " "), undone(c.Wording)))
	if missing := unused(hidden[c.ID], &v.Comparisons[0]); len(missing) > 0 {
		t.Errorf("the rules %q hid nothing", missing)
	}
	if v.Decision != gate.Pass || worst.Rank() > gate.Note.Rank() || (worst == gate.Note) != c.Wording {
		r.mu.Lock()
		r.blocked++
		r.mu.Unlock()
		t.Errorf("%v\n%s", v.Decision, shown(v))
	}
}

func (r *record) pair(t *testing.T, i int, c *clinic.Change, f *clinic.Fault, v *gate.Verdict, affected []string) {
	t.Helper()
	if expected(t, f, v) {
		return
	}
	s, ok := see(t, f, v, affected)
	r.pairs.add(i, "%-4s %-50s %-13s %s", c.ID, c.Name, f.Key(), s)
	if !ok {
		r.mu.Lock()
		r.unseen++
		r.mu.Unlock()
	}
}

// isNearMiss reports whether a fault stands in the catalogue of faults for the sake of a
// benign change, and is of no family of them.
func isNearMiss(id string) bool { return strings.HasPrefix(id, "B") }

func (r *record) String() string {
	found, ids := 0, 0
	for id, ok := range r.found {
		if !isNearMiss(id) {
			ids++
			if ok {
				found++
			}
		}
	}
	return fmt.Sprintf("\nfault         what it does                                 found by%82s rank   bits%s\n\nbenign change %42s worst  masked by%s\n\nboth in one run%s\n\n"+
		"%d faults in %d forms: %d found; %d benign changes: %d not as they should be; %d pairs in one run: %d not found",
		"", r.faults, "", r.changes, r.pairs, ids, r.forms, found, len(r.changes.rows), r.blocked, len(r.pairs.rows), r.unseen)
}

// hidden are the rules that must have hidden what a benign change alters. What is
// not here is undone in the canonical form and leaves nothing to hide.
var hidden = map[string][]string{
	"B03": {"boundary"},
	"B05": {"date", "received"},
	"B06": {"message-id", "received", "trace-id"},
	"B08": {"encoding"},
	"B09": {"charset"},
	"B11": {"html-style"},
	"B13": {"a/a"},
	"B15": {"helo-name"},
	"B16": {"one-click", "signature"},
	"B17": {"json-null"},
	"B22": {"encoding"},
	"B30": {"date", "received"},
	"B34": {"date"},
}

// undone says where a change went that no rule hid.
func undone(wording bool) string {
	if wording {
		return "(nothing: it is noted)"
	}
	return "(the canonical form)"
}

// unused are the rules of list that hid nothing in c.
func unused(list []string, c *gate.Comparison) []string {
	return slices.DeleteFunc(slices.Clone(list), func(rule string) bool {
		return slices.ContainsFunc(c.Masks, func(m gate.Masked) bool { return m.Rule == rule && m.Count > 0 })
	})
}

// shown is what a verdict says, for a test that failed.
func shown(v *gate.Verdict) string {
	var b strings.Builder
	for i := range v.Findings {
		f := &v.Findings[i].Finding
		if i == 12 {
			fmt.Fprintf(&b, "and %d more\n", len(v.Findings)-i)
			break
		}
		names := subjects(f)
		fmt.Fprintf(&b, "%s %s [%s] %s: %s %q\n", f.Severity, f.Check, f.Class, f.Part, f.Title, names[:min(len(names), 6)])
		if f.Example != nil {
			for _, e := range f.Example.Edits[:min(len(f.Example.Edits), 4)] {
				fmt.Fprintf(&b, "    %s: %.120q -> %.120q\n", e.Part, e.Before, e.After)
			}
			for _, x := range f.Example.Gains[:min(len(f.Example.Gains), 3)] {
				fmt.Fprintf(&b, "    gains (new %v, own %v) of %s: %v\n", x.New, x.Own, x.Owner.ID(), x.Sample[:min(len(x.Sample), 2)])
			}
		}
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "reason %d: %s\n", r.Code, cmp.Or(r.Text, "none"))
	}
	return b.String()
}
