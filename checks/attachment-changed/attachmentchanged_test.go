package attachmentchanged_test

import (
	"testing"

	attachmentchanged "github.com/waybill-dev/waybill/checks/attachment-changed"
	"github.com/waybill-dev/waybill/checks/checktest"
)

func TestCases(t *testing.T) { checktest.Run(t, attachmentchanged.Check) }
