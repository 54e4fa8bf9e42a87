package cookiescopechanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	cookiescopechanged "github.com/waybill-dev/waybill/checks/cookie-scope-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, cookiescopechanged.Check) }
