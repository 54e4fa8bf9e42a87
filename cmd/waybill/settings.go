package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/gate/channel"
)

// freeze gives the settings of one sink as JSON, for the header of a tape, so
// that what was captured is decoded later as it was meant then. It checks them,
// too. The answer is "" where there are none.
func freeze(p channel.Protocol, settings channel.Settings) (string, error) {
	if settings == nil || p.Check == nil {
		return "", nil
	}
	var table map[string]any
	err := p.Check(func(dst any) error {
		if err := settings(dst); err != nil {
			return err
		}
		text, err := toml.Marshal(dst)
		if err != nil {
			return err
		}
		return toml.Unmarshal(text, &table)
	})
	if err != nil || len(table) == 0 {
		return "", err
	}
	b, err := json.Marshal(table)
	return string(b), err
}

// thaw is the inverse of [freeze].
func thaw(text string) channel.Settings {
	if text == "" {
		return nil
	}
	return func(dst any) error {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var table map[string]any
		if err := d.Decode(&table); err != nil {
			return fmt.Errorf("settings of a sink, as the tape holds them: %w", err)
		}
		var b bytes.Buffer
		if err := toml.NewEncoder(&b).Encode(table); err != nil {
			return fmt.Errorf("settings of a sink, as the tape holds them: %w", err)
		}
		md, err := toml.Decode(b.String(), dst)
		if err != nil {
			return fmt.Errorf("settings of a sink, as the tape holds them: %w", err)
		}
		if unknown := md.Undecoded(); len(unknown) > 0 {
			return fmt.Errorf("settings of a sink, as the tape holds them: unknown key %s: it was written by another version", unknown[0])
		}
		return nil
	}
}
