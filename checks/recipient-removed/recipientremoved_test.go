package recipientremoved_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	recipientremoved "github.com/waybill-dev/waybill/checks/recipient-removed"
)

func TestCases(t *testing.T) { checktest.Run(t, recipientremoved.Check) }
