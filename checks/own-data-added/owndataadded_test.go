package owndataadded_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	owndataadded "github.com/waybill-dev/waybill/checks/own-data-added"
)

func TestCases(t *testing.T) { checktest.Run(t, owndataadded.Check) }
