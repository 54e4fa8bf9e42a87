package classvanished_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	classvanished "github.com/waybill-dev/waybill/checks/class-vanished"
)

func TestCases(t *testing.T) { checktest.Run(t, classvanished.Check) }
