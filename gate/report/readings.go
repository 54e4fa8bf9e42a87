package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// readingLines says how requests to each host were read, one line a host and reader, where
// at least one was read by more than its host.
func readingLines(v *gate.Verdict, n *names) []string {
	counts := map[gate.Reading]uint64{}
	read := false
	for i := range v.Comparisons {
		for _, r := range v.Comparisons[i].Readings {
			read = read || r.Reader != ""
			k := gate.Reading{Host: r.Host, Reader: r.Reader}
			counts[k] = max(counts[k], r.Count)
		}
	}
	if !read {
		return nil
	}
	var all []gate.Reading
	for k, count := range counts {
		k.Count = count
		all = append(all, k)
	}
	slices.SortFunc(all, func(x, y gate.Reading) int {
		return cmp.Or(strings.Compare(x.Host, y.Host), strings.Compare(x.Reader, y.Reader))
	})
	var lines []string
	for _, r := range all {
		line := plural(r.Count, "request", "requests") + " to " + n.id("host:"+r.Host) + ": "
		switch r.Reader {
		case "":
			line += "recipients not known: only the host was compared"
		case gate.OwnRule:
			line += "read by your rule"
		default:
			line += "read by the catalogue as " + visible(r.Reader, 60)
		}
		lines = append(lines, line)
	}
	return lines
}
