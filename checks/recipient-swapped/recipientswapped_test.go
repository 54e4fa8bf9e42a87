package recipientswapped_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	recipientswapped "github.com/waybill-dev/waybill/checks/recipient-swapped"
)

func TestCases(t *testing.T) { checktest.Run(t, recipientswapped.Check) }
