package pseudonym_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// prose carries a text in the places that people read, and in which programs pass it on.
func prose(t testing.TB) map[string]func(text string) gate.Message {
	all := carriers(t)
	return map[string]func(string) gate.Message{
		"mail": func(s string) gate.Message {
			return gate.Message{Channel: "smtp", Body: []byte("Subject: x\r\n\r\n" + s + "\r\n\r\n" + staying)}
		},
		"mail in base64": func(s string) gate.Message {
			return gate.Message{Channel: "smtp", Body: []byte("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(s, "\r", "")+"\n"+staying)))}
		},
		"HTML": func(s string) gate.Message {
			return gate.Message{Channel: "smtp", Body: []byte("Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + strings.ReplaceAll(s, "\r\n", "<br>\r\n") + "</p><p>" + staying + "</p>")}
		},
		"JSON":  func(s string) gate.Message { return all["JSON leaf"]("text", s) },
		"form":  func(s string) gate.Message { return all["form"]("text", s) },
		"query": func(s string) gate.Message { return all["query"]("text", s) },
	}
}

// What a label calls a password, a log-in or a name is gone, in every place of a text.
func TestLabels(t *testing.T) {
	for text, gone := range map[string][]string{
		"Dear all,\r\n\r\nyour temporary password is Kranich-77x.":              {"kranich-77x", "kranich"},
		"Your one-time password: 918273":                                        {"918273"},
		"Your new passcode is: 7Kx2mQ.":                                         {"7kx2mq"},
		"Your password has been set to Kranich77.":                              {"kranich77"},
		"User name: wilmaq Password: kranichduck":                               {"wilmaq", "kranichduck"},
		"Login: wilmaq77 / PW: Kranich77, PIN-Code: 48213":                      {"wilmaq77", "kranich77", "48213"},
		"Einmalpasswort: Kranich77":                                             {"kranich77"},
		"PIN: 48213":                                                            {"48213"},
		"Your PIN is 48213. Keep it safe.":                                      {"48213"},
		"Password: quackpaddle\r\nSee you":                                      {"quackpaddle"},
		"Hello\r\n  * Password (temporary): zzTop9!\r\n":                        {"zztop9"},
		"Password:\r\n\r\n    Kranich77\r\n\r\nRegards":                         {"kranich77"},
		"Ihr neues Passwort lautet Kranich77.":                                  {"kranich77"},
		"Kennwort: Kranich77":                                                   {"kranich77"},
		"Votre mot de passe est Kranich77.":                                     {"kranich77"},
		"Mot de passe : Kranich77":                                              {"kranich77"},
		"Su contraseña es Kranich77":                                            {"kranich77"},
		"Your passphrase is \"Kranich77\"":                                      {"kranich77"},
		"User name: wq77kranich\r\nPassword: Kranich77":                         {"wq77kranich", "kranich77"},
		"Login: wilmaq\r\nregards":                                              {"wilmaq"},
		"Benutzername: wq77kranich":                                             {"wq77kranich"},
		"Patient: Quackenbush, Wilhelmina\r\n":                                  {"quackenbush", "wilhelmina"},
		"Customer: Wilhelmina Quackenbush\r\nthe parcel of Quackenbush is here": {"quackenbush", "wilhelmina"},
		"First name: Wilhelmina\r\nLast name: Quackenbush":                      {"quackenbush", "wilhelmina"},
		"Nachname: Quackenbush":                                                 {"quackenbush"},
		"Patient name: Ottokar Zwiebelfisch":                                    {"zwiebelfisch", "ottokar"},
		"My name is Ottokar Zwiebelfisch.":                                      {"zwiebelfisch", "ottokar"},
		"subject is CN=Ottokar Zwiebelfisch,OU=Staff,O=Clinic":                  {"zwiebelfisch", "ottokar"},
		"subject is /C=US/O=Clinic/CN=Zwiebelfisch Ottokar/emailAddress=x":      {"zwiebelfisch", "ottokar"},
		"dn: uid=ozwiebel7,ou=people,dc=example":                                {"ozwiebel7"},
		"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Zwiebelfisch;Ottokar;;;\r\nFN:Ottokar Zwiebelfisch\r\nEND:VCARD": {"zwiebelfisch", "ottokar"},
		"BEGIN:VCARD\r\nVERSION:4.0\r\nitem1.FN;CHARSET=UTF-8:Ottokar Zwiebelfisch\r\nEND:VCARD":          {"zwiebelfisch", "ottokar"},
		"ATTENDEE;CN=\"Ottokar Zwiebelfisch\";RSVP=TRUE:mailto:x":                                         {"zwiebelfisch", "ottokar"},
		"MSH|^~\\&|A|B|C|D|20261130||ADT^A01|1|P|2.5\r\nPID|1||77||Zwiebelfisch^Ottokar^^^Mr||19610615|M\r\nNK1|1|Quackenbush^Wilhelmina|SPO\r\nPV1|1|I|||||0148^Kranichfeld^Edeltraud": {
			"zwiebelfisch", "ottokar", "19610615", "quackenbush", "wilhelmina", "kranichfeld", "edeltraud"},
	} {
		for name, put := range prose(t) {
			if name == "HTML" && strings.Contains(text, "BEGIN:") || name == "HTML" && strings.HasPrefix(text, "MSH") {
				continue // their lines are lines
			}
			m := put(text)
			sweep(t, cleaner(t, nil), fmt.Sprintf("%q in %s", text, name), &m, gone)
		}
	}
}

// Labels of a page stand in cells of their own, and its scripts hold literals.
func TestLabelsOfPages(t *testing.T) {
	for page, gone := range map[string][]string{
		"<table><tr><th>Name</th><td>Wilhelmina Quackenbush</td></tr></table>":                   {"wilhelmina", "quackenbush"},
		"<dl><dt>Patient</dt><dd>Wilhelmina Quackenbush</dd><dt>Password</dt><dd>Kr77</dd></dl>": {"wilhelmina", "quackenbush", "kr77"},
		"<p><b>Password:</b> <code>Kranich77</code></p>":                                         {"kranich77"},
		"<script>var me={\"fullName\":\"Wilhelmina Quackenbush\"};</script>":                     {"wilhelmina", "quackenbush"},
	} {
		m := gate.Message{Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: text/html\r\n"), Body: []byte("<html>" + page + "<p>" + staying + "</p>")}
		sweep(t, cleaner(t, nil), page, &m, gone)
	}
}

// Words of templates beside such labels stay byte for byte.
func TestLabelsOfTemplatesStay(t *testing.T) {
	for _, text := range []string{
		"Forgot your password? Reset your password: https://app.shop.test/reset",
		"Your password is about to expire. Your password is case-sensitive.",
		"Password: required", "Password: at least 8 characters", "Your password must be 8-20 characters long", "Your password is 8-20 characters long.",
		"Your password was changed. Password changed: yesterday", "Password: {{password}}", "Password: ${PASSWORD}", "Password: ********", "Change your password: Settings",
		"User name: required", "Login: Click here", "Login: https://app.shop.test/login", "Name: Order Confirmation", "First name: required", "Your name is required.",
		"Customer: New Order", "Patient: Book Online Today", "Attention: New Prices", "Product name: Quackling Deluxe", "File name: Quarterly Review", "Shipping: DHL Express", "PIN: 4 digits", "Code: 48213", "Zip code: 48213", "Your password has been changed. Go to Settings2 now", "Your password was reset to protect you", "Note: password: hidden",
		"Password, PIN and code: see Settings", "User name: see Password: below",
		"<label>Password</label><input type=\"password\"><button>Sign in</button>",
		"<label>Password</label><input type=\"password\"><button>Submit</button>", "Password: <input name=p> <button>Proceed</button>", "<td>Password</td><td>Proceed</td>",
		"<th>Password</th><th>Status</th>", "<a href=\"/reset\">Forgot password</a> <a href=\"/help\">Help</a>",
		"mutation { add(password: $password, title: \"Password\") { id } }", "name=CN=Acme", "align=center cn=1", "N:1;2", "PID|1", "PID|1||2",
		`{"name":"color","value":"Deep Blue"}`, `{"id":"password","label":"Password","type":"password","required":true}`, `{"label":"Name","value":"Gift Card"}`, `{"key":"title","value":"Second Order"}`,
		`{"op":"replace","path":"/status","value":"shipped"}`, `{"question":"Size","answer":"Large"}`,
	} {
		for name, put := range prose(t) {
			m := put(text)
			was := string(m.Head) + string(m.Body)
			if err := cleaner(t, nil).Message(&m); err != nil {
				t.Errorf("%s in %s is refused: %v", text, name, err)
			}
			if is := string(m.Head) + string(m.Body); is != was {
				t.Errorf("%s: %q became\n%s", name, text, is)
			}
		}
		m := gate.Message{Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/json\r\n"), Body: []byte(text)}
		if err := cleaner(t, nil).Message(&m); err != nil || strings.HasPrefix(text, "{") && string(m.Body) != text {
			t.Errorf("%s became %s: %v", text, m.Body, err)
		}
	}
}

// A name that was learnt is gone in its joined spellings everywhere in the recording.
func TestLearntNamesJoined(t *testing.T) {
	c := cleaner(t, nil)
	first := gate.Stimulus{Channel: "http", Key: "a", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/json\r\n"), Body: []byte(`{"fullName":"Wilhelmina Quackenbush"}`)}
	if err := c.Stimulus(&first, nil); err != nil {
		t.Fatal(err)
	}
	part := func(disposition string) gate.Message {
		return gate.Message{Channel: "http", Head: []byte("POST /f HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"),
			Body: []byte("--b\r\nContent-Disposition: form-data; name=\"doc\"; " + disposition + "\r\nContent-Type: application/pdf\r\n\r\n%PDF-1\r\n--b--\r\n" + staying)}
	}
	for name, m := range map[string]gate.Message{
		"slug":             {Channel: "http", Head: []byte("GET /of/wilhelmina-quackenbush/orders HTTP/1.1\r\n"), Body: []byte(staying)},
		"slug, reversed":   {Channel: "http", Head: []byte("GET /of/quackenbush_wilhelmina HTTP/1.1\r\n"), Body: []byte(staying)},
		"path of a file":   {Channel: "http", Head: []byte("GET /docs/Quackenbush_Wilhelmina_results.pdf HTTP/1.1\r\n"), Body: []byte(staying)},
		"search":           {Channel: "http", Head: []byte("GET /search?q=Wilhelmina+Quackenbush HTTP/1.1\r\n"), Body: []byte(staying)},
		"search, by words": {Channel: "http", Head: []byte("GET /search?q=quackenbush%20wilhelmina HTTP/1.1\r\n"), Body: []byte(staying)},
		"file":             part("filename=\"Wilhelmina_Quackenbush.csv\""),
		"file, coded":      part("filename*=UTF-8''Wilhelmina%20Quackenbush.csv"),
		"file, dotted":     part("filename=\"quackenbush.wilhelmina.csv\""),
		"joined":           {Channel: "http", Head: []byte("GET /of/WilhelminaQuackenbush HTTP/1.1\r\n"), Body: []byte(staying)},
		"joined in case":   {Channel: "http", Head: []byte("GET /of/wilhelminaquackenbush/x?u=quackenbushwilhelmina HTTP/1.1\r\n"), Body: []byte(staying)},
	} {
		sweep(t, c, name, &m, []string{"wilhelmina", "quackenbush"})
	}
}

// Among people, a path and a search give names by themselves.
func TestPathsOfPeople(t *testing.T) {
	for _, target := range []string{"/users/wilhelmina-quackenbush/orders", "/patients?search=" + url.QueryEscape("Wilhelmina Quackenbush"), "/customers/search?q=Quackenbush%2C+Wilhelmina"} {
		m := gate.Message{Channel: "http", Head: []byte("GET " + target + " HTTP/1.1\r\n"), Body: []byte(staying)}
		sweep(t, cleaner(t, nil), target, &m, []string{"wilhelmina", "quackenbush"})
	}
	for _, target := range []string{"/users/forgot-password", "/users/bulk-upload", "/account/max-usage", "/users?sort=Last+Name", "/search?q=Blue+Quackling"} {
		m := gate.Message{Channel: "http", Head: []byte("GET " + target + " HTTP/1.1\r\n")}
		if err := cleaner(t, nil).Message(&m); err != nil || string(m.Head) != "GET "+target+" HTTP/1.1\r\n" {
			t.Errorf("%s became %s: %v", target, m.Head, err)
		}
	}
}

// Fields of forms and of proxies by whose names somebody is known.
func TestNamesOfFields(t *testing.T) {
	for name, m := range map[string]gate.Message{
		"controls":        {Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"), Body: []byte("txtFirst=Wilhelmina&txtLast=Quackenbush&note=" + url.QueryEscape(staying))},
		"one control":     {Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"), Body: []byte("inputLastName=Quackenbush&txtfname=Wilhelmina&note=" + url.QueryEscape(staying))},
		"pieces":          {Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"), Body: []byte("first=Wilhelmina&last=Quackenbush&note=" + url.QueryEscape(staying))},
		"remote user":     {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Remote-User: wilhelmina.quackenbush\r\n"), Body: []byte(staying)},
		"forwarded user":  {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Forwarded-User: quackenbush_wilhelmina\r\n"), Body: []byte(staying)},
		"requesting user": {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Auth-Request-User: wilhelmina-quackenbush\r\n"), Body: []byte(staying)},
		"certificate":     {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Client-Dn: CN=Wilhelmina Quackenbush,OU=Staff,O=Clinic\r\n"), Body: []byte(staying)},
		"spaced":          {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nSsl-Client-S-Dn: O = Clinic, CN = Wilhelmina Quackenbush\r\n"), Body: []byte(staying)},
		"escaped comma":   {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Client-Dn: CN=Quackenbush\\, Wilhelmina,OU=Staff\r\n"), Body: []byte(staying)},
		"Envoy":           {Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Forwarded-Client-Cert: Hash=ab;Subject=\"/C=US/CN=Wilhelmina Quackenbush\"\r\n"), Body: []byte(staying)},
	} {
		sweep(t, cleaner(t, nil), name, &m, []string{"wilhelmina", "quackenbush"})
	}
}
