package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// What one person's devices are told alike is no wording; what several people's are is.
func TestDevicesOfOnePerson(t *testing.T) {
	push := func(kind string, device int, text string) gate.Canonical {
		id := fmt.Sprintf("%s:d%dQx%07d", kind, device, 7919*device)
		return gate.Canonical{
			Channel: "http", Sink: "web", Class: "POST /send", Recipients: []gate.Recipient{{Kind: gate.Other, Address: id, Role: gate.Envelope}},
			Parts: []gate.Part{{Name: "method", Kind: gate.Value, Value: "POST"}, {Name: "body/$.to", Kind: gate.Value, Value: id[len(kind)+1:]}, {Name: "body/$.body", Kind: gate.Text, Value: text}},
		}
	}
	// run pushes to people, who have so many devices each.
	run := func(kind string, devices []int, text func(person int) string) (out []gate.Canonical) {
		device := 0
		for person, n := range devices {
			for range n {
				device++
				out = append(out, push(kind, device, text(person)))
			}
		}
		return out
	}
	result := func(of, is string) func(int) string {
		return func(person int) string {
			if person == 0 {
				return fmt.Sprintf("%s, your sample is %s", people[person], is)
			}
			return fmt.Sprintf("%s, your sample %s", people[person], of)
		}
	}
	every := func(text string) func(int) string {
		return func(person int) string { return people[person] + ", your sample " + text }
	}
	for _, kind := range []string{"fcm-token", "apns", "push-endpoint"} {
		for _, test := range []struct {
			name    string
			devices []int
			was, is func(int) string
			wording bool
		}{
			{"one of two devices", []int{2, 1, 1, 1, 1}, result("was taken", "positive"), result("was taken", "negative"), false},
			{"one of three devices", []int{3, 2, 1, 1, 1}, result("was taken", "positive"), result("was taken", "negative"), false},
			{"nobody else", []int{2}, result("", "positive"), result("", "negative"), false},
			{"everybody, on one device", []int{1, 1, 1, 1, 1}, every("was taken"), every("has been taken"), true},
			{"everybody, on two", []int{2, 2, 2, 2, 2}, every("was taken"), every("has been taken"), true},
			{"one text for all", []int{1, 2, 1, 2, 1}, func(int) string { return "We open at nine" }, func(int) string { return "We open at noon" }, true},
		} {
			t.Run(kind+"/"+test.name, func(t *testing.T) {
				production := run(kind, test.devices, test.was)
				if c := compare(t, production, production, production); len(c.Changes) != 0 {
					t.Fatalf("production against itself: %q", told(c))
				}
				c := compare(t, run(kind, test.devices, test.is), production, production)
				if len(c.Groups) == 0 {
					t.Fatal("nothing is told")
				}
				for _, g := range c.Groups {
					if g.Wording != test.wording {
						t.Errorf("%q to %q: wording %t, want %t: %s", g.Before, g.After, g.Wording, test.wording, g.Why)
					}
				}
			})
		}
	}
}
