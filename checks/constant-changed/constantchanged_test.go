package constantchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	constantchanged "github.com/waybill-dev/waybill/checks/constant-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, constantchanged.Check) }
