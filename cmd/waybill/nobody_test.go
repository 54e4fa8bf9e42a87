package main_test

import (
	"encoding/csv"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// identifying are the columns of a directory that say who somebody is.
var identifying = []string{"number", "name", "mail", "telephone", "pin"}

// namesNobody requires that no identifying field of a directory stands in any of some
// files, nor the local part of an address or the last name of somebody as a word.
func namesNobody(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: names-nobody CSV FILE...")
	}
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	secrets := map[string]bool{}
	for _, row := range rows[1:] {
		for i, field := range row {
			if !slices.Contains(identifying, rows[0][i]) || len(field) < 4 {
				continue
			}
			secrets[strings.ToLower(field)] = true
			if local, _, isMail := strings.Cut(field, "@"); isMail {
				secrets[strings.ToLower(local)] = true
			}
		}
	}
	if len(secrets) < 100 {
		ts.Fatalf("%s holds only %d things to look for", args[0], len(secrets))
	}
	for _, file := range args[1:] {
		text := strings.ToLower(ts.ReadFile(file))
		found := ""
		for s := range secrets {
			// A run of digits within a longer one, such as a fingerprint, is not the number.
			if i := strings.Index(text, s); i >= 0 && !inFingerprint(text, i, len(s)) {
				found = s
				break
			}
		}
		switch {
		case found != "" && !neg:
			ts.Fatalf("%s holds %q", file, found)
		case found == "" && neg:
			ts.Fatalf("%s names nobody", file)
		case strings.TrimSpace(text) == "":
			ts.Fatalf("%s is empty", file)
		}
	}
}

// inFingerprint reports whether what stands at i is within a longer run of
// hexadecimal digits.
func inFingerprint(text string, i, n int) bool {
	hex := func(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
	return i > 0 && hex(text[i-1]) || i+n < len(text) && hex(text[i+n])
}
