package checktest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
)

var update = flag.Bool("update", false, "write what is found as what is wanted")

// Update reports whether wanted results are to be written anew.
func Update() bool { return *update }

// Run runs a check over the cases in testdata of the test's folder.
func Run(t *testing.T, check *gate.Check) {
	t.Helper()
	if err := check.Validate(); err != nil {
		t.Fatal(err)
	}
	if dir, err := os.Getwd(); err != nil || filepath.Base(dir) != check.ID {
		t.Fatalf("check %s is tested in folder %s (%v): the folder's name is the check's id", check.ID, dir, err)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("check %s: no cases found in testdata", check.ID)
	}
	fires, quiet := 0, 0
	for _, path := range paths {
		want := strings.TrimSpace(testCase(t, check, path))
		if want == "" {
			quiet++
		} else {
			fires++
		}
	}
	if fires == 0 {
		t.Errorf("check %s: no case fires", check.ID)
	}
	if quiet == 0 {
		t.Errorf("check %s: no case stays quiet", check.ID)
	}
}

// testCase runs one case and returns what it wants.
func testCase(t *testing.T, check *gate.Check, path string) (want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, ok1 := strings.Cut(string(data), "-- comparison --\n")
	comparison, want, ok2 := strings.Cut(rest, "-- want --\n")
	if !ok1 || !ok2 {
		t.Fatalf("%s: wants a comment, a comparison and a want", path)
	}
	if strings.TrimSpace(comment) == "" {
		t.Errorf("%s: no comment says what happened", path)
	}
	c, err := Parse(comparison)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	got, err := Judge(check, c)
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	if *update {
		want = got
		text := comment + "-- comparison --\n" + comparison + "-- want --\n" + want
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: findings differ (-want +got):\n%s", path, diff)
	}
	return want
}

// Judge runs a check over a comparison, verifies what must hold of any check's
// answer, and renders it. The error says what does not hold.
func Judge(check *gate.Check, c *gate.Comparison) (string, error) {
	findings, runErr := check.Run(c)
	if err := Sound(check, c, findings, runErr); err != nil {
		return "", err
	}
	if runErr != nil {
		return "error: " + runErr.Error() + "\n", nil
	}
	return Render(findings), nil
}
