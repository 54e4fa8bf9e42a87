package tape

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
)

// What is written by hand equals what the library writes, for every field that a
// message has: one that is added and not written fails here.
func TestMessageMeta(t *testing.T) {
	var full gate.Message
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("a " + v.Type().Field(i).Name)
		case reflect.Uint64:
			f.SetUint(1 << 63)
		case reflect.Int64:
			f.SetInt(-7)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 2, 2))
		default:
			t.Fatalf("field %s is of kind %s", v.Type().Field(i).Name, f.Kind())
		}
	}
	full.Head, full.Body = nil, nil // which stand beside it
	if !sameMeta(t, &full) {
		t.Error("a plain message was left to the library")
	}
	sameMeta(t, &gate.Message{})
	for _, s := range []string{`"`, `\`, "\n", "\x00", "\x7f", "é", "<", ">", "&", "\u2028", "\xff"} {
		if sameMeta(t, &gate.Message{Host: s}) || sameMeta(t, &gate.Message{Events: []string{"", s}}) {
			t.Errorf("%q was not left to the library", s)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[ -~]{0,12}`), rapid.String())
		sameMeta(t, &gate.Message{
			Seq: rapid.Uint64().Draw(t, "seq"), Channel: text.Draw(t, "channel"), Sink: text.Draw(t, "sink"),
			Host: text.Draw(t, "host"), TLS: text.Draw(t, "tls"), Peer: text.Draw(t, "peer"), Phase: text.Draw(t, "phase"),
			At: rapid.Int64().Draw(t, "at"), Cut: rapid.Int64().Draw(t, "cut"),
			Replies: rapid.SliceOf(rapid.Int()).Draw(t, "replies"), Events: rapid.SliceOf(text).Draw(t, "events"),
		})
	})
}

// sameMeta compares; it says whether m was written by hand.
func sameMeta(t rapid.TB, m *gate.Message) bool {
	t.Helper()
	got, ok := appendMessageMeta([]byte("before"), m)
	if !ok {
		if string(got) != "before" {
			t.Fatalf("left to the library, and %q was written", got)
		}
		return false
	}
	want, err := json.Marshal(messageJSON{Message: m}, jsonOptions())
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != "before"+string(want) {
		t.Fatalf("%q, and the library writes %q", got, want)
	}
	return true
}
