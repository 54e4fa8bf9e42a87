package report

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// SchemaID names the schema of the verdict that this version writes.
func SchemaID() string {
	return fmt.Sprintf("https://waybill.dev/schema/verdict-%d.json", gate.Schema)
}

// Schema is the JSON Schema (draft 2020-12) of what [JSON] writes, made from the
// types themselves: every key that is always there is required, and no other key
// is allowed.
func Schema() []byte {
	d := &described{defs: map[string]any{}}
	root := d.of(reflect.TypeFor[gate.Verdict]()).(map[string]any)
	schema := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SchemaID(), "title": "Verdict of Waybill",
		"$ref": root["$ref"], "$defs": d.defs,
	}
	b, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("a map of strings is not JSON: %v", err))
	}
	return append(b, '\n')
}

// described is the types that have been met.
type described struct{ defs map[string]any }

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// of is the schema of a type, as encoding/json writes its values.
func (d *described) of(t reflect.Type) any {
	if t.Implements(textMarshaler) {
		return d.words(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.of(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Array:
		return map[string]any{"type": "array", "items": d.of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Slice: // nil is null
		return map[string]any{"type": []string{"array", "null"}, "items": d.of(t.Elem())}
	case reflect.Struct:
		return d.object(t)
	}
	panic(fmt.Sprintf("a verdict holds a %s, of which no schema is known", t))
}

// words are the values of a type that is written as a word.
func (d *described) words(t reflect.Type) any {
	schema := map[string]any{"type": "string"}
	if t == reflect.TypeFor[gate.Decision]() {
		var all []string
		for _, v := range []gate.Decision{gate.Undecided, gate.Pass, gate.Blocked} {
			all = append(all, v.String())
		}
		schema["enum"] = all
	}
	return schema
}

func (d *described) object(t reflect.Type) any {
	ref := map[string]any{"$ref": "#/$defs/" + t.Name()}
	if _, known := d.defs[t.Name()]; known {
		return ref
	}
	properties := map[string]any{}
	required := []string{}
	schema := map[string]any{"type": "object", "additionalProperties": false}
	d.defs[t.Name()] = schema
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" || !f.IsExported() {
			continue // fields of an embedded struct come by themselves
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = d.of(f.Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
			if f.Type.Kind() == reflect.Pointer {
				properties[name] = map[string]any{"anyOf": []any{properties[name], map[string]any{"type": "null"}}}
			}
		}
	}
	schema["properties"], schema["required"] = properties, required
	return ref
}
