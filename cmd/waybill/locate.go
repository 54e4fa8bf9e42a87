package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
)

// locate takes the [DIR|CONFIG] out of the arguments of a verb that works on a verdict, and returns
// the other arguments. What it names stands in the flags then as if they had been given: --config is
// that configuration, and --verdict, unless given, the verdict that its gate writes. The error says
// that it was named twice, or cannot be read.
func locate(c *cli.Context) ([]string, error) {
	args := c.Args().Slice()
	i := slices.IndexFunc(args, isPlace)
	if i < 0 {
		return args, nil
	}
	if c.IsSet("config") {
		return nil, namedTwice(c)
	}
	conf, err := loadConfig(args[i])
	if err != nil {
		return nil, err
	}
	set := map[string]string{"config": conf.Path}
	if !c.IsSet("verdict") {
		set["verdict"] = conf.Report.JSON
	}
	for name, value := range set {
		if err := c.Set(name, value); err != nil {
			return nil, err
		}
	}
	return append(args[:i:i], args[i+1:]...), nil
}

// placed is locate of a verb that takes nothing else.
func placed(c *cli.Context) error {
	if c.Args().Len() == 1 && !isPlace(c.Args().First()) {
		return usage(fmt.Errorf("%s: %s is neither a folder nor a configuration", c.Command.Name, c.Args().First()), "usage: "+c.Command.UsageText)
	}
	args, err := locate(c)
	if err != nil {
		return err
	}
	return given(c, args, 0, 0)
}

// configArgument returns the [DIR|CONFIG] of a verb that works on a configuration, or that of --config.
func configArgument(c *cli.Context) (string, error) {
	if !c.Args().Present() {
		return c.String("config"), nil
	}
	if c.IsSet("config") {
		return "", namedTwice(c)
	}
	return c.Args().First(), nil
}

func namedTwice(c *cli.Context) error {
	return usage(fmt.Errorf("%s: the configuration is named twice", c.Command.Name), "usage: "+c.Command.UsageText)
}

// findingName is what a finding may be called by: a number, or (the beginning of) a fingerprint.
var findingName = regexp.MustCompile(`^(w1-)?[0-9a-f]+$`)

// isPlace reports whether an argument names a configuration or a folder, and not a finding or a format.
func isPlace(arg string) bool {
	if strings.HasSuffix(arg, ".toml") || arg == "." || arg == ".." || strings.ContainsRune(arg, filepath.Separator) {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && info.IsDir() && !findingName.MatchString(arg)
}

// hasConfig reports whether path is a configuration, or a folder that holds one.
func hasConfig(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return err == nil && strings.HasSuffix(path, ".toml")
	}
	_, err = os.Stat(filepath.Join(path, config.File))
	return err == nil
}
