package fields_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/fields"
)

// Each row is found by its name, stands once, and does not contradict itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for f := range fields.Each {
		if seen[f.Name] || f.Name != strings.ToLower(f.Name) {
			t.Errorf("%s: stands twice, or not in lower case", f.Name)
		}
		seen[f.Name] = true
		if got := fields.Of(strings.Replace(f.Name, "*", "planted", 1)); got != f {
			t.Errorf("%s: found %+v instead", f.Name, got)
		}
		if f.Descriptive && (f.Routes || f.Protected || f.Owner != fields.Nobody) {
			t.Errorf("%s: what describes software does not say who receives", f.Name)
		}
		if (f.Kind == fields.Addresses || f.Kind == fields.List || f.Names) && !f.Protected {
			t.Errorf("%s: says who, and a user's mask reaches it", f.Name)
		}
		if f.Kind == fields.Addresses && f.Owner == fields.Nobody {
			t.Errorf("%s: nobody judges who it names", f.Name)
		}
	}
	if f := fields.Of("x-tenant"); f.Known() || f.Kind != fields.Value {
		t.Errorf("an unknown field is %+v", f)
	}
}

func TestPart(t *testing.T) {
	for _, c := range []struct {
		part, field, sub string
		owner            fields.Owner
	}{
		{"header/to", "to", "", fields.Role},
		{"header/to/name", "to", "name", fields.Nobody},
		{"header/to/lenient", "to", "lenient", fields.Role},
		{"header/from/lenient", "from", "lenient", fields.ReplyPath},
		{"message[0]/header/to/name", "to", "name", fields.Nobody},
		{"message[]/header/from", "from", "", fields.Nobody},
		{"header/x-mailer", "x-mailer", "", fields.Nobody},
		{"header/x-mc-bccaddress", "x-mc-*", "", fields.Nobody},
		{"header/list-unsubscribe", "list-unsubscribe", "", fields.Links},
		{"envelope/from", "envelope/from", "", fields.ReplyPath},
		{"envelope/route", "envelope/route", "", fields.Role},
		{"attachment[2]/header/content-type", "content-type", "", fields.Nobody},
		{"trailer/digest", "digest", "", fields.Nobody},
	} {
		f, sub, ok := fields.Part(c.part)
		if !ok || f.Name != c.field || sub != c.sub || fields.OwnerOf(c.part) != c.owner {
			t.Errorf("%s: %+v %q %v, owner %d", c.part, f, sub, ok, fields.OwnerOf(c.part))
		}
	}
	if f, _, _ := fields.Part("header/content-type/boundary"); !f.Descriptive {
		t.Error("a boundary is no description of what made it")
	}
	if f, _, _ := fields.Part("header/content-type"); f.Descriptive {
		t.Error("a media type describes what made it")
	}
	for _, part := range []string{"text", "body/$.header", "body/envelope/header/to", "html/title", "query/to"} {
		if f, _, ok := fields.Part(part); ok {
			t.Errorf("%s: belongs to %+v", part, f)
		}
	}
}
