package checks_test

import (
	"testing"

	"github.com/waybill-dev/waybill/fixtures/builds/buildtest"
)

// TestSelf holds the clinic's server against itself, where nothing may block.
func TestSelf(t *testing.T) {
	if !buildtest.Whole() {
		t.Skip("TestDetectionInProcesses does so, once: WAYBILL_SELF=whole asks for more")
	}
	s := newClinicSite(t, processVolume(), *detectionSeed)
	t.Log(s.Self(t, s.arrange(t), nil))
}
