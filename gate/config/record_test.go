package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/config"
)

func recording(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.File)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.LoadRecording(path)
}

func TestRecordingNeedsNoBuilds(t *testing.T) {
	c, err := recording(t, `
version = 1
[record]
folder = "corpus"
sample = 0.25
[record.taps.web]
channel = "http"
side = "front"
listen = "127.0.0.1:8080"
upstream = "127.0.0.1:9000"
[record.taps.mail]
channel = "smtp"
side = "behind"
listen = "127.0.0.1:2525"
upstream = "127.0.0.1:25"
name = "mail-out"
hostname = "relay.example.org"
[privacy]
key_file = "key"
records = ['\bMRN-[0-9]{7}\b']
[encryption]
recipients = ["age1xyz"]
`)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Record.Taps["web"].Name; got != "web" {
		t.Errorf("the tap web is named %q", got)
	}
	mail := c.Record.Taps["mail"]
	if mail.Name != "mail-out" || mail.Side != config.Behind {
		t.Errorf("the tap mail is %+v", mail)
	}
	var own struct {
		Hostname string `toml:"hostname"`
	}
	if err := mail.Settings(&own); err != nil || own.Hostname != "relay.example.org" {
		t.Errorf("the protocol's own key came as %q, %v", own.Hostname, err)
	}
	if !filepath.IsAbs(c.Record.Folder) || !filepath.IsAbs(c.Privacy.KeyFile) {
		t.Errorf("paths are not absolute: %q, %q", c.Record.Folder, c.Privacy.KeyFile)
	}
	if c.Record.Sample != 0.25 || c.Record.MaxBody != config.DefaultRecordedBody || len(c.Privacy.Records) != 1 {
		t.Errorf("read as %+v and %+v", c.Record, c.Privacy)
	}
}

func TestRecordingRefuses(t *testing.T) {
	const tap = "[record]\nfolder = \"c\"\n[record.taps.web]\nchannel = \"http\"\nside = \"front\"\nlisten = \"127.0.0.1:1\"\nupstream = \"h:2\"\n"
	for _, test := range []struct{ name, text, want string }{
		{"no folder", strings.Replace(tap, "folder = \"c\"\n", "", 1), `"record.folder": missing`},
		{"no upstream", strings.Replace(tap, "upstream = \"h:2\"\n", "", 1), `"record.taps.web.upstream": missing`},
		{"unknown side", strings.Replace(tap, "front", "fron", 1), `"record.taps.web.side": unknown value "fron"`},
		{"unknown key", "[record]\nfolders = \"c\"\n", `unknown key "record.folders"`},
		{"two keys", "[privacy]\nkey_file = \"a\"\nkey_env = \"A\"\n", `"privacy.key_env"`},
		{"retained for ever", "[record]\nretain_days = 4000\n", `"record.retain_days"`},
		{"empty value", "[privacy]\nvalues = [\"\"]\n", `"privacy.values": holds an empty string`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := recording(t, "version = 1\n"+test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
