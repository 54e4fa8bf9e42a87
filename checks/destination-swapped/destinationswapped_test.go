package destinationswapped_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	destinationswapped "github.com/waybill-dev/waybill/checks/destination-swapped"
)

func TestCases(t *testing.T) { checktest.Run(t, destinationswapped.Check) }
