package fanoutcollapsed_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	fanoutcollapsed "github.com/waybill-dev/waybill/checks/fanout-collapsed"
)

func TestCases(t *testing.T) { checktest.Run(t, fanoutcollapsed.Check) }
