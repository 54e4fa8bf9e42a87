package cacheabilitychanged_test

import (
	"testing"

	cacheabilitychanged "github.com/waybill-dev/waybill/checks/cacheability-changed"
	"github.com/waybill-dev/waybill/checks/checktest"
)

func TestCases(t *testing.T) { checktest.Run(t, cacheabilitychanged.Check) }
