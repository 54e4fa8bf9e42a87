package transportdowngraded_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	transportdowngraded "github.com/waybill-dev/waybill/checks/transport-downgraded"
)

func TestCases(t *testing.T) { checktest.Run(t, transportdowngraded.Check) }
