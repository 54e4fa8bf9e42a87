package pseudonym_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

func posted(t *testing.T, c *pseudonym.Cleaner, key, kind, body string) string {
	t.Helper()
	s := gate.Stimulus{Channel: "http", Key: key, Head: []byte("POST /x HTTP/1.1\r\nHost: shop.example\r\nContent-Type: " + kind + "\r\n"), Body: []byte(body)}
	if err := c.Stimulus(&s, nil); err != nil {
		t.Fatalf("%s is refused: %v", body, err)
	}
	return string(s.Body)
}

// A name in a script without spaces between words, or with particles before them, is gone from
// the text that it stands within, where it was declared, learnt, or learnt in parts.
func TestNamesWithinText(t *testing.T) {
	for _, c := range []struct {
		name, body string
		said       map[string][]string // text, and what of it may not be left
		stays      string
	}{
		{"Chinese", `{"姓名":"柳青莲","email":"q@kunde.example"}`, map[string][]string{"患者柳青莲发烧": {"柳", "青莲"}, "青莲今天来": {"青莲"}, "尊敬的柳女士": {"柳"}}, "今天天气很好"},
		{"Chinese, of two", `{"姓名":"柳青","email":"q@kunde.example"}`, map[string][]string{"患者柳青发烧": {"柳青"}}, "今天天气很好"},
		{"Chinese, in parts", `{"lastName":"欧阳","firstName":"远山"}`, map[string][]string{"致欧阳远山的信": {"欧阳", "远山"}}, "今天天气很好"},
		{"Chinese, short parts", `{"lastName":"柳","firstName":"莲"}`, map[string][]string{"患者柳莲发烧": {"柳莲"}, "柳 莲": {"柳", "莲"}, "尊敬的柳先生": {"柳"}}, "今天天气很好"},
		{"Japanese", `{"lastName":"長谷川","firstName":"さくら"}`, map[string][]string{"長谷川さくら様": {"長谷川", "さくら"}, "長谷川　さくら": {"長谷川", "さくら"}}, "今日は晴れです"},
		{"Korean", `{"lastName":"남","firstName":"보람"}`, map[string][]string{"남보람님 안녕하세요": {"남보람"}, "보람이는": {"보람"}, "남 과장님": {"남 과"}, norm.NFD.String("남보람님"): {norm.NFD.String("남보람")}}, "안녕하세요"},
		{"Arabic", `{"lastName":"القحطاني","firstName":"عبدالرحمن"}`, map[string][]string{"وعبدالرحمن هنا": {"عبدالرحمن"}, "كتاب لعبدالرحمن": {"عبدالرحمن"}, "وبالقحطاني": {"القحطاني"}, "للقحطاني": {"قحطاني"}}, "السلام عليكم"},
		{"Hebrew", `{"lastName":"אברמוביץ","firstName":"רחל"}`, map[string][]string{"לאברמוביץ": {"אברמוביץ"}}, "שלום לכולם"},
		{"Thai", `{"lastName":"ศรีสุวรรณ","firstName":"สมชาย"}`, map[string][]string{"คุณสมชายมาแล้ว": {"สมชาย"}}, "สวัสดีครับ"},
	} {
		for said, gone := range c.said {
			cl := cleaner(t, nil)
			posted(t, cl, "s", "application/json", c.body)
			is := posted(t, cl, "s", "application/json", `{"t":"`+said+`. `+c.stays+`"}`)
			for _, g := range gone {
				if strings.Contains(is, g) {
					t.Errorf("%s: of %s, %s became %s", c.name, c.body, said, is)
				}
			}
			if !strings.Contains(is, c.stays) || !utf8.ValidString(is) {
				t.Errorf("%s: %s became %s", c.name, c.stays, is)
			}
		}
	}
}

// Declared and full names act over the whole recording in such scripts too.
func TestNamesWithinTextEverywhere(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.Names = []string{"json/$.insured"} })
	posted(t, c, "a", "application/json", `{"insured":"柳青"}`)
	posted(t, c, "a", "application/json", `{"insured":"عبدالرحمن"}`)
	posted(t, c, "a", "application/json", `{"lastName":"남","firstName":"보람"}`)
	for said, gone := range map[string]string{"患者柳青发烧": "柳青", "남보람님": "남보람", "وعبدالرحمن، هنا": "عبدالرحمن"} {
		if is := posted(t, c, "b", "application/json", `{"t":"`+said+`"}`); strings.Contains(is, gone) {
			t.Errorf("%s became %s", said, is)
		}
	}
}

// What a program makes of the pseudonyms of the parts of such a name is the pseudonym of the
// whole, in any charset that the whole is written in.
func TestNamesPutTogether(t *testing.T) {
	c := cleaner(t, nil)
	for _, name := range [][2]string{{"柳", "青莲"}, {"長谷川", "さくら"}, {"남", "보람"}} {
		is := posted(t, c, "a", "application/json", `{"lastName":"`+name[0]+`","firstName":"`+name[1]+`"}`)
		last := strings.Split(strings.TrimPrefix(is, `{"lastName":"`), `"`)[0]
		first := strings.Split(is, `"`)[7]
		if last == name[0] || first == name[1] {
			t.Errorf("%v became %s", name, is)
		}
		for _, form := range []string{`{"fullName":"%"}`, `{"t":"to % today"}`} {
			is, want := posted(t, c, "a", "application/json", strings.Replace(form, "%", name[0]+name[1], 1)), strings.Replace(form, "%", last+first, 1)
			if is != want {
				t.Errorf("%v in %s became %s, want %s", name, form, is, want)
			}
		}
	}
	for label, name := range map[string]string{"gb2312": "柳青莲", "big5": "陳美玲", "shift_jis": "長谷川さくら", "iso-2022-jp": "渡辺太郎", "euc-kr": "김보람"} {
		e, err := htmlindex.Get(label)
		if err != nil {
			t.Fatal(err)
		}
		body, err := e.NewEncoder().String("to " + name + ".")
		if err != nil {
			t.Fatal(err)
		}
		word := "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?="
		m := gate.Message{Channel: "smtp", Body: []byte("To: " + word + " <q@kunde.example>\r\nContent-Type: text/plain; charset=" + label + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(body)))}
		if err := c.Message(&m); err != nil {
			t.Errorf("%s: %v", label, err)
			continue
		}
		_, raw, _ := strings.Cut(string(m.Body), "\r\n\r\n")
		if is := decoded(t, e, raw); strings.Contains(is, name) || !strings.HasPrefix(is, "to ") || len([]rune(is)) != len([]rune(name))+4 {
			t.Errorf("%s: %s became %s", label, name, is)
		}
	}
}

func decoded(t *testing.T, e encoding.Encoding, raw string) string {
	t.Helper()
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.NewDecoder().String(string(plain))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
