package wordingchanged_test

import (
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	wordingchanged "github.com/waybill-dev/waybill/checks/wording-changed"
)

func TestCases(t *testing.T) { checktest.Run(t, wordingchanged.Check) }
