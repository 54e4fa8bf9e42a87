package config_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/config"
)

// What [state] cannot mean is refused, each with its reason.
func TestState(t *testing.T) {
	const rest = "version = 1\n[corpus]\npath = \"c.tape\"\n[sinks.mail]\nchannel = \"smtp\"\n[doors.web]\nchannel = \"http\"\n[production]\ncommand = [\"a\"]\n[staging]\ncommand = [\"b\"]\n[state]\n"
	for text, want := range map[string]string{
		`sqlite = "${state}/app.db"`:                               "",
		`sqlite = ["${state}/a.db", "${state}/in/b.db"]`:           "",
		`folder = "${state}"`:                                      "",
		`folder = "${state}/.cache"`:                               "",
		`restore = [["load", "${snapshot}/d", "${role}"]]`:         "",
		`check = ["sums", "${state}"]`:                             "",
		"restore = [[\"a\"]]\ncheck = [\"b\"]\ncheck_after = true": "",
		``:                                        `key "state": nothing is said`,
		`folder = "${state}/../x"`:                "is not a path below ${state}",
		`folder = "${state}x"`:                    "is not a path below ${state}",
		`folder = "/srv/data"`:                    "is not a path below ${state}",
		`folder = "${state}/${role}"`:             "is not a path below ${state}",
		`folder = "${state}/a/"`:                  "is not a path below ${state}",
		`folder = 7`:                              "neither a text nor a list",
		`sqlite = "${state}"`:                     "name the file of the database",
		`sqlite = [["${state}/a"]]`:               "neither a text nor a list",
		`snapshot = [["save"]]`:                   `key "state.restore": missing`,
		"restore = [[\"a\"]]\ncheck_after = true": `key "state.check": missing`,
		`restore = [[]]`:                          "an empty command",
		`restore = [["load", "${snapshots}"]]`:    "no such name",
		"restore = [[\"a\"]]\nchek = [\"b\"]":     `unknown key "state.chek"`,
	} {
		_, err := config.Parse("waybill.toml", t.TempDir(), []byte(rest+text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
		if err != nil && strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: told twice: %v", text, err)
		}
	}
}
