//go:build unix

package build

import (
	"slices"
	"testing"
)

// What a build is given of this process' environment is named; a token under whatever
// name, a file by which a step speaks to its job and waybill's own are not.
func TestInherited(t *testing.T) {
	kept := []string{"PATH=/bin", "HOME=/home/x", "TZ=UTC", "LANG=C", "LC_ALL=C.UTF-8", "TMPDIR=/t", "GOCACHE=/c", "npm_config_cache=/n", "USER=x"}
	given := append([]string{
		"GITHUB_TOKEN=t", "GITHUB_OUTPUT=/o", "GITHUB_ENV=/e", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t", "RUNNER_TEMP=/r", "CI=true",
		"WAYBILL_KEY=k", "WAYBILL_SINK_MAIL=elsewhere:25", "AWS_SECRET_ACCESS_KEY=s", "STRIPE=sk_live", "DATABASE_URL=postgres://production",
		"SSH_AUTH_SOCK=/s", "HTTPS_PROXY=http://u:p@proxy", "GOFLAGS=-x", "GOPROXY=https://u:p@goproxy", "PATHS=/x", "LD_PRELOAD=/x.so",
		"npm_config__auth=t", "NODE_AUTH_TOKEN=t", "=x", "LC=1",
	}, kept...)
	if got := inherited(given); !slices.Equal(got, kept) {
		t.Errorf("a build is given %q, want %q", got, kept)
	}
}
