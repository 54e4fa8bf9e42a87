package factsmixed_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	factsmixed "github.com/waybill-dev/waybill/checks/facts-mixed"
)

func TestCases(t *testing.T) { checktest.Run(t, factsmixed.Check) }
