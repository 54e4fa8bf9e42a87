package all_test

import (
	"os"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate/channel/all"
)

// Every folder of a protocol is in the list, under its own name, once.
func TestProtocolsAreTheFolders(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var folders, listed []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "all" && e.Name() != "channeltest" {
			folders = append(folders, e.Name())
		}
	}
	for _, p := range all.Protocols() {
		listed = append(listed, p.Name)
	}
	slices.Sort(listed)
	if !slices.Equal(folders, listed) {
		t.Errorf("folders %q, listed %q: add what is missing to all.go", folders, listed)
	}
}
