package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// policy puts into the verdict's input what a configuration and the command line say of blind
// spots, and of one build in both roles. conf may be nil.
func policy(c *cli.Context, conf *config.Config, in *verdict.Input) {
	in.SameBuild = c.Bool("same-build") || conf != nil && conf.Policy.SameBuild
	if conf != nil && conf.Policy.Blind == config.BlindUndecided {
		in.Undecided = []gate.BlindKind{gate.BlindUnanchored}
	}
}

// unusedPolicy notes what [policy] accepts and no comparison met. conf may be nil.
func unusedPolicy(conf *config.Config, in *verdict.Input) {
	if conf == nil {
		return
	}
	met := map[string]bool{}
	for i := range in.Comparisons {
		for _, b := range in.Comparisons[i].Blind {
			met[b.Class] = met[b.Class] || b.Kind == gate.BlindOpaque
		}
	}
	for _, o := range conf.Policy.Opaque {
		if !met[o.Class] {
			note(in, fmt.Sprintf("policy.opaque accepts content of class %q, and none varied there that cannot be read", o.Class))
		}
	}
}

func sameBuildFlag() cli.Flag {
	return &cli.BoolFlag{Name: "same-build", Usage: "production and staging may be one build: this tests the gate, and no release"}
}
