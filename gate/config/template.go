package config

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed templates/*.toml
var templates embed.FS

// A Template is a commented waybill.toml to begin with.
type Template struct {
	Kind string // its name: "http-mail"
	Doc  string // the case that it is for, one line
	Text string
}

// Templates returns all templates, in order of their names.
func Templates() []Template {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var all []Template
	for _, e := range entries {
		text, err := templates.ReadFile(path.Join("templates", e.Name()))
		if err != nil {
			panic(err) // as above
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all = append(all, Template{
			Kind: strings.TrimSuffix(e.Name(), ".toml"),
			Doc:  strings.TrimPrefix(first, "# "),
			Text: string(text),
		})
	}
	return all
}

// Init returns the text of the template of that kind.
func Init(kind string) (string, error) {
	var kinds []string
	for _, t := range Templates() {
		if t.Kind == kind {
			return t.Text, nil
		}
		kinds = append(kinds, t.Kind)
	}
	return "", fmt.Errorf("no template %s: %s", quote(kind), hint(kind, kinds))
}
