package pipeline

import "testing"

// TestMissed says which races n requests were enough for.
func TestMissed(t *testing.T) {
	for n, want := range map[uint64]string{
		1:    "a race that strikes 1 request in 2 was missed with probability 0.50, one that strikes 1 in 20 with 0.95",
		1494: "a race that strikes 1 request in 500 was missed with probability 0.05, one that strikes 1 in 5000 with 0.74",
	} {
		if got := missed(n); got != want {
			t.Errorf("%d requests: %s", n, got)
		}
	}
}
