package newparty_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	newparty "github.com/waybill-dev/waybill/checks/new-party"
)

func TestCases(t *testing.T) { checktest.Run(t, newparty.Check) }
