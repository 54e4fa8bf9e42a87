package pseudonym_test

import (
	"net/url"
	"strings"
	"testing"
)

// What a field called "name" holds is somebody's where what stands around it says so, in one
// word, in lower case and in scripts without case too; the names of things stay.
func TestPlainNames(t *testing.T) {
	const js, form, xml = "application/json", "application/x-www-form-urlencoded", "application/xml"
	for _, name := range []string{"Quackenbush", "zelda quackenbush", "柳青莲", "남보람", "長谷川　さくら", "عبدالرحمن"} {
		esc := url.QueryEscape(name)
		for _, c := range [][2]string{
			{js, `{"name":"%","email":"q@kunde.example"}`},
			{js, `{"name":"%","phone":"+49 171 2345678"}`},
			{js, `{"name":"%","dob":"1971-03-04"}`},
			{js, `{"name":"%","street":"Elm 1","zip":"12345"}`},
			{js, `{"billing_details":{"name":"%","x":1}}`},
			{js, `{"shippingAddress":{"name":"%"}}`},
			{js, `{"ship_to":{"address":{"name":"%"}}}`},
			{js, `{"customer":{"attributes":{"name":"%"}}}`},
			{js, `{"users":[{"details":{"name":"%"}}]}`},
			{js, `{"пациент":{"имя":"%"}}`},
			{js, `{"고객":{"이름":"%"}}`},
			{js, `{"الاسم الكامل":"%"}`},
			{js, `{"الاسم":"%","رقم الجوال":"0501234567"}`},
			{js, `{"성명":"%"}`},
			{js, `{"氏名":"%"}`},
			{js, `{"フリガナ":"%"}`},
			{js, `{"שם משפחה":"%"}`},
			{form, "name=%&street=Elm"},
			{form, "name=%&phone=01712345678"},
			{xml, "<order><customer><id>1</id><name>%</name></customer></order>"},
		} {
			body := strings.ReplaceAll(c[1], "%", name)
			if c[0] == form {
				body = strings.ReplaceAll(c[1], "%", esc)
			}
			is := posted(t, cleaner(t, nil), "s", c[0], body)
			for _, left := range []string{name, esc, "uackenbush", "青莲", "さくら"} {
				if strings.Contains(is, left) {
					t.Errorf("%s became %s", body, is)
					break
				}
			}
		}
	}
	for _, body := range []string{`{"patient":"柳青莲"}`, `{"name":"長谷川　さくら"}`, `{"患者":"柳青莲"}`} {
		if is := posted(t, cleaner(t, nil), "s", js, body); strings.Contains(is, "柳") || strings.Contains(is, "川") {
			t.Errorf("%s became %s", body, is)
		}
	}
	for _, body := range []string{`{"name":"Basic plan","price":"9.00"}`, `{"customer":{"plan":{"name":"Basic plan"}}}`, `{"name":"基本套餐","price":9}`, `{"이름":"요금제","가격":9}`,
		`{"name":"Standard","address":"Elm 1"}`, `{"customer":"acme","name":"widget"}`, `{"products":[{"name":"quackling deluxe","sku":"a1"}]}`, `{"user":{"role":{"name":"editor"}}}`} {
		if is := posted(t, cleaner(t, nil), "s", js, body); is != body {
			t.Errorf("%s became %s", body, is)
		}
	}
}
