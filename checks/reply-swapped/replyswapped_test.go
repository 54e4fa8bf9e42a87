package replyswapped_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	replyswapped "github.com/waybill-dev/waybill/checks/reply-swapped"
)

func TestCases(t *testing.T) { checktest.Run(t, replyswapped.Check) }
