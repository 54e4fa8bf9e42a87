package sendingchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	sendingchanged "github.com/waybill-dev/waybill/checks/sending-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, sendingchanged.Check) }
