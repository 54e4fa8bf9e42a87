package unstablerecipients_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	unstablerecipients "github.com/waybill-dev/waybill/checks/unstable-recipients"
)

func TestCases(t *testing.T) { checktest.Run(t, unstablerecipients.Check) }
