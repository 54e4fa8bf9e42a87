package orderreversed_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	orderreversed "github.com/waybill-dev/waybill/checks/order-reversed"
)

func TestCases(t *testing.T) { checktest.Run(t, orderreversed.Check) }
