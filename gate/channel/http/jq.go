package http

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// What depends on when or where it is evaluated is an error, since equal messages
// decode equally.
const (
	timeDiffers  = "the time differs from run to run"
	placeDiffers = "local time differs from place to place"
)

// library stands before every expression.
//
//	each_value      a value by itself, each of a list, nothing of null
//	phones, others  a string that reads as a telephone number, one that does not
//	id(n)           n hexadecimal digits that follow from the request
//	id(n; key)      the same, another for each key of one request
//	number          a number that follows from the request
//	uuid, uuid(key) an id in the form of RFC 9562
//	mail_header     the header of a mail in base64
const library = `def now: error("` + timeDiffers + `"); ` +
	`def localtime: error("` + placeDiffers + `"); ` +
	`def strflocaltime(f): error("` + placeDiffers + `"); ` +
	`def each_value: if type == "array" then .[] elif . == null then empty else . end; ` +
	`def is_phone: type != "object" and (tostring | test("^(?:(?:whatsapp|rcs|messenger|tel|sms):)?[+(]?[0-9][0-9 ().\\/-]{2,}$")); ` +
	`def phones: each_value | select(is_phone); ` +
	`def others: each_value | select(is_phone | not); ` +
	`def id(n; k): ($digest + "/" + (k | tostring)) | sha256 | .[0:n]; ` +
	`def id(n): $digest[0:n]; ` +
	`def number: [id(7) | explode[] | if . < 58 then . - 48 else . - 87 end] | reduce .[] as $d (0; . * 16 + $d); ` +
	`def mail_header: base64url | mime; ` +
	`def uuid(k): id(32; k) | .[0:8] + "-" + .[8:12] + "-4" + .[13:16] + "-8" + .[17:20] + "-" + .[20:32]; ` +
	`def uuid: uuid("uuid"); `

// variables of every expression, in the order of [request.variables].
var variableNames = []string{"$query", "$path", "$header", "$host", "$digest"}

func compileJQ(expr string, asPath bool) (*gojq.Code, error) {
	q, err := gojq.Parse(expr)
	if err != nil {
		return nil, fmt.Errorf("parse the jq expression %q: %w", expr, err)
	}
	src := library + q.String()
	if asPath {
		src = library + "path(" + q.String() + ")"
	}
	if q, err = gojq.Parse(src); err != nil {
		return nil, fmt.Errorf("parse the jq expression %q: %w", expr, err)
	}
	options := []gojq.CompilerOption{gojq.WithVariables(variableNames)}
	for name, f := range functions {
		options = append(options, gojq.WithFunction(name, 0, 0, func(v any, _ []any) any { return f(v) }))
	}
	code, err := gojq.Compile(q, options...)
	if err != nil {
		return nil, fmt.Errorf("compile the jq expression %q: %w", expr, err)
	}
	return code, nil
}

// functions that expressions have besides those of jq. An error is a value here.
var functions = map[string]func(any) any{
	"sha256": func(v any) any {
		return onText(v, func(s string) any { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) })
	},
	"md5": func(v any) any {
		return onText(v, func(s string) any { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) })
	},
	"nested":    nested,
	"mime":      func(v any) any { return onText(v, mimeHeader) },
	"base64url": func(v any) any { return onText(v, fromBase64URL) },
	"addresses": func(v any) any { return onText(v, addressesOf) },
}

func onText(v any, f func(string) any) any {
	s, ok := v.(string)
	if !ok {
		return errors.New("it is not a string")
	}
	return f(s)
}

// nested undoes the flat keys of AWS's query protocol: {"A.member.1.B": "x"} is
// {"A": [{"B": "x"}]}, items in the order of their numbers.
func nested(v any) any {
	flat, ok := v.(map[string]any)
	if !ok {
		return errors.New("it is not an object")
	}
	root := map[string]any{}
	for key, value := range flat {
		at := root
		steps := strings.Split(key, ".")
		for i, step := range steps {
			if i == len(steps)-1 {
				if _, taken := at[step]; !taken {
					at[step] = value
				}
				break
			}
			next, ok := at[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[step] = next
			}
			at = next
		}
	}
	return lists(root)
}

// lists makes objects lists whose only keys are the numbers of members.
func lists(m map[string]any) any {
	for k, v := range m {
		if o, ok := v.(map[string]any); ok {
			m[k] = lists(o)
		}
	}
	for _, name := range []string{"member", "entry"} {
		if list, ok := m[name].([]any); ok && len(m) == 1 {
			return list
		}
	}
	var numbers []int
	for k := range m {
		n, err := strconv.Atoi(k)
		if err != nil || n < 1 || strconv.Itoa(n) != k {
			return m
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return m
	}
	slices.Sort(numbers)
	var list []any
	for _, n := range numbers {
		list = append(list, m[strconv.Itoa(n)])
	}
	return list
}

// mimeHeader returns the header of a mail (RFC 5322): lists of values by names in lower case.
func mimeHeader(s string) any {
	m, err := mail.ReadMessage(strings.NewReader(s))
	if err != nil {
		return errors.New("it is not a mail with a header")
	}
	view := map[string]any{}
	for name, values := range m.Header {
		var list []any
		for _, v := range values {
			list = append(list, text(v))
		}
		view[strings.ToLower(name)] = list
	}
	return view
}

// fromBase64URL decodes base64 in either alphabet, padded or not (RFC 4648, 4 and 5).
func fromBase64URL(s string) any {
	s = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(strings.TrimRight(s, "=\r\n"))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return errors.New("it is not base64")
	}
	return string(b)
}

// addressesOf returns the addresses of a list as a header has it (RFC 5322, 3.4).
func addressesOf(s string) any {
	if list, err := mail.ParseAddressList(s); err == nil {
		var out []any
		for _, a := range list {
			out = append(out, a.Address)
		}
		return out
	}
	return []any{strings.TrimSpace(s)}
}
