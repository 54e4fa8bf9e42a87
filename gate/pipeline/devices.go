package pipeline

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// One person has several devices, and is sent the same on each: two of them are no two people.

// mostDevices is how many devices may be one person's. What more are sent is for several people.
const mostDevices = 3

// isDevice reports whether a provider's id is that of one device, or one copy of an app on it.
func isDevice(r gate.Recipient) bool {
	if r.Kind != gate.Other {
		return false
	}
	of, _, _ := strings.Cut(r.Address, ":")
	switch last := of[strings.LastIndexByte(of, '-')+1:]; last {
	case "token", "device", "endpoint", "binding", "subscription", "apns", "fcm", "onesignal", "push":
		return true
	}
	return false
}

// onDevices joins those of changes, which go to devices, that may be one person's: production
// says the same to few of them.
func (c *comparer) onDevices(changes []int, join *joiner) {
	said := map[[sha256.Size]byte][]int{}
	for n, i := range changes {
		if ch := &c.Changes[i]; ch.Before != nil && isDevice(ch.Before.Recipient) {
			what := c.said(i)
			said[what] = append(said[what], n)
		}
	}
	for what, list := range said {
		devices := map[string]bool{}
		for _, n := range list {
			devices[c.Changes[changes[n]].Recipient().ID()] = true
		}
		if len(devices) > mostDevices {
			continue
		}
		for _, n := range list {
			join.put(n, what)
		}
	}
}

// said is a digest of what the message of production of change i says: not to which device, and not
// what varies from replay to replay.
func (c *comparer) said(i int) [sha256.Size]byte {
	p := c.pairs[i]
	m := c.before.items[p.B].Message
	device := c.Changes[i].Before.Recipient.Address
	varies := c.varies[routeOf(m)]
	h := sha256.New()
	for _, part := range c.before.text(p.B).Parts {
		varies := part.Kind != gate.Text && varies[withoutIndexes(part.Name)]
		if part.Kind == gate.Transport || varies || strings.HasPrefix(part.Name, "header/") || part.Name == "path" || len(part.Value) >= leastLong && strings.Contains(device, part.Value) {
			continue
		}
		fmt.Fprintf(h, "%q %q\n", part.Name, part.Value)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
