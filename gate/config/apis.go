package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// withAPIs returns settings whose list "apis" has, after what stands in waybill.toml, one more
// for each TOML file in dir, sorted by name. A folder without any is an error, and so is a
// protocol that has no such list.
func withAPIs(settings func(any) error, dir string) func(any) error {
	return func(dst any) error {
		if err := settings(dst); err != nil {
			return err
		}
		list, ok := listOf(reflect.ValueOf(dst).Elem(), "apis")
		if !ok {
			return errors.New("apis_from: this channel knows no APIs")
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.toml"))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("apis_from: there is no TOML file in %s", dir)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("apis_from: %w", err)
			}
			api := reflect.New(list.Type().Elem())
			md, err := toml.Decode(string(text), api.Interface())
			if err != nil {
				return inFile(file, err)
			}
			if err := unknownKeys(&md, nil, api.Type().Elem(), nil); err != nil {
				return inFile(file, err)
			}
			list.Set(reflect.Append(list, api.Elem()))
		}
		return nil
	}
}

// listOf returns the field of a struct whose key is name, where that is a list.
func listOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ","); tag == name && v.Field(i).Kind() == reflect.Slice {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}
