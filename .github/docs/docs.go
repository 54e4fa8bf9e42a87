// Package docs holds the pages of the manual, as they stand beside this file.
// "waybill help TOPIC" prints them, so that a binary alone explains itself.
package docs

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed *.md
var pages embed.FS

// A Page is one page of the manual.
type Page struct {
	Topic string // its name, as waybill help takes it: the name of its file
	Title string // its first heading
	Text  string // Markdown, without comments
}

// order is that in which a reader may want the pages; a page that is not named here comes last.
var order = []string{
	"guide", "recording", "ci", "verdict", "approvals", "gaps", "limits", "configuration", "accounts", "answers", "apis", "message-apis", "detection", "speed", "glossary",
}

// comment is a comment of Markdown with the end of its line: notes to scripts and tests.
var comment = regexp.MustCompile(`(?s)<!--.*?-->\n?`)

// Pages returns all pages, in the order in which a reader may want them.
func Pages() []Page {
	files, err := fs.Glob(pages, "*.md")
	if err != nil {
		panic(err) // the pattern is sound
	}
	all := make([]Page, 0, len(files))
	for _, file := range files {
		text, err := pages.ReadFile(file)
		if err != nil {
			panic(err) // the pages are part of the program
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all = append(all, Page{
			Topic: strings.TrimSuffix(path.Base(file), ".md"),
			Title: strings.TrimPrefix(first, "# "),
			Text:  comment.ReplaceAllString(string(text), ""),
		})
	}
	place := func(p Page) int {
		if i := slices.Index(order, p.Topic); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(a, b Page) int { return place(a) - place(b) })
	return all
}
