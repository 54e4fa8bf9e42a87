package factsdisclosed_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	factsdisclosed "github.com/waybill-dev/waybill/checks/facts-disclosed"
)

func TestCases(t *testing.T) { checktest.Run(t, factsdisclosed.Check) }
