package recipientadded_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	recipientadded "github.com/waybill-dev/waybill/checks/recipient-added"
)

func TestCases(t *testing.T) { checktest.Run(t, recipientadded.Check) }
