package deliveryduplicated_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	deliveryduplicated "github.com/waybill-dev/waybill/checks/delivery-duplicated"
)

func TestCases(t *testing.T) { checktest.Run(t, deliveryduplicated.Check) }
