package checks_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/checks/checktest"
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func ids() []string {
	var list []string
	for _, c := range checks.All() {
		list = append(list, c.ID)
	}
	return list
}

func TestChecksAreValid(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks.All() {
		if err := c.Validate(); err != nil {
			t.Error(err)
			continue
		}
		if seen[c.ID] {
			t.Errorf("%s is listed twice", c.ID)
		}
		seen[c.ID] = true
	}
}

// notChecks are the folders that hold no check, each with its reason.
var notChecks = map[string]string{
	"checktest": "the harness",
	"kit":       "what checks share",
}

func TestEveryFolderIsListed(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" && notChecks[e.Name()] == "" {
			folders = append(folders, e.Name())
		}
	}
	for name := range notChecks {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is said to hold no check, and is not there: %v", name, err)
		}
	}
	listed := ids()
	for _, f := range folders {
		if !slices.Contains(listed, f) {
			t.Errorf("folder %s is not in All", f)
		}
		if cases, _ := filepath.Glob(filepath.Join(f, "testdata", "*.txtar")); len(cases) == 0 {
			t.Errorf("folder %s has no cases", f)
		}
	}
	for _, id := range listed {
		if !slices.Contains(folders, id) {
			t.Errorf("check %s has no folder of its name", id)
		}
	}
}

func TestEveryOwnerOfEditsIsACheck(t *testing.T) {
	for _, id := range kit.Owners() {
		if !slices.Contains(ids(), id) {
			t.Errorf("edit groups may belong to %s, which is no check", id)
		}
	}
}

func TestEveryCheckHasARankOfHarm(t *testing.T) {
	listed := ids()
	for _, id := range listed {
		if !slices.Contains(verdict.Ranked(), id) {
			t.Errorf("check %s has no rank of harm in package verdict", id)
		}
	}
	for _, id := range verdict.Ranked() {
		if !slices.Contains(listed, id) && id != "unexplained-change" {
			t.Errorf("package verdict ranks %s, which is no check", id)
		}
	}
}

// judge runs every check and verifies each answer.
func judge(t *rapid.T, c *gate.Comparison) []gate.Finding {
	var all []gate.Finding
	for _, check := range checks.All() {
		findings, err := check.Run(c)
		if err := checktest.Sound(check, c, findings, err); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("check %s: %v", check.ID, err)
		}
		all = append(all, findings...)
	}
	return all
}

// Invariant 7: every change and every edit is spoken of, and nothing is said
// where nothing differs.
func TestNothingIsJudgedByNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := checktest.Twins().Draw(t, "twin").There
		findings := judge(t, &c)
		changes, groups := make([]bool, len(c.Changes)), make([]bool, len(c.Groups))
		for _, f := range findings {
			for _, i := range f.Changes {
				changes[i] = true
			}
			for _, i := range f.Groups {
				groups[i] = true
			}
		}
		if i := slices.Index(changes, false); i >= 0 {
			t.Fatalf("no finding speaks of change %d: %+v", i, c.Changes[i])
		}
		if i := slices.Index(groups, false); i >= 0 {
			t.Fatalf("no finding speaks of edit group %d: %+v", i, c.Groups[i])
		}
		if differs := len(c.Changes)+len(c.Orders) > 0; differs != (len(findings) > 0) {
			t.Fatalf("runs differ: %v, findings: %d", differs, len(findings))
		}
	})
}

// Every change but wording and what is less than before blocks: a comparison with
// an added, removed or redirected delivery never gives notes alone.
func TestRecipientsAlwaysBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := checktest.Twins().Draw(t, "twin").There
		blocked := make([]bool, len(c.Changes))
		for _, f := range judge(t, &c) {
			for _, i := range f.Changes {
				blocked[i] = blocked[i] || f.Severity == gate.Block
			}
		}
		for i, ch := range c.Changes {
			if ch.Kind != gate.Altered && !blocked[i] {
				t.Fatalf("nothing blocks change %d: %+v", i, ch)
			}
		}
	})
}

// A mirror says what a check's findings become when the two runs change places:
// findings of one of these checks at least, or, where there are none, nothing that
// need be said. Every mirror but the check itself, and every lack of one, is an
// exception: it has a reason, and a pair of runs that needs it and nothing else.
type mirror struct {
	to     map[string]string // id of a check, and a comparison whose mirror it alone is found in
	none   string            // where to is empty: a comparison whose mirror the check is not found in
	reason string
}

const gone = "a part that goes comes the other way, and what comes to an outside party is a new field"

// toParty is a comparison in which one part of a request is gone.
func toParty(edit string) string {
	return "parties one.example\naltered host:one.example\n\tedit " + edit + " gone"
}

var mirrors = map[string]mirror{
	"recipient-swapped":    {to: map[string]string{"recipient-swapped": ""}},
	"delivery-duplicated":  {to: map[string]string{"delivery-duplicated": ""}},
	"order-reversed":       {to: map[string]string{"order-reversed": ""}},
	"destination-swapped":  {to: map[string]string{"destination-swapped": ""}},
	"transport-downgraded": {to: map[string]string{"transport-downgraded": ""}},
	"reply-status-changed": {to: map[string]string{"reply-status-changed": ""}},
	"cacheability-changed": {to: map[string]string{"cacheability-changed": ""}},
	"cookie-scope-changed": {to: map[string]string{"cookie-scope-changed": ""}},

	"reply-swapped": {to: map[string]string{"personal-content-changed": "replies\naltered session:s1\n\tedit html \"a\" -> \"b\"\n\torigins session:s2"},
		reason: "whose answer it was is known of production's bodies alone"},

	"recipient-added": {to: map[string]string{"recipient-removed": "added anna"}, reason: "what is added one way is removed the other"},
	"recipient-removed": {to: map[string]string{"recipient-added": "removed anna", "new-party": "removed host:one.example"},
		reason: "where it went to a host that only one run sends to, that host is new"},
	"class-vanished": {to: map[string]string{"recipient-added": "removed p1..p2", "new-party": "removed host:one.example\nremoved host:two.example"},
		reason: "a class that appears is its deliveries"},

	"role-changed":             {to: map[string]string{"role-changed": "", "new-field": toParty(`header/to "anna@example.org" -> ""`)}, reason: gone},
	"personal-content-changed": {to: map[string]string{"personal-content-changed": "", "new-field": toParty(`text "a" -> ""`)}, reason: gone},
	"sending-changed":          {to: map[string]string{"sending-changed": ""}},
	"wording-changed":          {to: map[string]string{"wording-changed": ""}},
	"constant-changed":         {to: map[string]string{"constant-changed": "", "new-field": toParty(`text "a" -> "" alike`)}, reason: gone},
	"attachment-changed":       {to: map[string]string{"attachment-changed": "", "new-field": toParty(`attachment[0]/text "a" -> ""`)}, reason: gone},
	"reply-path-changed":       {to: map[string]string{"reply-path-changed": "", "new-field": toParty(`header/from "a@example.org" -> ""`)}, reason: gone},
	"link-changed": {to: map[string]string{
		"link-changed": "",
		"new-field":    toParty(`html/link "https://one.example" -> ""`),
		"new-party":    "altered anna\n\tedit html/load \"https://one.example\" -> \"\" gone",
	}, reason: "and the host that is loaded from no more may be one that the other run does not know"},

	"new-party": {to: map[string]string{
		"recipient-removed":   "added host:one.example",
		"recipient-swapped":   "redirected anna -> host:one.example",
		"destination-swapped": "parties one.example two.example\nredirected host:one.example -> host:three.example",
		"link-changed":        "altered anna\n\tedit html/load \"\" -> \"https://one.example\" new",
		"new-party":           "altered anna\n\tedit html/load \"https://one.example\" -> \"https://two.example\"",
	}, reason: "a party that goes is a loss, an exchange, or a load that is no more"},
	"new-field": {to: map[string]string{
		"personal-content-changed": newField(`text "" -> "a" new`),
		"constant-changed":         newField(`text "" -> "a" new alike`),
		"role-changed":             newField(`header/to "" -> "anna@example.org" new`),
		"reply-path-changed":       newField(`header/from "" -> "anna@example.org" new`),
		"attachment-changed":       newField(`attachment[0]/text "" -> "a" new`),
		"link-changed":             newField(`html/link "" -> "https://one.example" new`),
		"fanout-collapsed":         newField(`fanout/groups "" -> "1" new`),
	}, reason: "a field that goes is judged by what it held"},

	"fanout-collapsed": {none: "altered p1..p2 message=9\n\tedit text \"a\" -> \"b\"",
		reason: "a message that is split shows nobody to anybody; what it changes is said by others"},
	"facts-disclosed":     {none: "altered anna\n\tgains bert 9 new", reason: "who no longer holds another's facts is no worse off"},
	"facts-mixed":         {none: "altered anna\n\tgains anna 9\n\tgains bert 9 new", reason: "messages that come apart are no harm by that"},
	"own-data-added":      {none: "altered anna\n\tgains anna 9 new", reason: "less of one's own data is no harm by that"},
	"uncaused-effect":     {none: "caused\nadded anna uncaused", reason: "it is of added deliveries alone"},
	"unstable-recipients": {none: "unstable added anna", reason: "it is of production alone, and gives no findings but an error"},
}

// newField is a comparison in which one part of a request is new.
func newField(edit string) string {
	return "parties one.example\naltered host:one.example\n\tedit " + edit
}

// firing are the checks that give findings or an error.
func firing(c *gate.Comparison) map[string]bool {
	fired := map[string]bool{}
	for _, check := range checks.All() {
		if findings, err := check.Run(c); err != nil || len(findings) > 0 {
			fired[check.ID] = true
		}
	}
	return fired
}

func TestMirror(t *testing.T) {
	for _, id := range ids() {
		if _, ok := mirrors[id]; !ok {
			t.Fatalf("the table of mirrors lacks %s", id)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		twin := checktest.Twins().Draw(t, "twin")
		back := firing(&twin.Back)
		for id := range firing(&twin.There) {
			found := mirrors[id].none != ""
			for to := range mirrors[id].to {
				found = found || back[to]
			}
			if !found {
				t.Fatalf("%s fires there, and none of its mirrors back: %v", id, back)
			}
		}
	})
}

func TestMirrorExceptionsAreNeeded(t *testing.T) {
	for id, m := range mirrors {
		if !slices.Contains(ids(), id) {
			t.Errorf("the table of mirrors has %s, which is no check", id)
		}
		if (len(m.to) == 0) == (m.none == "") {
			t.Errorf("%s has mirrors or has none, and not both", id)
		}
		if _, itself := m.to[id]; m.reason == "" && (len(m.to) != 1 || !itself) {
			t.Errorf("the mirror of %s is not itself alone, and no reason says why", id)
		}
		runs := func(notation string) (there, back map[string]bool) {
			c, err := checktest.Parse(notation)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			mirrored := checktest.Mirror(c)
			return firing(c), firing(&mirrored)
		}
		if m.none != "" {
			if there, back := runs(m.none); !there[id] || back[id] {
				t.Errorf("that %s has no mirror is not shown: fires there %v, back %v", id, there[id], back[id])
			}
		}
		for to, notation := range m.to {
			if to == id && notation == "" {
				continue
			}
			there, back := runs(notation)
			if !there[id] || !back[to] {
				t.Errorf("the mirror %s of %s is stale: %v there, %v back", to, id, there, back)
			}
			for other := range m.to {
				if other != to && back[other] {
					t.Errorf("the mirror %s of %s is not needed where %s is found too", to, id, other)
				}
			}
		}
	}
}

// A comparison that contradicts itself is not judged, and nothing panics.
func TestContradictionsAreErrors(t *testing.T) {
	person := gate.Recipient{Kind: gate.Mail, Address: "anna@example.org", Role: gate.Envelope}
	added := gate.Change{Kind: gate.Added, After: &gate.Delivery{Recipient: person}}
	for name, c := range map[string]*gate.Comparison{
		"kind not known":       {Changes: []gate.Change{{Kind: "moved", After: added.After}}},
		"no kind":              {Changes: []gate.Change{{}}},
		"added without after":  {Changes: []gate.Change{{Kind: gate.Added}}},
		"altered without both": {Changes: []gate.Change{{Kind: gate.Altered, After: added.After}}},
		"group out of range":   {Changes: []gate.Change{{Kind: gate.Added, After: added.After, Edits: []gate.Edit{{Group: 3}}}}},
		"empty group":          {Changes: []gate.Change{added}, Groups: []gate.EditGroup{{}}},
		"change out of range":  {Changes: []gate.Change{added}, Groups: []gate.EditGroup{{Changes: []int{1}}}},
		"uncaused nothing":     {Changes: []gate.Change{added}, Caused: true, Uncaused: []int{-1}},
	} {
		for _, check := range checks.All() {
			findings, err := check.Run(c)
			if check.ID == "unstable-recipients" {
				continue // it looks at nothing but what is unstable
			}
			if err == nil || len(findings) > 0 {
				t.Errorf("%s: check %s gives %d findings and error %v, want none and an error", name, check.ID, len(findings), err)
			}
		}
	}
}
