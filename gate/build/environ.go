//go:build unix

package build

import (
	"slices"
	"strings"
)

// passedOn are the variables of this process that every command of a build is given:
// where programs, people's settings and caches of tools are, and how text is written. A
// gate runs where tokens, keys and files of the job that judges stand in the environment,
// so whatever is not named here reaches a build only where its configuration gives it.
var passedOn = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "TZDIR",
	"LANG", "LANGUAGE",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
	"GOCACHE", "GOCOVERDIR", "GOMAXPROCS", "GOMODCACHE", "GOPATH", "GOROOT", "GOTOOLCHAIN",
	"npm_config_cache", "NPM_CONFIG_CACHE", "YARN_CACHE_FOLDER", "PNPM_HOME", "NVM_DIR", "NVM_BIN",
	"PIP_CACHE_DIR", "UV_CACHE_DIR", "POETRY_CACHE_DIR", "VIRTUAL_ENV", "PYENV_ROOT",
	"BUNDLE_PATH", "GEM_HOME", "GEM_PATH", "RBENV_ROOT", "COMPOSER_CACHE_DIR", "COMPOSER_HOME",
	"CARGO_HOME", "RUSTUP_HOME", "GRADLE_USER_HOME", "JAVA_HOME", "M2_HOME", "NUGET_PACKAGES", "DOTNET_ROOT", "CCACHE_DIR",
}

// inherited are those of the variables that are passed on; LC_* are how text is written.
func inherited(all []string) []string {
	return slices.DeleteFunc(all, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return !slices.Contains(passedOn, name) && !strings.HasPrefix(name, "LC_")
	})
}
