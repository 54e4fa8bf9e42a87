package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate/config"
)

func TestPeople(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.toml")
	for _, test := range []struct {
		name, text string
		want       map[string]string
		err        string
	}{
		{"ids, numbers and addresses", `
"slack-channel:D024" = " Anna Berger "
"id:fcm-token:a:b" = "anna@example.org"
"tel:+15105550100" = "Tom Hale"
"mail:anna@Example.ORG" = "Anna Berger"
`, map[string]string{
			"id:slack-channel:D024": "Anna Berger", "id:fcm-token:a:b": "anna@example.org",
			"tel:+15105550100": "Tom Hale", "mail:anna@example.org": "Anna Berger",
		}, ""},
		{"no text", `"slack-channel:D024" = 7`, nil, "people.toml"},
		{"no name", `"slack-channel:D024" = " "`, nil, "has no name"},
		{"twice", "\"slack:D1\" = \"a\"\n\"id:slack:D1\" = \"b\"", nil, "stands twice"},
		{"no recipient", `"mail:" = "a"`, nil, "is no recipient"},
	} {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.People{File: path}.Names()
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, want %q (-want +got):\n%s", test.name, err, test.err, diff)
		}
	}
	if names, err := (config.People{}).Names(); names != nil || err != nil {
		t.Errorf("without a file: %v, %v", names, err)
	}
	if _, err := (config.People{File: path + ".gone"}).Names(); err == nil {
		t.Error("a file that is not there is no error")
	}
}
