// Package eml reads one mail from a file of its own (RFC 5322), plain or in gzip.
// The whole file is the mail.
package eml

import (
	"iter"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is one mail in one file.
var Format = importer.Format{
	Name:  "eml",
	Doc:   "one mail in one file (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

// sniff looks for a header section that has one of the fields that mail alone has.
func sniff(_ string, head []byte) bool {
	telling := []string{"received", "return-path", "delivered-to", "message-id", "from"}
	for name := range importer.Fields(head) {
		if slices.Contains(telling, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		items, err := importer.ReadMail(path, 1, o)
		if err != nil {
			yield(importer.Item{}, err)
			return
		}
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
