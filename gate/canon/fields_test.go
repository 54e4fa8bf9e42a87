package canon_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/fields"
)

// frames are the forms in which header fields come, "%" for what somebody wrote there.
var frames = []string{
	"%", "% %", "<%@%.example>", "<%@%.example> %", "%@%.example", "% <%@%.example> (%)", `"%" <%@%.example>`, "%: %@%.example, %;", "<%@%.example (%)>", "% (%)", "<@%.example:%@x.example>",
	"Mon, 1 Jan 2024 00:00:00 +0000", "Mon, 1 Jan 2024 00:00:00 +0000 (%)", "Mon, 1 Jan 2024 00:00:00 +0000 %",
	"from % by % with ESMTP id % for <%@%.example>; Mon, 1 Jan 2024 00:00:00 +0000", "from % (% [192.0.2.1]) by % (%) with % id % via %; %",
	"(envelope-from <%@%.example>) by x; Mon, 1 Jan 2024 00:00:00 +0000",
	"v=1; a=rsa-sha256; d=%.example; i=%@%.example; s=%; h=from:%; bh=%; b=%; %=%; %", "i=1; cv=%; t=%; x=%; l=%; q=%; c=%/%; z=%",
	"%; spf=pass (%) smtp.mailfrom=%@%.example; dkim=% header.d=%.example header.b=%; %=%", "pass (%) client-ip=%; envelope-from=%; %",
	"multipart/mixed; boundary=%; %=% (%)", `text/plain; charset="utf-8" %; format=%; delsp=%; name="%"`, `attachment; filename=%; creation-date="%"; %`,
	"1.0 (%)", "1.0 %", "7bit (%)", "%; 7bit", "base64 %", "<https://%.example/%>, <mailto:%@%.example>, %", "Root=%;Parent=%", "%=%,%=%", "00-%-%-01", "<%>", "%/%/%", "{%}",
	"app/1.0\rBcc: %@%.example", "app/1.0\r% %", "=?utf-8?q?%?= <%@%.example>",
}

// values are of the kinds that somebody can write: words, record numbers, ids.
var values = rapid.OneOf(
	rapid.StringMatching(`[a-z]{4,9}`),
	rapid.StringMatching(`[1-9][0-9]{4,12}`),
	rapid.StringMatching(`[0-9a-f]{16}|[0-9a-f]{32}|[0-9A-F]{10}`),
	rapid.StringMatching(`[A-Z][a-z]{3,6}[0-9]{5}`),
)

// fieldNames are the names of all fields in the table, of some of each family, and of
// some that nobody knows.
func fieldNames() []string {
	names := []string{"x-tenant", "x-qz", "precedence"}
	for f := range fields.Each {
		if !strings.Contains(f.Name, "/") {
			names = append(names, strings.Replace(f.Name, "*", "qz", 1))
		}
	}
	return names
}

// Nothing that stands in a header field vanishes: it is in a part, or it is hidden by a
// rule that keeps it to be searched.
func TestNoFieldVanishes(t *testing.T) {
	c := newCanon(t, canon.Options{})
	names := fieldNames()
	rapid.Check(t, func(t *rapid.T) {
		var planted []string
		var value strings.Builder
		for _, r := range rapid.SampledFrom(frames).Draw(t, "frame") {
			if r != '%' {
				value.WriteRune(r)
				continue
			}
			v := values.Draw(t, "value")
			planted = append(planted, v)
			value.WriteString(v)
		}
		for _, name := range names {
			head := name + ": " + value.String() + "\r\n"
			inner := head
			if name != "content-type" {
				inner += "Content-Type: text/plain\r\n"
			}
			for place, raw := range map[string]string{
				"outer": "From: portal@clinic.example\r\n" + head + "\r\nhi\r\n",
				"part":  "Content-Type: multipart/mixed; boundary=0a1b2c3d4e\r\n\r\n--0a1b2c3d4e\r\n" + inner + "\r\nhi\r\n--0a1b2c3d4e--\r\n",
			} {
				form := message(c, mail(raw))
				said := found(&form)
				for _, v := range planted {
					if !strings.Contains(said, strings.ToLower(v)) {
						t.Errorf("%s: %q: %s vanished:\n%s", place, head, v, show(&form))
					}
				}
			}
		}
	})
}

// found is all that a canonical form keeps, in lower case.
func found(form *gate.Canonical) string {
	var said strings.Builder
	for _, p := range form.Parts {
		fmt.Fprintf(&said, "%s %s\n", p.Name, p.Value)
	}
	for _, h := range form.Hidden {
		fmt.Fprintf(&said, "%s\n", h.Value)
	}
	return strings.ToLower(said.String())
}

// shaped are values of the exact shape that a field's mask is for.
var shaped = map[string]string{
	"date": "Mon, 1 Jan 2024 00:00:00 +0000", "resent-date": "1 Jan 2024 00:00 GMT", "message-id": "<20240101000000.4F2A9C1B7D@mx.example>",
	"received":               "from mx.example (mx.example [192.0.2.1]) by in.example with ESMTP id 3F2A41B0C; Mon, 1 Jan 2024 00:00:00 +0000",
	"dkim-signature":         "v=1; a=rsa-sha256; s=k1; h=From:To; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=frcCV1k9oG9oKj3d",
	"arc-seal":               "i=1; a=rsa-sha256; t=1767366245; cv=none; s=k1; b=frcCV1k9oG9oKj3d",
	"authentication-results": "mx.example; spf=pass; dkim=pass header.d=clinic.example", "received-spf": "pass client-ip=192.0.2.1",
	"x-request-id": "9b2f4c1e-1c0a-4d5e-8f70-0a1b2c3d4e5f", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x-b3-traceid": "4bf92f3577b34da6a3ce929d0e0e4736",
	"x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678", "tracestate": "congo=t61rcWkgMzE", "content-length": "4711", "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
	"content-id": "<20240101000000.4F2A9C1B7D@mx.example>", "mime-version": "1.0",
}

// A value of a mask's shape is hidden, and where somebody's name, number or address
// stands beside it the two are told apart, or that is hidden where it is searched.
func TestMasksKnowTheirShape(t *testing.T) {
	c := newCanon(t, canon.Options{})
	form := func(name, value string) gate.Canonical {
		return message(c, mail("From: portal@clinic.example\r\n"+name+": "+value+"\r\n\r\nhi\r\n"))
	}
	without := message(c, mail("From: portal@clinic.example\r\n\r\nhi\r\n"))
	for name, value := range shaped {
		base := form(name, value)
		if base.ContentDigest() != without.ContentDigest() {
			t.Errorf("%s: %s: is compared:\n%s", name, value, show(&base))
		}
		if name != "mime-version" && len(base.Hidden) == 0 {
			t.Errorf("%s: %s: is not kept to be searched", name, value)
		}
		for _, more := range []string{"bob@example.net", "patient 88123", "(Bob Jones)", "diabetes"} {
			other := form(name, value+" "+more)
			kept := slices.ContainsFunc(other.Hidden, func(h gate.Hidden) bool { return strings.Contains(h.Value, strings.Trim(more, "()")) })
			if other.ContentDigest() == base.ContentDigest() && !kept {
				t.Errorf("%s: %s %s: equals the one without", name, value, more)
			}
		}
	}
}
