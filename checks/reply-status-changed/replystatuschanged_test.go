package replystatuschanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	replystatuschanged "github.com/waybill-dev/waybill/checks/reply-status-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, replystatuschanged.Check) }
