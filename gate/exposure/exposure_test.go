package exposure_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

func person(name string) gate.Recipient {
	return gate.Recipient{Kind: gate.Mail, Address: name + "@example.org", Role: gate.Envelope}
}

func text(s string) []gate.Part  { return []gate.Part{{Name: "text", Kind: gate.Text, Value: s}} }
func value(s string) []gate.Part { return []gate.Part{{Name: "query/dl", Kind: gate.Value, Value: s}} }

// found lists the facts of parts as "kind value layers".
func found(parts []gate.Part) []string {
	var out []string
	exposure.In(parts, func(f *exposure.Found) {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Kind, f.Value(), f.Layers)))
	})
	return out
}

func zip(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func TestFactsAreFoundThroughLayers(t *testing.T) {
	const address = "Ann.Lee+x@example.org"
	tests := []struct{ name, in, want string }{
		{"bare", "write to Ann.Lee+x@Example.ORG.", "address Ann.Lee+x@example.org"},
		{"case of the local part is kept", "ann.lee+x@example.org", "address ann.lee+x@example.org"},
		{"percent", url.QueryEscape(address), "address Ann.Lee+x@example.org percent"},
		{"percent twice", url.QueryEscape(url.QueryEscape(address)), "address Ann.Lee+x@example.org percent percent"},
		{"base64", base64.StdEncoding.EncodeToString([]byte(address)), "address Ann.Lee+x@example.org base64"},
		{"base64url without padding", base64.RawURLEncoding.EncodeToString([]byte("?>" + address)), "address >Ann.Lee+x@example.org base64"},
		{"hex", hex.EncodeToString([]byte(address)), "address Ann.Lee+x@example.org hex"},
		{"gzip in base64", base64.StdEncoding.EncodeToString([]byte(zip(address))), "address Ann.Lee+x@example.org base64 gzip"},
		{"JSON in a query in a URL", "https://x.example/p?d=" + url.QueryEscape(`{"mail":"`+address+`"}`), "address Ann.Lee+x@example.org url"},
		{"search term in a URL", "https://portal.example/search?q=kidney%20stones&p=2", "value kidney stones url"},
		{"SHA-256", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f", "digest 62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"},
		{"telephone", "Call (510) 555-0100 now", "phone 5105550100"},
		{"telephone with plus", "+1 510.555.0100", "phone 15105550100"},
		{"record number", "record MRN-70012", "number mrn-70012"},
		{"phrase", "Take Two Pills", "phrase take two pills"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := found(value(test.in)); !slices.Contains(got, test.want) && !slices.Contains(got, strings.Replace(test.want, ">", "", 1)) {
				t.Errorf("facts in %q: %q, want %q", test.in, got, test.want)
			}
		})
	}
	for _, quiet := range []string{"20000802", "a 12 b 34", "version 1.2.3.4567890.1.2.3.4.5.6"} {
		for _, f := range found(text(quiet)) {
			if strings.HasPrefix(f, "phone") {
				t.Errorf("%q gave %q", quiet, f)
			}
		}
	}
}

// ask shows the index a production run and asks whose facts d holds.
func ask(production map[string]string, d exposure.Delivery) []string {
	o := exposure.NewOwners()
	exposure.In(d.After, o.Want)
	names := make([]string, 0, len(production))
	for name := range production {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o.Hold([]gate.Recipient{person(name)}, text(production[name]))
	}
	var out []string
	for _, e := range o.Exposed(d) {
		s := e.Owner.Address
		if e.Own {
			s += " own"
		}
		if e.New {
			s += " new"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestWhoseFacts(t *testing.T) {
	production := map[string]string{
		"ann":        "Dear Ann, your account 770001 is fine. Regards, the portal team",
		"bob":        "Dear Bob, your account 770002 is fine. Regards, the portal team. Family line 510-555-0199",
		"cat":        "Dear Cat, your account 770003 is fine. Regards, the portal team. Family line 510-555-0199",
		"john_smith": "Dear John, hello",
	}
	tests := []struct {
		name  string
		after []gate.Part
		to    string
		want  []string
	}{
		{"another's number", text("account 770002"), "ann", []string{"bob@example.org new"}},
		{"one's own", text("account 770001"), "ann", []string{"ann@example.org own new"}},
		{"what all have", text("Regards, the portal team"), "john_smith", nil},
		{"what two share, to a third", text("Family line 510-555-0199"), "ann", []string{"bob@example.org new", "cat@example.org new"}},
		{"what two share, to one of them", text("Family line 510-555-0199"), "cat", nil},
		{"nobody's", text("a text that nobody was sent before 990009"), "ann", nil},
		{"a telephone number in another form", text("call +1 510-555-0199"), "ann", []string{"bob@example.org new", "cat@example.org new"}},
		{"words alone are no evidence", text("hello"), "ann", nil},
		{"an address is its owner's, whoever was sent it", text("bob@example.org"), "ann", []string{"bob@example.org new"}},
		{"a digest of an address", value("7d5a9b2c62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"), "ann", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ask(production, exposure.Delivery{To: person(test.to), After: test.after}); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A mail to a ward goes to two nurses, and with a release to an archive as well. Others
// have had mail of the same sender on the same day: these named them beside the nurses,
// whose mail it is, because the sender stands before the record.
func TestSharedFactsNameWhoseBodyItIs(t *testing.T) {
	const body = "From desk@ward.example, 4 March at noon: record 770044 is yours."
	production := map[string]string{
		"nurse.a": body, "nurse.b": body,
		"cat": "From desk@ward.example, 4 March at noon: come in.",
		"dan": "From desk@ward.example, 4 March at noon: call us.",
		"eve": "Seen on 4 March at noon.",
	}
	nurses := []string{"nurse.a@example.org new", "nurse.b@example.org new"}
	for _, c := range []struct {
		name    string
		after   string
		origins []gate.Recipient
		want    []string
	}{
		{"the body is known", body, []gate.Recipient{person("nurse.a"), person("nurse.b")}, nurses},
		{"the body is not known, and the rarest facts are theirs", body, nil, nurses},
		{"what most hold is nobody's", "4 March at noon", nil, nil},
		{"what nobody held alone is of all who did", "at noon: record", nil, nurses},
		{"even where it is somebody's body", "4 March at noon", []gate.Recipient{person("eve")}, nil},
		{"an address is its owner's in any body", "Seen on 4 March at noon. cat@example.org", []gate.Recipient{person("eve")}, []string{"cat@example.org new", "eve@example.org new"}},
	} {
		if got := ask(production, exposure.Delivery{To: person("archive"), After: text(c.after), Origins: c.origins}); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// The published test vector of a tracker's advanced matching: the address of a
// recipient leaves as its SHA-256.
func TestDigestOfAnAddress(t *testing.T) {
	const vector = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
	o := exposure.NewOwners()
	after := []gate.Part{{Name: "query/ud[em]", Kind: gate.Value, Value: vector}}
	exposure.In(after, o.Want)
	who := gate.Recipient{Kind: gate.Mail, Address: "john_smith@gmail.com", Role: gate.Envelope}
	o.Hold([]gate.Recipient{who}, text("Hello"))
	tracker := gate.Recipient{Kind: gate.Host, Address: "www.facebook.example", Role: gate.Party}
	got := o.Exposed(exposure.Delivery{To: tracker, After: after})
	if len(got) != 1 || got[0].Owner.Address != who.Address || got[0].Sample[0].Kind != gate.FactDigest {
		t.Errorf("got %+v, want the owner of the digest", got)
	}
}

func TestSearchTermOfAStimulus(t *testing.T) {
	o := exposure.NewOwners()
	after := value("https://portal.example/search?q=diabetes")
	exposure.In(after, o.Want)
	for i := range 20 {
		q := fmt.Sprintf("term%d", i)
		if i == 7 {
			q = "diabetes"
		}
		o.Hold([]gate.Recipient{{Kind: gate.Other, Address: fmt.Sprintf("member-%d", i)}}, []gate.Part{{Name: "query/q", Kind: gate.Value, Value: q}})
	}
	got := o.Exposed(exposure.Delivery{To: gate.Recipient{Kind: gate.Host, Address: "bat.bing.example"}, After: after, Stimuli: true})
	if len(got) != 1 || got[0].Owner.Address != "member-7" || !got[0].Stimuli {
		t.Errorf("got %+v, want member-7", got)
	}
}

func FuzzFacts(f *testing.F) {
	for _, s := range []string{"a@b.example", "%41%2541", "aGVsbG8gd29ybGQ=", "+1 510 555 0100", "https://x/?a=b&c", "\xff\x00@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		exposure.In(value(s), func(*exposure.Found) { n++ })
		if n > 64*(len(s)+1) {
			t.Errorf("%d facts in %d bytes", n, len(s))
		}
	})
}
