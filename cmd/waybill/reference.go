package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
)

//go:embed keys.toml
var keysFile string

// A keyDoc says of one key of waybill.toml what no type can say.
type keyDoc struct {
	Default string   `toml:"default"` // a value of TOML, or words in parentheses
	Example string   `toml:"example"`
	OneOf   []string `toml:"one_of"` // all that a text may be
	About   string   `toml:"about"`
}

// keyDocs reads what keys.toml says, by path.
func keyDocs() map[string]keyDoc {
	docs := make(map[string]keyDoc)
	if _, err := toml.Decode(keysFile, &docs); err != nil {
		panic(fmt.Sprintf("keys.toml: %v", err)) // it is part of the program, and a test reads it
	}
	return docs
}

func (p *program) configVerb() *cli.Command {
	print := func(write func(io.Writer) error) cli.ActionFunc {
		return func(c *cli.Context) error {
			if err := arguments(c, 0, 0); err != nil {
				return err
			}
			return write(p.stdout)
		}
	}
	return &cli.Command{
		Name:      "config",
		Usage:     "print the schema of " + config.File + ", or all its keys",
		UsageText: "waybill config schema|keys",
		Subcommands: []*cli.Command{
			{Name: "schema", Usage: "print a JSON Schema, for editors: a first line #:schema FILE makes Taplo and its like use it", UsageText: "waybill config schema", Action: print(writeSchema)},
			{Name: "keys", Usage: "print every key with its type, default and example, as Markdown", UsageText: "waybill config keys", Action: print(writeKeys)},
		},
	}
}

// keyTables are the tables of waybill.toml in the order of the reference, each with what it is.
var keyTables = []struct{ path, about string }{
	{"", "The file"},
	{"corpus", "What is replayed"},
	{"doors", "Entrances of a build"},
	{"sinks", "Where a build sends to"},
	{"production", "How a build is made, started, asked and stopped. `[staging]` has the same keys"},
	{"state", "How what both builds keep is brought back before each replay, and how that is proved"},
	{"jobs", "Commands of both builds that are run on their own"},
	{"replay", "How stimuli are replayed"},
	{"scenarios", "Conditions under which they are"},
	{"masks", "What is hidden before comparison"},
	{"replies", "What builds answer"},
	{"follow", "Links that are asked for once a build is quiet"},
	{"people", "What reports call people whom messages address by ids"},
	{"policy", "What becomes of what a comparison cannot see"},
	{"approvals", "What somebody accepted"},
	{"report", "Files that are written"},
	{"publish", "How a verdict is shown on a pull request"},
	{"http", "What requests are given on their way"},
	{"dynamic", "Values that a build gives and that come back to it"},
	{"record", "Recording production"},
	{"privacy", "How people are replaced in recordings"},
	{"encryption", "Tapes at rest"},
}

// writeKeys writes a table of keys for each table of waybill.toml, as Markdown.
func writeKeys(w io.Writer) error {
	docs, keys := keyDocs(), settingKeys()
	var b strings.Builder
	for _, table := range keyTables {
		title := "The file itself"
		if table.path != "" {
			title = "`[" + table.path + "]`"
		}
		fmt.Fprintf(&b, "### %s\n\n%s.\n\n| key | type | default | example | |\n|---|---|---|---|---|\n", title, table.about)
		for i := 0; i < len(keys); i++ {
			k := keys[i]
			if top, _, _ := strings.Cut(strings.ReplaceAll(k.path, "[]", ""), "."); top != table.path && (table.path != "" || strings.Contains(k.path, ".")) {
				continue
			}
			of := k.of
			for i+1 < len(keys) && keys[i+1].path == k.path {
				i++
				of += ", " + keys[i].of
			}
			d := docs[k.path]
			about := d.About
			if len(d.OneOf) > 0 {
				about += " One of `" + strings.Join(d.OneOf, "`, `") + "`."
			}
			if of != "" {
				about += " Of " + of + "."
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.path, typeWords(k.typ), asCode(d.Default), asCode(d.Example), cell(about))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// asCode is a value of TOML as code, words in parentheses as they stand.
func asCode(s string) string {
	if strings.HasPrefix(s, "(") {
		return cell(strings.Trim(s, "()"))
	}
	return "`" + cell(s) + "`"
}

// cell is text as it may stand in a table of Markdown.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// typeWords names the type of a key as users know it.
func typeWords(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[config.Duration]():
		return "duration"
	case t == reflect.TypeFor[config.Size]():
		return "size"
	case t == reflect.TypeFor[config.Fraction]():
		return "fraction"
	case t == reflect.TypeFor[config.Pace]():
		return "pace"
	case t == reflect.TypeFor[config.Replays]():
		return `whole number or "auto"`
	case t == reflect.TypeFor[config.Regexp]():
		return "pattern"
	case t == reflect.TypeFor[config.OneOrMore]():
		return "text or list of texts"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Slice {
			return "list of commands"
		}
		return "list of " + typeWords(t.Elem()) + "s"
	case reflect.Map:
		return "table of " + typeWords(t.Elem()) + "s"
	}
	return "whole number"
}

// writeSchema writes a JSON Schema (draft 7, which editors of TOML know) of waybill.toml. Of a
// door, sink or tap it knows the keys of every protocol, and not which belong to one.
func writeSchema(w io.Writer) error {
	docs := keyDocs()
	root := map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": config.File,
		"type": "object", "additionalProperties": false, "properties": map[string]any{},
	}
	for _, k := range settingKeys() {
		place(root, strings.Split(strings.ReplaceAll(k.path, "[]", ".[]"), "."), keySchema(k.typ, docs[k.path]))
	}
	properties := root["properties"].(map[string]any)
	properties[stagingTable] = properties["production"]
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(root)
}

// place puts the schema of a key where its path says, and makes the tables on the way.
func place(table map[string]any, path []string, schema map[string]any) {
	object := func() map[string]any {
		return map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}}
	}
	if path[0] == "NAME" { // any name
		inner, ok := table["additionalProperties"].(map[string]any)
		if !ok {
			inner = object()
			table["additionalProperties"] = inner
		}
		place(inner, path[1:], schema)
		return
	}
	properties := table["properties"].(map[string]any)
	if len(path) == 1 {
		properties[path[0]] = schema
		return
	}
	inner, ok := properties[path[0]].(map[string]any)
	if path[1] == "[]" {
		if !ok {
			inner = map[string]any{"type": "array", "items": object()}
			properties[path[0]] = inner
		}
		place(inner["items"].(map[string]any), path[2:], schema)
		return
	}
	if !ok {
		inner = object()
		properties[path[0]] = inner
	}
	place(inner, path[1:], schema)
}

// keySchema is the schema of one value.
func keySchema(t reflect.Type, d keyDoc) map[string]any {
	s := typeSchema(t)
	s["description"] = d.About
	if len(d.OneOf) > 0 {
		s["enum"] = slices.Clone(d.OneOf)
	}
	var value map[string]any
	if !strings.HasPrefix(d.Default, "(") {
		if _, err := toml.Decode("v = "+d.Default, &value); err == nil {
			s["default"] = value["v"]
		}
	}
	return s
}

func typeSchema(t reflect.Type) map[string]any {
	text := func(pattern string) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
	switch {
	case t == reflect.TypeFor[config.Duration]():
		return text(`^([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*$`)
	case t == reflect.TypeFor[config.Size]():
		return map[string]any{"anyOf": []any{text(`^[0-9]+(KiB|MiB|GiB)?$`), map[string]any{"type": "integer", "minimum": 1}}}
	case t == reflect.TypeFor[config.Fraction]():
		return map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 1}
	case t == reflect.TypeFor[config.Pace]():
		return text(`^(fast|recorded|[0-9.e+-]+x)$`)
	case t == reflect.TypeFor[config.Replays]():
		return map[string]any{"anyOf": []any{map[string]any{"type": "integer", "minimum": 1, "maximum": 20}, map[string]any{"const": "auto"}}}
	case t == reflect.TypeFor[config.Regexp]():
		return map[string]any{"type": "string", "minLength": 1}
	case t == reflect.TypeFor[config.OneOrMore]():
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}}
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	}
	return map[string]any{"type": "integer", "minimum": 0}
}
