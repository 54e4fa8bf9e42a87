package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/gate"
)

// People says what reports call people whom messages address by ids. Names are shown beside
// ids where a report names anybody, and go into nothing else.
type People struct {
	File string `toml:"file"` // of pairs, id = "name or address", as [People.Names] reads them; absolute once loaded
}

// Names reads the file: TOML with a text for each id, such as
//
//	"slack-channel:D024BE7LD" = "Anna Berger"
//	"tel:+15105550100" = "anna@example.org"
//
// Keys of the result are as [gate.Recipient.ID] writes them; "id:" before those of a
// provider may be left out. It is nil where there is no file.
func (p People) Names() (map[string]string, error) {
	if p.File == "" {
		return nil, nil
	}
	text, err := os.ReadFile(p.File)
	if err != nil {
		return nil, fmt.Errorf("people.file: %w", err)
	}
	var pairs map[string]string
	if _, err := toml.Decode(string(text), &pairs); err != nil {
		return nil, inFile(p.File, err)
	}
	names := make(map[string]string, len(pairs))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		kind, _, _ := strings.Cut(key, ":")
		whole := key
		if !slices.Contains([]gate.RecipientKind{gate.Mail, gate.Host, gate.Tel, gate.Other, gate.Session}, gate.RecipientKind(kind)) {
			whole = string(gate.Other) + ":" + key
		}
		r, err := gate.ParseRecipient(whole)
		id := r.ID()
		_, twice := names[id]
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %s is no recipient: %w", p.File, quote(key), err)
		case twice:
			return nil, fmt.Errorf("%s: %s stands twice, in two spellings", p.File, quote(key))
		case strings.TrimSpace(pairs[key]) == "":
			return nil, fmt.Errorf("%s: %s has no name", p.File, quote(key))
		}
		names[id] = strings.TrimSpace(pairs[key])
	}
	return names, nil
}
