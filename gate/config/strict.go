package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
)

func quote(s string) string { return strconv.Quote(s) }

// maxReported bounds how many problems of one file are told at once.
const maxReported = 20

var (
	tomlUnmarshaler = reflect.TypeFor[toml.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	primitive       = reflect.TypeFor[toml.Primitive]()
)

// unknownKeys returns an error for every key of the document below prefix that
// the type has no place for. Keys are compared byte for byte: the decoder alone
// would take Command for command, and one of the two where both are given.
func unknownKeys(md *toml.MetaData, prefix toml.Key, t reflect.Type, own []string) error {
	var errs []error
	var refused []toml.Key
	for _, key := range md.Keys() {
		if len(key) <= len(prefix) || !slices.Equal(key[:len(prefix)], prefix) {
			continue
		}
		rest := key[len(prefix):]
		if slices.Contains(own, rest[0]) {
			continue
		}
		if slices.ContainsFunc(refused, func(r toml.Key) bool { return len(key) >= len(r) && slices.Equal(key[:len(r)], r) }) {
			continue
		}
		if at, known := resolve(t, rest); at >= 0 {
			if len(prefix) > 0 && at == 0 {
				known = append(slices.Clone(known), own...)
			}
			refused = append(refused, key[:len(prefix)+at+1])
			errs = append(errs, fmt.Errorf("unknown key %s: %s", quote(key[:len(prefix)+at+1].String()), hint(rest[at], known)))
		}
		if len(errs) == maxReported {
			break
		}
	}
	return errors.Join(errs...)
}

// resolve follows key through t. It returns the index of the first element that
// has no place there and the names that have, or -1.
func resolve(t reflect.Type, key toml.Key) (int, []string) {
	for i, name := range key {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			if leaf(t) {
				return -1, nil
			}
			t = t.Elem()
		}
		switch {
		case leaf(t):
			return -1, nil
		case t.Kind() == reflect.Map:
			t = t.Elem()
		case t.Kind() == reflect.Struct:
			fields := fieldsOf(t)
			f, ok := fields[name]
			if !ok {
				names := make([]string, 0, len(fields))
				for n := range fields {
					names = append(names, n)
				}
				return i, names
			}
			t = f
		default:
			return -1, nil // a table where a value is expected: the decoder's to refuse
		}
	}
	return -1, nil
}

// leaf reports whether t decides by itself what may stand in it.
func leaf(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t == primitive || t.Kind() == reflect.Interface || p.Implements(tomlUnmarshaler) || p.Implements(textUnmarshaler)
}

// fieldsOf returns the keys of a struct. Fields of embedded structs without a
// tag are its own; an outer field hides them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case tag == "" && f.Anonymous:
			continue // its fields come by themselves
		case tag == "":
			tag = f.Name
		}
		if _, ok := fields[tag]; !ok || len(f.Index) == 1 {
			fields[tag] = f.Type
		}
	}
	return fields
}

// A table is one table of a document whose keys are known to somebody else too.
type table struct {
	mu   *sync.Mutex // of the document: decoding writes down what it has seen
	md   *toml.MetaData
	path toml.Key
	raw  toml.Primitive
	own  []string // keys that are not the protocol's
	file string
}

// settings decodes the keys that are not own.
func (t *table) settings(dst any) error {
	rt := reflect.TypeOf(dst)
	if rt == nil || rt.Kind() != reflect.Pointer || rt.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("%s: settings of %s: destination is %T, not a pointer to a struct", t.file, t.path, dst)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := unknownKeys(t.md, t.path, rt.Elem(), t.own); err != nil {
		return inFile(t.file, err)
	}
	if err := t.md.PrimitiveDecode(t.raw, dst); err != nil {
		return inFile(t.file, err)
	}
	return nil
}

// inFile puts the name of the file before each problem, and words the decoder's
// errors as this package words its own.
func inFile(file string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs := slices.Clone(joined.Unwrap())
		if len(errs) > maxReported {
			errs = append(errs[:maxReported], fmt.Errorf("and %d problems more", len(errs)-maxReported))
		}
		for i, e := range errs {
			errs[i] = inFile(file, e)
		}
		return errors.Join(errs...)
	}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		key := ""
		if parse.LastKey != "" {
			key = "key " + quote(parse.LastKey) + ": "
		}
		return fmt.Errorf("%s:%d:%d: %s%w", file, parse.Position.Line, max(parse.Position.Col, 1), key, cause{parse})
	}
	if m := decoderError.FindStringSubmatch(err.Error()); m != nil {
		line := ""
		if m[1] != "" {
			line = ":" + m[1]
		}
		return fmt.Errorf("%s%s: %w", file, line, reworded{"key " + quote(m[2]) + ": " + plainly(m[3]), err})
	}
	return fmt.Errorf("%s: %w", file, err)
}

// plainly words what the decoder says of types as whoever wrote the file thinks of them.
func plainly(s string) string {
	m := ofType.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	named := map[string]string{"string": "a text", "slice": "a list", "map": "a table", "struct": "a table", "integer": "a whole number", "int": "a whole number",
		"int64": "a whole number", "uint64": "a whole number", "float": "a number", "float64": "a number", "boolean": "true or false", "bool": "true or false"}
	got, want := named[m[1]], named[m[2]]
	if got == "" || want == "" {
		return s
	}
	text := fmt.Sprintf("incompatible types: it is %s, and must be %s", got, want)
	if m[1] == "string" && m[2] == "slice" {
		text += `, one text for each word: ["node", "server.js"]`
	}
	return text
}

// ofType is how the decoder words a value of another type.
var ofType = regexp.MustCompile(`^incompatible types: TOML value has type (\w+); destination has type (\w+)$`)

// decoderError is how the decoder words an error of type.
var decoderError = regexp.MustCompile(`^toml: (?:line (\d+) )?\(last key "(.*?)"\): (.*)$`)

// cause is a parse error that shows its message without the position, which
// stands before it already.
type cause struct{ toml.ParseError }

func (c cause) Error() string { return c.Message }
func (c cause) Unwrap() error { return c.ParseError }

type reworded struct {
	text string
	err  error
}

func (r reworded) Error() string { return r.text }
func (r reworded) Unwrap() error { return r.err }
