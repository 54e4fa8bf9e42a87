package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
)

func (p *program) versionVerb() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "print the version of waybill, of Go, and of the tape's records",
		UsageText: "waybill version",
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 0); err != nil {
				return err
			}
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			_, err := fmt.Fprintf(p.stdout, "waybill %s, %s, tape schema %d\n", version(), goVersion, gate.Schema)
			return err
		},
	}
}

// release is the version of a released binary. The linker writes it (-X main.release=v1.2.3);
// binaries that are built in another way have none.
var release string

// version is the release's, the module's, or the commit that it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
