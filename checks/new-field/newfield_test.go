package newfield_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	newfield "github.com/waybill-dev/waybill/checks/new-field"
)

func TestCases(t *testing.T) { checktest.Run(t, newfield.Check) }
