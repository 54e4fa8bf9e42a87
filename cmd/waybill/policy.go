package main

import (
	"fmt"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// policy puts what a configuration says of blind spots into the verdict's input. conf
// may be nil.
func policy(conf *config.Config, in *verdict.Input) {
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
