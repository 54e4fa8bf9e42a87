package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst is args, the name of the program first, with the flags of the verb
// before its arguments: cli takes a flag that stands after an argument for an
// argument too, and a gate that ignores a flag is dangerous. "--" ends the flags
// and goes before all arguments. A flag that the verb does not know stays a flag,
// and is refused as one.
func flagsFirst(commands []*cli.Command, args []string) []string {
	out := args[:min(1, len(args))]
	out = slices.Clip(out)
	rest := args[len(out):]
	var verb *cli.Command
	for len(rest) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		verb, commands = commands[i], commands[i].Subcommands
		out, rest = append(out, rest[0]), rest[1:]
	}
	if verb == nil {
		return args
	}
	var arguments []string
	ended := false
	for len(rest) > 0 {
		a := rest[0]
		rest = rest[1:]
		switch {
		case a == "--":
			ended = true
			arguments = append(arguments, rest...)
			rest = nil
		case a == "-" || !strings.HasPrefix(a, "-"):
			arguments = append(arguments, a)
		default:
			out = append(out, a)
			switch {
			case !takesValue(verb, a):
			case len(rest) == 0:
				return out // no argument may become its value: it is refused for want of one
			default:
				out, rest = append(out, rest[0]), rest[1:]
			}
		}
	}
	if ended {
		out = append(out, "--")
	}
	return append(out, arguments...)
}

// takesValue reports whether the next argument is the value of flag.
func takesValue(verb *cli.Command, flag string) bool {
	name := strings.TrimLeft(flag, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range verb.Flags {
		if slices.Contains(f.Names(), name) {
			_, alone := f.(*cli.BoolFlag)
			return !alone
		}
	}
	return false
}
