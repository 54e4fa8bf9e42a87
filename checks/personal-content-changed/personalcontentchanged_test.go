package personalcontentchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	personalcontentchanged "github.com/waybill-dev/waybill/checks/personal-content-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, personalcontentchanged.Check) }
