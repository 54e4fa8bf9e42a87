package linkchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	linkchanged "github.com/waybill-dev/waybill/checks/link-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, linkchanged.Check) }
