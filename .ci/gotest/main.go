// Gotest runs go test with the arguments that it is given and shows what that shows. Then it
// says in one line what was skipped, and why: go test itself says nothing of a package that
// passes. It fails where go test fails, where something is skipped that .ci/skips does not
// expect, and where .ci/skips expects what is not skipped.
//
//	go run ./.ci/gotest -timeout 30m ./...
//
// Each line of .ci/skips is the name of a test, and behind a blank the beginning of the reason
// that it gives; "#" begins a comment. Subtests are skipped under the name of their test. A
// line that begins with "?" is of a test that is skipped on some machines alone.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const expected = ".ci/skips"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	text, err := os.ReadFile(expected)
	if err != nil {
		fmt.Fprintln(stderr, "gotest:", err)
		return 2
	}
	expect, err := parse(text)
	if err != nil {
		fmt.Fprintln(stderr, "gotest:", err)
		return 2
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(stderr, "gotest: run go test:", err)
		return 2
	}
	r := report{out: stdout, said: map[key][]string{}, skipped: map[skip]int{}, failed: map[key]bool{}}
	readErr := r.read(events)
	waitErr := cmd.Wait()
	fmt.Fprintln(stdout, r.summary())
	wrong := expect.compare(r.skipped)
	for _, w := range wrong {
		fmt.Fprintln(stderr, "gotest: "+w)
	}
	switch {
	case waitErr != nil:
		return 1
	case readErr != nil:
		fmt.Fprintln(stderr, "gotest: read what go test says:", readErr)
		return 2
	case len(wrong) > 0:
		return 1
	}
	return 0
}

// An event is what go test -json says: see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// A key is a test, or, without one, a package.
type key struct{ pkg, test string }

// A skip is a test that is skipped, without its subtest, and why.
type skip struct{ test, reason string }

type report struct {
	out     io.Writer
	said    map[key][]string
	failed  map[key]bool
	skipped map[skip]int
}

// read takes events to their end. What is no event is shown as it stands.
func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line)
			} else {
				r.take(&e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e *event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.said[k] = append(r.said[k], e.Output)
	case "skip":
		if e.Test != "" {
			top, _, _ := strings.Cut(e.Test, "/")
			r.skipped[skip{top, reason(r.said[k])}]++
		}
		r.end(k, e.Test == "")
	case "fail":
		r.failed[k] = true
		r.end(k, true)
	case "pass":
		r.end(k, false)
	}
}

// end forgets what was said of k, and shows it where show says so. Of a package that passes
// the line with its result is shown.
func (r *report) end(k key, show bool) {
	for _, line := range r.said[k] {
		result := k.test == "" && (strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") || strings.HasPrefix(line, "FAIL\t"))
		if show || result {
			fmt.Fprint(r.out, line)
		}
	}
	delete(r.said, k)
}

// reason is what a test gave as the reason for which it is skipped: what it printed last
// before "--- SKIP", without the place.
func reason(said []string) string {
	last := ""
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if file, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(file, ".go:") {
			line = rest
		}
		last = line
	}
	if last == "" {
		return "no reason"
	}
	return last
}

// summary is the line about all that was skipped.
func (r *report) summary() string {
	if len(r.skipped) == 0 {
		return "skipped: nothing"
	}
	var list []string
	all := 0
	for _, s := range slices.SortedFunc(maps.Keys(r.skipped), compare) {
		n := r.skipped[s]
		all += n
		times := ""
		if n > 1 {
			times = fmt.Sprintf(" %d times", n)
		}
		list = append(list, fmt.Sprintf("%s%s (%s)", s.test, times, s.reason))
	}
	return fmt.Sprintf("skipped: %d: %s", all, strings.Join(list, "; "))
}

func compare(a, b skip) int {
	if c := strings.Compare(a.test, b.test); c != 0 {
		return c
	}
	return strings.Compare(a.reason, b.reason)
}

// An expectation is a line of .ci/skips.
type expectation struct {
	skip
	sometimes bool
}

type expectations []expectation

func parse(text []byte) (out expectations, err error) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sometimes := strings.HasPrefix(line, "?")
		test, reason, ok := strings.Cut(strings.TrimPrefix(line, "?"), " ")
		if !ok || test == "" {
			return nil, fmt.Errorf("%s:%d: want a test and the beginning of its reason", expected, n)
		}
		out = append(out, expectation{skip{test, strings.TrimSpace(reason)}, sometimes})
	}
	return out, nil
}

// compare says what was skipped and not expected, and what was expected and not skipped.
func (e expectations) compare(skipped map[skip]int) (wrong []string) {
	met := make([]bool, len(e))
	for _, s := range slices.SortedFunc(maps.Keys(skipped), compare) {
		known := false
		for i := range e {
			if e[i].test == s.test && strings.HasPrefix(s.reason, e[i].reason) {
				met[i], known = true, true
			}
		}
		if !known {
			wrong = append(wrong, fmt.Sprintf("%s was skipped, which %s does not expect: %s", s.test, expected, s.reason))
		}
	}
	for i := range e {
		if !met[i] && !e[i].sometimes {
			wrong = append(wrong, fmt.Sprintf("%s expects %s to be skipped, and it was not: take the line out", expected, e[i].test))
		}
	}
	return wrong
}
