// Package unstablerecipients is the check unstable-recipients.
package unstablerecipients

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is unstable-recipients: recipients differ between two replays of the same production build.
var Check = &gate.Check{
	ID:       "unstable-recipients",
	Family:   gate.Evidence,
	Severity: gate.Block,
	Doc: `Recipients differ between two replays of the same production build.

It returns no findings: it refuses to judge, and the verdict is undecided. Recipients are never noise, so what production does not repeat cannot
be compared with staging. Make the build deterministic where it chooses recipients (order of stimuli, seeds, clocks, state that a reset
leaves behind), or replay with a concurrency of one.`,
	Run: run,
}

// maxRoutes bounds how many routes the error names.
const maxRoutes = 8

func run(c *gate.Comparison) ([]gate.Finding, error) {
	if len(c.Unstable) == 0 {
		return nil, nil
	}
	counts := map[string]map[gate.ChangeKind]int{}
	for i := range c.Unstable {
		ch := &c.Unstable[i]
		route := "route not known"
		if ch.Before != nil || ch.After != nil {
			d := ch.Delivery()
			route = d.Channel + "/" + d.Sink
		}
		if counts[route] == nil {
			counts[route] = map[gate.ChangeKind]int{}
		}
		counts[route][ch.Kind]++
	}
	routes := slices.Sorted(maps.Keys(counts))
	var text []string
	for i, route := range routes {
		if i == maxRoutes {
			text = append(text, kit.N(len(routes)-maxRoutes, "more route", "more routes"))
			break
		}
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(counts[route])) {
			kinds = append(kinds, strconv.Itoa(counts[route][k])+" "+string(k))
		}
		text = append(text, route+" ("+strings.Join(kinds, ", ")+")")
	}
	return nil, errors.New("recipients differ between two replays of production: " + kit.Deliveries(len(c.Unstable)) + ": " + strings.Join(text, "; "))
}
