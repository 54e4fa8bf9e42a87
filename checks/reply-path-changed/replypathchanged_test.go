package replypathchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	replypathchanged "github.com/waybill-dev/waybill/checks/reply-path-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, replypathchanged.Check) }
