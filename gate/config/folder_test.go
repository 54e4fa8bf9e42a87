package config_test

import (
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate/config"
)

// Configurations of one folder write to folders of their own, and what stands there leads back to them.
func TestFolderOfEach(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, name := range []string{config.File, "other.toml", "self.toml", "runs.toml"} {
		c := config.Config{Path: filepath.Join(dir, name), Dir: dir}
		folder := c.Folder()
		if seen[folder] {
			t.Errorf("%s shares %s", name, folder)
		}
		seen[folder] = true
		for _, file := range []string{"verdict.json", filepath.Join(config.Self, "verdict.json")} {
			if got := config.Beside(filepath.Join(folder, file)); got != c.Path {
				t.Errorf("%s leads to %s, want %s", filepath.Join(folder, file), got, c.Path)
			}
		}
	}
	if got, want := config.Beside(filepath.Join(dir, "verdict", "verdict.json")), filepath.Join(dir, config.File); got != want {
		t.Errorf("a verdict elsewhere leads to %s, want %s", got, want)
	}
}
