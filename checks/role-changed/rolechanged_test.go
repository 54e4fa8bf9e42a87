package rolechanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	rolechanged "github.com/waybill-dev/waybill/checks/role-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, rolechanged.Check) }
