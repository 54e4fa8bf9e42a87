package main

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/all"
	"github.com/waybill-dev/waybill/gate/config"
)

// A settingKey is one key of waybill.toml, as the decoder knows it.
type settingKey struct {
	path string // "replay.concurrency"; NAME stands for any name, [] for each table of a list
	typ  reflect.Type
	of   string // the protocol whose key it is: "smtp"; "" is waybill's own
}

// settingKeys lists every key that a waybill.toml may have. [staging] has the keys of [production].
func settingKeys() []settingKey {
	w := &keyWalk{}
	w.table("", reflect.TypeFor[config.Config](), "")
	w.table("doors.NAME", reflect.TypeFor[config.Door](), "")
	w.table("sinks.NAME", reflect.TypeFor[config.Sink](), "")
	w.table("record.taps.NAME", reflect.TypeFor[config.Tap](), "")
	for _, p := range all.Protocols() {
		for place, t := range protocolKeys(p) {
			w.table(place+".NAME", t, p.Name)
		}
	}
	slices.SortStableFunc(w.keys, func(a, b settingKey) int { return strings.Compare(a.path+" "+a.of, b.path+" "+b.of) })
	return w.keys
}

// protocolKeys gives the types that a protocol decodes its own keys into, by where they
// stand. A protocol names them only by asking for them.
func protocolKeys(p channel.Protocol) map[string]reflect.Type {
	types := make(map[string]reflect.Type)
	asked := func(place string) channel.Settings {
		return func(dst any) error {
			types[place] = reflect.TypeOf(dst).Elem()
			return errors.New("only its type was asked for")
		}
	}
	if p.Check != nil {
		_ = p.Check(asked("sinks"))
	}
	if p.Drive != nil {
		if d, err := p.Drive(channel.DriveConfig{Address: "127.0.0.1:1", Settings: asked("doors")}); err == nil {
			_ = d.Close() // it has no settings, and did not ask
		}
	}
	if p.Tap != nil {
		if t, err := p.Tap(channel.TapConfig{Listen: "127.0.0.1:0", Upstream: "127.0.0.1:1", Settings: asked("record.taps")}); err == nil {
			panic(p.Name + ": its tap " + t.Address() + " has no settings, and listens")
		}
	}
	return types
}

type keyWalk struct{ keys []settingKey }

// table adds the keys of a struct.
func (w *keyWalk) table(path string, t reflect.Type, of string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if f.Anonymous && name == "" {
			w.table(path, f.Type, of) // its keys are the struct's own
			continue
		}
		if name == "" || name == "-" || path == "" && name == stagingTable {
			continue
		}
		w.value(strings.TrimPrefix(path+"."+name, "."), f.Type, of)
	}
}

const stagingTable = "staging"

// value adds one key, or, where it is a table of known keys, those.
func (w *keyWalk) value(path string, t reflect.Type, of string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case isScalar(t):
	case t.Kind() == reflect.Struct:
		w.table(path, t, of)
		return
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && !isScalar(t.Elem()):
		w.table(path+"[]", t.Elem(), of)
		return
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct && !isScalar(t.Elem()):
		w.table(path+".NAME", t.Elem(), of)
		return
	}
	w.keys = append(w.keys, settingKey{path, t, of})
}

// isScalar reports whether values of t are no tables: they are decoded from one value.
func isScalar(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || p.Implements(reflect.TypeFor[toml.Unmarshaler]())
}
