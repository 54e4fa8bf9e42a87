package http_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waybill-dev/waybill/gate/channel/http"
)

func TestReadCapped(t *testing.T) {
	failed := errors.New("broken")
	ten := func() io.Reader { return strings.NewReader("0123456789") }
	tests := []struct {
		name               string
		r                  io.Reader
		hint, limit, drain int64
		body               string
		cut                int64
		err                error
	}{
		{"whole", ten(), -1, 20, 5, "0123456789", 0, nil},
		{"whole, announced", ten(), 10, 20, 5, "0123456789", 0, nil},
		{"exactly the cap", ten(), 10, 10, 5, "0123456789", 0, nil},
		{"one beyond", ten(), 10, 9, 5, "012345678", 1, nil},
		{"all that may be drained", ten(), -1, 4, 6, "0123", 6, nil},
		{"more than may be drained", ten(), -1, 4, 5, "0123", 6, http.ErrEndless},
		{"drained without limit", ten(), -1, 1, -1, "0", 9, nil},
		{"nothing", strings.NewReader(""), 0, 10, 5, "", 0, nil},
		{"byte by byte", iotest.OneByteReader(ten()), -1, 9, 5, "012345678", 1, nil},
		{"data with the end", iotest.DataErrReader(ten()), 10, 10, 5, "0123456789", 0, nil},
		{"breaks", io.MultiReader(ten(), iotest.ErrReader(failed)), -1, 20, 5, "0123456789", 0, failed},
		{"breaks beyond the cap", io.MultiReader(ten(), iotest.ErrReader(failed)), -1, 8, 5, "01234567", 2, failed},
		{"announces far too much", ten(), 1 << 40, 1 << 40, 5, "0123456789", 0, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body, cut, err := http.ReadCapped(test.r, test.hint, test.limit, test.drain)
			if string(body) != test.body || cut != test.cut || !errors.Is(err, test.err) {
				t.Errorf("%q, cut %d, %v", body, cut, err)
			}
			if cap(body) > 1<<20 {
				t.Errorf("%d bytes were made ready for %d", cap(body), len(body))
			}
		})
	}
}
