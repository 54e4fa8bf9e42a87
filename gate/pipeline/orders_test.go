package pipeline_test

import (
	"context"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// sequence gives mails to ann the places that they have in a run.
func sequence(subjects ...string) []gate.Canonical {
	var out []gate.Canonical
	for i, s := range subjects {
		m := mail("ann@example.net", s, "about "+s)
		m.Ref.Seq = uint64(i + 1)
		out = append(out, m)
	}
	return out
}

func TestOrders(t *testing.T) {
	tests := []struct {
		name                string
		ordered             []string
		production, staging []gate.Canonical
		want                int
	}{
		{"reversed where order matters", []string{"mail"}, sequence("confirm", "welcome"), sequence("welcome", "confirm"), 1},
		{"reversed where it does not", nil, sequence("confirm", "welcome"), sequence("welcome", "confirm"), 0},
		{"reversed at another sink", []string{"bulk"}, sequence("confirm", "welcome"), sequence("welcome", "confirm"), 0},
		{"kept", []string{"mail"}, sequence("confirm", "welcome"), sequence("confirm", "welcome"), 0},
		{"kept, one gone between", []string{"mail"}, sequence("confirm", "offer", "welcome"), sequence("confirm", "welcome"), 0},
		{"kept, one new before", []string{"mail"}, sequence("confirm", "welcome"), sequence("offer", "confirm", "welcome"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := pipeline.Options{Ordered: test.ordered}
			c, _, err := pipeline.CompareMessages(context.Background(), o, [][]gate.Canonical{test.production}, test.staging)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Orders) != test.want {
				t.Fatalf("orders %+v, want %d", c.Orders, test.want)
			}
			if test.want > 0 && (c.Orders[0].First.Title != "confirm" || c.Orders[0].Second.Title != "welcome") {
				t.Errorf("first %q, second %q", c.Orders[0].First.Title, c.Orders[0].Second.Title)
			}
		})
	}
}
