//go:build unix

package build

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/waybill-dev/waybill/gate/config"
)

// A Guard keeps evidence from the builds that it is of.
type Guard struct {
	ReadOnly []string // folders and files that commands of builds cannot write; absolute
	Hidden   []string // folders that they see empty; absolute
}

// Try returns nil where commands of these builds can be guarded, and else an error that says why
// not. Builds that become another user, or run containers of their own, cannot be where this
// process is not root.
func Try(root bool, builds ...*config.Build) error {
	for _, b := range builds {
		if b == nil || root {
			continue
		}
		lists := [][]string{b.Command, b.Ready.Command, b.Quiet.Command, b.Stop.Command}
		lists = append(append(lists, b.Setup...), b.Reset...)
		for _, j := range b.Jobs {
			lists = append(lists, j.Command)
		}
		for _, argv := range lists {
			for _, word := range argv {
				if name := filepath.Base(word); slices.Contains(privileged, name) {
					return fmt.Errorf("%s does not work where one user's files are kept from it", name)
				}
			}
		}
	}
	return holds()
}
