package decode_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/decode"
)

// For whose keys a letter is encrypted is told, of keys of both kinds: RSA, to which a key is
// transported, and elliptic curves, with which it is agreed.
func TestCMSNamesRecipients(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	run := func(args ...string) {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "letter"), []byte("Come on Monday."), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]string{
		"rsa": {"-newkey", "rsa:2048"},
		"ec":  {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"},
	} {
		encrypt := []string{"cms", "-encrypt", "-aes256", "-in", "letter", "-outform", "DER", "-out", name}
		for _, who := range []string{"osric", "tamsin"} {
			run(append(append([]string{"req", "-x509"}, key...), "-nodes", "-subj", "/CN="+name+" "+who, "-keyout", who+".key", "-out", name+who)...)
			encrypt = append(encrypt, name+who)
		}
		run(encrypt...)
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		if err := decode.Open(decode.CMS, data, &decode.Budget{Bytes: 1 << 20, Ratio: 100}, func(l decode.Leaf) {
			if strings.HasPrefix(l.Name, "recipient[") {
				told = append(told, string(l.Data))
			}
		}); err != nil {
			t.Fatal(err)
		}
		if len(told) != 2 || !strings.Contains(told[0], name+" osric") || !strings.Contains(told[1], name+" tamsin") {
			t.Errorf("%s: recipients are %q", name, told)
		}
	}
}
