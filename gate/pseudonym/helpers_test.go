package pseudonym_test

import (
	"bytes"
	"testing"

	"github.com/waybill-dev/waybill/gate/pseudonym"
)

func cleaner(t testing.TB, change func(*pseudonym.Rules)) *pseudonym.Cleaner {
	t.Helper()
	r := pseudonym.Rules{Key: bytes.Repeat([]byte("k"), 32)}
	if change != nil {
		change(&r)
	}
	c, err := pseudonym.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
