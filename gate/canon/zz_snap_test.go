package canon_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate/canon"
)

func TestZZSnap(t *testing.T) {
	out := os.Getenv("SNAP")
	if out == "" {
		t.Skip()
	}
	f, _ := os.Create(out)
	defer f.Close()
	for k, c := range []*canon.Canon{newCanon(t, canon.Options{}), newCanon(t, canon.Options{Limits: canon.Limits{Depth: 4, Bytes: 1 << 14, Parts: 20}})} {
		files, _ := filepath.Glob("testdata/golden/*.*")
		for _, file := range files {
			if filepath.Ext(file) == ".parts" {
				continue
			}
			data, _ := os.ReadFile(file)
			form := message(c, readCase(t, file, data))
			fmt.Fprintf(f, "%d %s %x %x\n", k, file, sha256.Sum256([]byte(show(&form))), form.ContentDigest())
		}
		for i, raw := range archive(t) {
			for _, s := range []string{string(raw), crlf(string(raw))} {
				form := message(c, mail(s))
				fmt.Fprintf(f, "%d %d %x %x\n", k, i, sha256.Sum256([]byte(show(&form))), form.ContentDigest())
			}
			// mangled, so that rare paths are met
			m := []byte(raw)
			for j := 0; j < len(m); j += 97 + i%31 {
				m[j] ^= byte(1 << (uint(i+j) % 8))
			}
			form := message(c, mail(string(m)))
			fmt.Fprintf(f, "%d m%d %x %x\n", k, i, sha256.Sum256([]byte(show(&form))), form.ContentDigest())
			form = message(c, payload("text/html", "", m))
			fmt.Fprintf(f, "%d h%d %x %x\n", k, i, sha256.Sum256([]byte(show(&form))), form.ContentDigest())
		}
	}
}
