package gate_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

func TestReadsAsRecipient(t *testing.T) {
	for value, want := range map[string]string{
		"nurse@ward.example":                     "mail:nurse@ward.example",
		" Nurse.One@Ward.Example\n":              "mail:Nurse.One@ward.example",
		"Ward 3 <nurse@ward.example>":            "mail:nurse@ward.example",
		`"night shift"@ward.example`:             `mail:"night shift"@ward.example`,
		"mailto:nurse@ward.example?subject=x":    "mail:nurse@ward.example",
		"nurse@[192.0.2.7]":                      "mail:nurse@[192.0.2.7]",
		"+1 (510) 555-0142":                      "tel:+15105550142",
		"(+49) 30 5550142":                       "tel:+49305550142",
		"tel:+15105550142":                       "tel:+15105550142",
		"whatsapp:+15105550142":                  "tel:+15105550142",
		"https://Hooks.Example:8443/t/1?x=a@b.c": "host:hooks.example:8443",
		"postgres://u:p@db.example/x":            "host:db.example",
		"wss://hooks.example":                    "host:hooks.example",

		"":                         "",
		"hello":                    "",
		"package@1.2.3":            "",
		"nurse@ward":               "",
		"a@b.example and more":     "",
		"a@b.example, c@d.example": "",
		"15105550142":              "",
		"+1510":                    "",
		"+1234567890123456":        "",
		"hooks.example":            "",
		"report.pdf":               "",
		"<8a1c@ward.example>":      "",
		"10:30//x":                 "",
		"tel:5550142":              "",
		"https:///x":               "",
		"//hooks.example/x":        "",
	} {
		r, ok := gate.ReadsAsRecipient(value)
		got := ""
		if ok {
			got = r.String()
		}
		if got != want {
			t.Errorf("ReadsAsRecipient(%q) = %q, want %q", value, got, want)
		}
	}
}

func FuzzReadsAsRecipient(f *testing.F) {
	for _, s := range []string{"a@b.example", "<a@b.example>", "+15105550142", "https://a@b:9/", "tel:", "mailto:?", "@:", "::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, ok := gate.ReadsAsRecipient(value)
		if !ok {
			return
		}
		again, err := gate.ParseRecipient(r.String())
		if err != nil || again != r {
			t.Errorf("ReadsAsRecipient(%q) = %v, which is not canonical: %v", value, r, err)
		}
	})
}
