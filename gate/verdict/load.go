package verdict

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
)

// Limits of approvals.
type Limits struct {
	Now     time.Time // required
	MaxDays int       // how many days ahead an approval may expire; 0 is 365
}

const (
	defaultMaxDays = 365
	maxFile        = 4 << 20 // bytes of an approvals file
	maxText        = 2000    // bytes of one text in it
	maxCap         = 10_000_000
)

// LoadApprovals reads the approvals file at path. A file that is not there holds
// none; one that cannot be read, or holds anything invalid, is an error (exit 2).
func LoadApprovals(path string, limits Limits) ([]gate.Approval, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read approvals: %w", err)
	}
	defer f.Close()
	return ReadApprovals(f, path, limits)
}

// ReadApprovals reads approvals from r. name stands for it in errors.
//
// The file is TOML with an [[approval]] table for each approval, which has every
// key of [gate.Approval] and no other. Fingerprints are whole: a prefix or a
// wildcard is refused, and so are two approvals of one fingerprint. Expires is a
// date, as a string "2027-01-31" or bare, and never a time: it is the last day in
// UTC, at the most MaxDays ahead. A day that has passed is no error here, since an
// expired approval must be told apart from none. The answer is sorted.
func ReadApprovals(r io.Reader, name string, limits Limits) ([]gate.Approval, error) {
	if limits.Now.IsZero() {
		return nil, fmt.Errorf("read approvals %s: the day is not known", name)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read approvals %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read approvals %s: it is longer than %d bytes", name, maxFile)
	}
	var top map[string]any
	if _, err := toml.Decode(string(data), &top); err != nil {
		return nil, fmt.Errorf("read approvals %s: %w", name, err)
	}
	for _, k := range slices.Sorted(maps.Keys(top)) {
		if k != "approval" {
			return nil, fmt.Errorf("read approvals %s: unknown key %q: the only one is [[approval]]", name, k)
		}
	}
	if top["approval"] == nil {
		return nil, nil
	}
	tables, ok := top["approval"].([]map[string]any)
	if !ok {
		return nil, fmt.Errorf("read approvals %s: write each approval as [[approval]], with two brackets", name)
	}
	var list []gate.Approval
	for i, table := range tables {
		a, err := readApproval(table, limits)
		if err != nil {
			return nil, fmt.Errorf("read approvals %s: approval %d%s: %w", name, i+1, named(table), err)
		}
		list = append(list, a)
	}
	slices.SortFunc(list, compareApprovals)
	for i := 1; i < len(list); i++ {
		if list[i].Fingerprint == list[i-1].Fingerprint {
			return nil, fmt.Errorf("read approvals %s: %s is approved twice: keep one", name, list[i].Fingerprint)
		}
	}
	return list, nil
}

// named says which approval it is, where that can be said safely.
func named(table map[string]any) string {
	if s, _ := table["fingerprint"].(string); wholeFingerprint.MatchString(s) {
		return " (" + s + ")"
	}
	return ""
}

var (
	wholeFingerprint = regexp.MustCompile(`^` + gate.FingerprintScheme + `-[0-9a-f]{32}$`)
	otherScheme      = regexp.MustCompile(`^(w[0-9]+)-[0-9a-f]+$`)
	checkID          = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	corpusDigest     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// approvalKeys are the keys of an approval, in the order in which a missing one is named.
var approvalKeys = []string{"fingerprint", "check", "scope", "max_messages", "reason", "requested_by", "approved_by", "expires"}

func readApproval(table map[string]any, limits Limits) (gate.Approval, error) {
	var a gate.Approval
	for _, k := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(approvalKeys, k) {
			return a, fmt.Errorf("unknown key %q: the nearest known is %q", k, nearest(k, approvalKeys))
		}
	}
	for _, k := range approvalKeys {
		if _, ok := table[k]; !ok {
			return a, fmt.Errorf("%s is missing: every approval has %s", k, strings.Join(approvalKeys, ", "))
		}
	}
	for _, text := range []struct {
		key string
		to  *string
	}{{"fingerprint", &a.Fingerprint}, {"check", &a.Check}, {"scope", &a.Scope}, {"reason", &a.Reason},
		{"requested_by", &a.RequestedBy}, {"approved_by", &a.ApprovedBy}} {
		s, ok := table[text.key].(string)
		switch {
		case !ok:
			return a, fmt.Errorf("%s is not a string", text.key)
		case strings.TrimSpace(s) == "":
			return a, fmt.Errorf("%s is empty", text.key)
		case len(s) > maxText:
			return a, fmt.Errorf("%s is longer than %d bytes", text.key, maxText)
		}
		if r := invisible(s); r != 0 && strings.HasSuffix(text.key, "_by") { // a reason is shown with these escaped
			return a, fmt.Errorf("%s holds the character U+%04X, which nobody sees", text.key, r)
		}
		if word := twoScripts(s); word != "" && strings.HasSuffix(text.key, "_by") {
			return a, fmt.Errorf("%s holds the word %q, whose letters are of two scripts that look alike", text.key, word)
		}
		if text.key == "reason" && says(s) < leastReason {
			return a, fmt.Errorf("reason %q gives none", s)
		}
		*text.to = s
	}
	if sameName(a.RequestedBy, a.ApprovedBy) {
		return a, fmt.Errorf("requested_by and approved_by are both %q: nobody accepts what they ask for themselves", a.ApprovedBy)
	}
	if scheme := otherScheme.FindStringSubmatch(a.Fingerprint); scheme != nil && scheme[1] != gate.FingerprintScheme {
		return a, fmt.Errorf("fingerprint is of scheme %s and this version reads %s: approve the finding anew", scheme[1], gate.FingerprintScheme)
	}
	if !wholeFingerprint.MatchString(a.Fingerprint) {
		return a, fmt.Errorf("fingerprint %q is not whole: it is %s- and 32 hexadecimal digits, without wildcards", a.Fingerprint, gate.FingerprintScheme)
	}
	if !checkID.MatchString(a.Check) {
		return a, fmt.Errorf("check %q is not the id of a check", a.Check)
	}
	if a.Scope != AnyCorpus && !corpusDigest.MatchString(a.Scope) {
		return a, fmt.Errorf("scope %q is neither the digest of a corpus (sha256: and 64 hexadecimal digits) nor %q", a.Scope, AnyCorpus)
	}
	n, ok := table["max_messages"].(int64)
	if !ok || n < 1 {
		return a, errors.New("max_messages is not a whole number of 1 or more")
	}
	if n > maxCap {
		return a, fmt.Errorf("max_messages %d is more than %d: a cap that nothing reaches is none", n, maxCap)
	}
	a.MaxMessages = uint64(n)
	var err error
	a.Expires, err = readDate(table["expires"], limits)
	return a, err
}

// sameName reports whether two names are one person's, however they are written: "Ben <ben@x.org>"
// is ben@x.org, and @ben is ben.
func sameName(a, b string) bool {
	plain := func(s string) string {
		s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
		if at, err := mail.ParseAddress(s); err == nil {
			s = at.Address
		}
		return strings.Join(strings.Fields(strings.TrimPrefix(strings.TrimSpace(s), "@")), " ")
	}
	return plain(a) == plain(b)
}

// twoScripts is the first word of s that has letters of Latin and of Cyrillic or Greek, many of which
// look alike (Unicode Technical Standard 39, 5.1); "" is none.
func twoScripts(s string) string {
	for word := range strings.FieldsSeq(s) {
		latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
		if latin && strings.ContainsFunc(word, func(r rune) bool { return unicode.In(r, unicode.Cyrillic, unicode.Greek) }) {
			return word
		}
	}
	return ""
}

// leastReason is how many letters and figures a reason has.
const leastReason = 2

// says counts the letters and figures of s that can be seen.
func says(s string) (n int) {
	for _, r := range s {
		if (unicode.IsLetter(r) || unicode.IsDigit(r)) && invisible(string(r)) == 0 {
			n++
		}
	}
	return n
}

// invisible is the first character of s that has no shape of its own or acts on others, so
// that two names look like one; 0 is none.
func invisible(s string) rune {
	for _, r := range s {
		switch {
		case r == ' ':
		case !unicode.IsPrint(r), unicode.Is(unicode.Variation_Selector, r), strings.ContainsRune("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5", r):
			return r
		}
	}
	return 0
}

// readDate reads the last day of an approval.
func readDate(value any, limits Limits) (string, error) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case time.Time:
		// The decoder names the zone of what was written without one.
		if zone := v.Location().String(); zone != "date-local" {
			return "", errors.New("expires has a time of day or a zone: write the last day alone, as \"2027-01-31\"")
		}
		text = v.Format(time.DateOnly)
	default:
		return "", errors.New("expires is not a date: write the last day, as \"2027-01-31\"")
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return "", fmt.Errorf("expires %q is not a day of the calendar: write it as \"2027-01-31\"", text)
	}
	days := limits.MaxDays
	if days == 0 {
		days = defaultMaxDays
	}
	y, m, d := limits.Now.UTC().Date()
	if latest := time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC); day.After(latest) {
		return "", fmt.Errorf("expires %s is more than %d days ahead: the latest is %s", text, days, latest.Format(time.DateOnly))
	}
	return text, nil
}

// nearest is the known name that shares the most pairs of neighbouring letters
// with got, the first in order among equals.
func nearest(got string, known []string) string {
	pairs := func(s string) map[string]bool {
		m := map[string]bool{}
		s = "^" + strings.ToLower(s) + "$"
		for i := 0; i+2 <= len(s) && i < 64; i++ {
			m[s[i:i+2]] = true
		}
		return m
	}
	g := pairs(got)
	best, score := known[0], -1.0
	for _, k := range known {
		p := pairs(k)
		both := 0
		for x := range p {
			if g[x] {
				both++
			}
		}
		if s := float64(2*both) / float64(len(p)+len(g)); s > score {
			best, score = k, s
		}
	}
	return best
}
