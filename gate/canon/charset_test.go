package canon_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-message/charset"

	"github.com/waybill-dev/waybill/gate/canon"
)

// ASCII in a charset of one byte a character is not decoded, but only where there is
// such a charset and its lower half is ASCII.
func TestASCIIInOtherCharsets(t *testing.T) {
	ascii := make([]byte, 0, 128)
	for c := range byte(0x80) {
		ascii = append(ascii, c)
	}
	known := 0
	for _, family := range []string{"iso-8859-", "windows-125", "ISO-8859-", "Windows-125"} {
		for n := range 20 {
			label := fmt.Sprint(family, n)
			r, err := charset.Reader(label, strings.NewReader(string(ascii)))
			form := message(newCanon(t, canon.Options{}), payload("text/plain; charset="+label, "", []byte("words")))
			unknown := strings.Contains(fmt.Sprint(form.Parts), "unknown-charset")
			if unknown != (err != nil) {
				t.Errorf("%s: unknown is %v, and opening it gives %v", label, unknown, err)
			}
			if err != nil {
				continue
			}
			known++
			if text, err := io.ReadAll(r); err != nil || string(text) != string(ascii) {
				t.Errorf("%s: its lower half is %q (%v)", label, text, err)
			}
		}
	}
	if known < 40 {
		t.Errorf("%d of these charsets are known: the test tests nothing", known)
	}
}
