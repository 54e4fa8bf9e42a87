package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
)

func selfFlag() cli.Flag {
	return &cli.BoolFlag{Name: "self", Usage: "hold production against itself: what is found or missing then varies by itself, and is to be mended before a release is judged"}
}

// selfNote stands in every verdict of production against itself.
const selfNote = "production was held against itself, and no release was judged: what is found varies by itself, and what is missing would be missing for each release. " +
	"Where order decides, replay one stimulus at a time (concurrency = 1); where a value is new each time and nothing says whose it is, hide it ([[masks]]) or let the build " +
	"carry the trace of its cause; where time decides, let setup set the clock or the data"

// againstItself makes production both builds. It gives the folder where the runs and the verdict of that stand, so
// that they take no other's place.
func againstItself(conf *config.Config) (folder string, err error) {
	if conf.Production == nil {
		return "", usage(errors.New("gate --self: there is no [production]"), fmt.Sprintf("%s compares with what was recorded: say how production is started", conf.Path))
	}
	again := *conf.Production
	again.Name += ", again"
	conf.Staging = &again
	conf.Policy.SameBuild = true
	conf.Replay.Builds = config.InTurn // both may have one address
	folder = filepath.Join(conf.Folder(), config.Self)
	conf.Report.JSON = filepath.Join(folder, "verdict.json")
	if err := os.MkdirAll(filepath.Join(folder, "runs"), 0o700); err != nil {
		return "", undecided(fmt.Errorf("gate --self: make the folder of its runs: %w", err), "")
	}
	return folder, nil
}
