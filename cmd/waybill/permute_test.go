package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlagsStandWherePeopleWriteThem(t *testing.T) {
	commands := []*cli.Command{
		{Name: "approve", Flags: []cli.Flag{&cli.StringFlag{Name: "reason"}, &cli.BoolFlag{Name: "force", Aliases: []string{"f"}}}},
		{Name: "tape", Subcommands: []*cli.Command{{Name: "cat", Flags: []cli.Flag{&cli.BoolFlag{Name: "raw"}}}}},
	}
	for _, test := range []struct{ in, want string }{
		{"waybill approve w1 --reason new", "waybill approve --reason new w1"},
		{"waybill approve w1 --reason=new -f", "waybill approve --reason=new -f w1"},
		{"waybill approve -f w1 w2", "waybill approve -f w1 w2"},
		{"waybill approve w1 --reason", "waybill approve --reason"},                    // the value is missing, and w1 is not it
		{"waybill approve w1 --reasn new", "waybill approve --reasn w1 new"},           // refused as unknown
		{"waybill approve --reason --force w1", "waybill approve --reason --force w1"}, // its value
		{"waybill approve w1 -- --reason", "waybill approve -- w1 --reason"},           // a file of that name
		{"waybill approve - --force", "waybill approve --force -"},                     // standard input
		{"waybill tape cat a.tape --raw", "waybill tape cat --raw a.tape"},             // of the verb below
		{"waybill nothing w1 --reason new", "waybill nothing w1 --reason new"},         // left to be refused
		{"waybill", "waybill"}, {"", ""},
	} {
		in := strings.Fields(test.in)
		if got := flagsFirst(commands, slices.Clone(in)); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%q came to %q, want %q", test.in, strings.Join(got, " "), test.want)
		}
	}
}
