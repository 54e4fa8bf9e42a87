package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate/config"
)

// TestFollow fills in what the section does not say, and is off where there is none.
func TestFollow(t *testing.T) {
	const rest = `version = 1
corpus = { path = "c.tape" }
doors = { web = { channel = "http" }, mail = { channel = "smtp" } }
sinks = { out = { channel = "smtp" } }
production = { command = ["a", "${door.web}", "${door.mail}", "${sink.out}"] }
staging = { command = ["b", "${door.web}", "${door.mail}", "${sink.out}"] }
`
	c, err := config.Parse("waybill.toml", t.TempDir(), []byte(rest))
	if err != nil || c.Follow != nil {
		t.Errorf("without the section: %+v, %v", c.Follow, err)
	}
	c, err = config.Parse("waybill.toml", t.TempDir(), []byte(rest+"[follow]\nhosts = [\"Shop.Example.org\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Follow{Hosts: []string{"shop.example.org"}, Door: "web", Session: config.RecipientSession, MaxLinks: config.DefaultMaxLinks}
	if d := cmp.Diff(want, c.Follow); d != "" {
		t.Error(d)
	}
}
