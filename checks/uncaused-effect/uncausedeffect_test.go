package uncausedeffect_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	uncausedeffect "github.com/waybill-dev/waybill/checks/uncaused-effect"
)

func TestCases(t *testing.T) { checktest.Run(t, uncausedeffect.Check) }
