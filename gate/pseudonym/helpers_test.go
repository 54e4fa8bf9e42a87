package pseudonym_test

import (
	"bytes"

	"github.com/waybill-dev/waybill/gate/pseudonym"
)

func cleaner(t fatal, change func(*pseudonym.Rules)) *pseudonym.Cleaner {
	t.Helper()
	r := pseudonym.Rules{Key: bytes.Repeat([]byte("k"), 32)}
	if change != nil {
		change(&r)
	}
	c, err := pseudonym.New(r)
	if err != nil {
		t.Fatalf("make a cleaner: %v", err)
	}
	return c
}
