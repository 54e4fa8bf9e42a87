package http

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/itchyny/gojq"

	"github.com/waybill-dev/waybill/gate"
)

// Limits of one fan-out. Beyond them the request is one delivery to the provider,
// and a gap.
const (
	maxGroups    = 10_000
	maxTo        = 50_000    // recipients of one request
	maxFannedOut = 128 << 20 // bytes of all payloads of one request, and of its body
	jqTime       = 10 * time.Second
)

// A fanoutRule says how one request to a provider becomes many deliveries. Each
// is a jq expression that is a path, such as ".personalizations[]"; it yields one
// group of recipients with one content. The others are jq expressions on a group
// that yield addresses as strings; null and the empty string name nobody. A field
// that may be missing is written with a question mark: ".cc[]?.email".
type fanoutRule struct {
	Match string   `toml:"match"`
	Host  string   `toml:"host"`
	Each  string   `toml:"each"`
	Mail  []string `toml:"mail"`
	Cc    []string `toml:"cc"`
	Bcc   []string `toml:"bcc"`
	Tel   []string `toml:"tel"`
	ID    []string `toml:"id"`
}

// A fanout is a rule, compiled.
type fanout struct {
	match   string
	pattern pattern
	each    *gojq.Code
	lists   []addressList
}

// An addressList yields recipients of one kind and role.
type addressList struct {
	code *gojq.Code
	expr string
	kind gate.RecipientKind
	role gate.RecipientRole
}

func (r fanoutRule) compile() (*fanout, error) {
	p, err := compilePattern(r.Match, r.Host)
	if err != nil {
		return nil, err
	}
	f := &fanout{match: strconv.Quote(r.Match), pattern: p}
	if f.each, err = compileJQ(r.Each, true); err != nil {
		return nil, fmt.Errorf("each: %w", err)
	}
	for _, l := range []struct {
		key   string
		exprs []string
		kind  gate.RecipientKind
		role  gate.RecipientRole
	}{
		{"mail", r.Mail, gate.Mail, gate.To},
		{"cc", r.Cc, gate.Mail, gate.Cc},
		{"bcc", r.Bcc, gate.Mail, gate.Bcc},
		{"tel", r.Tel, gate.Tel, gate.To},
		{"id", r.ID, gate.Other, gate.To},
	} {
		for i, expr := range l.exprs {
			code, err := compileJQ(expr, false)
			if err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", l.key, i, err)
			}
			f.lists = append(f.lists, addressList{code, l.key, l.kind, l.role})
		}
	}
	if len(f.lists) == 0 {
		return nil, errors.New("it names no recipients: give mail, cc, bcc, tel or id")
	}
	return f, nil
}

// What depends on when or where it is evaluated is an error, since equal messages
// decode equally. These stand before every expression.
const (
	timeDiffers  = "the time differs from run to run"
	placeDiffers = "local time differs from place to place"

	pure = `def now: error("` + timeDiffers + `"); ` +
		`def localtime: error("` + placeDiffers + `"); ` +
		`def strflocaltime(f): error("` + placeDiffers + `"); `
)

func compileJQ(expr string, asPath bool) (*gojq.Code, error) {
	q, err := gojq.Parse(expr)
	if err != nil {
		return nil, fmt.Errorf("parse the jq expression %q: %w", expr, err)
	}
	src := pure + q.String()
	if asPath {
		src = pure + "path(" + q.String() + ")"
	}
	if q, err = gojq.Parse(src); err != nil {
		return nil, fmt.Errorf("parse the jq expression %q: %w", expr, err)
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, fmt.Errorf("compile the jq expression %q: %w", expr, err)
	}
	return code, nil
}

// A group is one value that each yields, and where it stands in the body.
type group struct {
	value      any
	recipients []gate.Recipient
}

// apply fans a request out: first the delivery to the provider, with all that the
// request says but the groups, of which it has the number; then one for each
// group, whose body is that of the request with the other groups left out. Errors
// name nobody.
func (f *fanout) apply(r *request) ([]gate.Decoded, error) {
	if r.message.Cut > 0 {
		return nil, errors.New("the body was not kept whole")
	}
	body, err := r.jsonBody()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), jqTime)
	defer cancel()
	tree, groups, err := f.groups(ctx, body)
	if err != nil {
		return nil, err
	}

	party := r.plain
	party.Fields = append(slices.Clone(party.Fields), gate.Part{Name: "fanout/groups", Kind: gate.Value, Value: strconv.Itoa(len(groups))})
	rest := tree.append(nil, body, -1)
	party.Payloads = r.withBody(rest)
	out := append(make([]gate.Decoded, 0, 1+len(groups)), party)

	var fields []gate.Part
	for _, p := range r.plain.Fields {
		if p.Kind == gate.Transport || p.Name == "method" || p.Name == "path" {
			fields = append(fields, p)
		}
	}
	for _, p := range r.plain.Recipients {
		fields = append(fields, gate.Part{Name: "party", Kind: gate.Value, Value: p.Address})
	}
	total := 0
	for i, g := range groups {
		b := tree.append(make([]byte, 0, len(rest)+256), body, i)
		if total += len(b); total > maxFannedOut {
			return nil, fmt.Errorf("its %d groups come to more than %d bytes", len(groups), maxFannedOut)
		}
		out = append(out, gate.Decoded{
			Recipients: g.recipients,
			Class:      r.plain.Class,
			Fields:     fields,
			Payloads:   r.withBody(b),
			Traces:     r.plain.Traces,
		})
	}
	return out, nil
}

// withBody is the payloads of the request with another body, of JSON.
func (r *request) withBody(b []byte) []gate.Payload {
	var out []gate.Payload
	for _, p := range r.plain.Payloads {
		if p.Name == "body" {
			p.Bytes, p.Encoding = b, ""
		}
		out = append(out, p)
	}
	return out
}

// jsonBody reads the body as JSON. Names that occur twice and invalid UTF-8 are
// refused: readers differ in what they take them for. Numbers keep their text.
func (r *request) jsonBody() (any, error) {
	b := r.message.Body
	switch coding := strings.ToLower(r.contentEncoding()); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("its body is not gzip: %w", err)
		}
		if b, err = io.ReadAll(io.LimitReader(z, maxFannedOut+1)); err != nil {
			return nil, fmt.Errorf("its body is not whole gzip: %w", err)
		}
		if len(b) > maxFannedOut {
			return nil, fmt.Errorf("its body unpacks to more than %d bytes", maxFannedOut)
		}
	default:
		return nil, errors.New("the coding of its body is not undone here: only gzip is")
	}
	if !jsontext.Value(b).IsValid() {
		return nil, errors.New("its body is not JSON with distinct names in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("its body cannot be read as JSON")
	}
	return v, nil
}

// groups evaluates the rule.
func (f *fanout) groups(ctx context.Context, body any) (*mark, []group, error) {
	tree := newMark()
	var groups []group
	total := 0
	err := run(ctx, f.each, body, "each", func(v any) error {
		if len(groups) == maxGroups {
			return fmt.Errorf("each yields more than %d groups", maxGroups)
		}
		path, ok := v.([]any)
		if !ok || len(path) == 0 {
			return errors.New("each yields the whole body")
		}
		value, err := tree.add(path, body, len(groups))
		if err != nil {
			return err
		}
		groups = append(groups, group{value: value})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(groups) == 0 {
		return nil, nil, errors.New("each yields no groups")
	}
	for i := range groups {
		g := &groups[i]
		for _, l := range f.lists {
			err := run(ctx, l.code, g.value, l.expr, func(v any) error {
				before := len(g.recipients)
				if g.recipients, err = l.recipients(g.recipients, v); err != nil {
					return err
				}
				if total += len(g.recipients) - before; total > maxTo {
					return fmt.Errorf("it names more than %d recipients", maxTo)
				}
				return nil
			})
			if err != nil {
				return nil, nil, err
			}
		}
		if len(g.recipients) == 0 {
			return nil, nil, fmt.Errorf("group %d names no recipients", i)
		}
	}
	return tree, groups, nil
}

// run gives each value that code yields to take. Errors of jq quote the values that
// they are about, so they are told by kind only.
func run(ctx context.Context, code *gojq.Code, input any, key string, take func(any) error) error {
	iter := code.RunWithContext(ctx, input)
	for {
		v, ok := iter.Next()
		if !ok {
			return nil
		}
		if err, failed := v.(error); failed {
			if ctx.Err() != nil {
				return fmt.Errorf("its jq expressions took more than %v", jqTime)
			}
			if value, ok := v.(gojq.ValueError); ok && (value.Value() == timeDiffers || value.Value() == placeDiffers) {
				return fmt.Errorf("the jq expression of %s: %v", key, value.Value())
			}
			return fmt.Errorf("the jq expression of %s fails on this body (%T)", key, err)
		}
		if err := take(v); err != nil {
			return err
		}
	}
}

// recipients adds those that one value names: one identity, or for mail a list as
// a header has it (RFC 5322, 3.4).
func (l *addressList) recipients(to []gate.Recipient, v any) ([]gate.Recipient, error) {
	if v == nil || v == "" {
		return to, nil
	}
	s, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber && l.kind != gate.Mail {
		s, ok = n.String(), true
	}
	if !ok {
		return nil, fmt.Errorf("%s yields what is not a string", l.expr)
	}
	if l.kind != gate.Mail {
		r, err := gate.ParseRecipient(string(l.kind) + ":" + s)
		if err != nil {
			return nil, l.reason(err)
		}
		r.Role = l.role
		return append(to, r), nil
	}
	r, err := gate.MailRecipient(s, l.role)
	if err == nil {
		return append(to, r), nil
	}
	addresses, parseErr := mail.ParseAddressList(s)
	if parseErr != nil {
		return nil, l.reason(err)
	}
	for _, a := range addresses {
		if r, err = gate.MailRecipient(a.Address, l.role); err != nil {
			return nil, l.reason(err)
		}
		to = append(to, r)
	}
	return to, nil
}

// reason says why without saying whom.
func (l *addressList) reason(err error) error {
	if a := (*gate.AddressError)(nil); errors.As(err, &a) {
		return fmt.Errorf("%s yields what is not an address: %s", l.expr, a.Reason)
	}
	return fmt.Errorf("%s yields what is not an address", l.expr)
}

// A mark is a node on the way to groups in a body: what is written of them differs
// from delivery to delivery, and the rest does not.
type mark struct {
	index  int              // of the group that stands here, or -1
	within map[int]struct{} // groups that stand here or below
	names  map[string]*mark
	items  map[int]*mark
}

func newMark() *mark { return &mark{index: -1, within: map[int]struct{}{}} }

// add marks the value at path, a path of jq's, and returns it.
func (m *mark) add(path []any, v any, index int) (any, error) {
	for _, step := range path {
		if m.index >= 0 {
			return nil, errors.New("each yields a group within a group")
		}
		var next *mark
		switch at := v.(type) {
		case map[string]any:
			name, ok := step.(string)
			value, present := at[name]
			if !ok || !present {
				return nil, errors.New("each yields what is not in the body")
			}
			if m.names == nil {
				m.names = map[string]*mark{}
			}
			if next = m.names[name]; next == nil {
				next = newMark()
				m.names[name] = next
			}
			v = value
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(at) {
				return nil, errors.New("each yields what is not in the body")
			}
			if m.items == nil {
				m.items = map[int]*mark{}
			}
			if next = m.items[i]; next == nil {
				next = newMark()
				m.items[i] = next
			}
			v = at[i]
		default:
			return nil, errors.New("each yields what is not in the body")
		}
		m = next
		m.within[index] = struct{}{}
	}
	if m.index >= 0 || m.names != nil || m.items != nil {
		return nil, errors.New("each yields a group twice, or one within another")
	}
	m.index = index
	return v, nil
}

// append writes v as JSON behind b, names sorted, without the groups other than
// the one of that index, and without what holds only such: the other items of a
// list on the way to it, the other members of an object that has several.
func (m *mark) append(b []byte, v any, index int) []byte {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		b = append(b, '{')
		first := true
		for _, name := range names {
			next := m.name(name)
			if next.skipped(index) && (next.index >= 0 || len(m.names) > 1) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendString(b, name)
			b = append(b, ':')
			b = next.append(b, v[name], index)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		first := true
		for i, item := range v {
			next := m.item(i)
			if next.skipped(index) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = next.append(b, item, index)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	}
	return append(b, "null"...)
}

// name, item and skipped may be called on nil: nothing is marked from there on.
func (m *mark) name(s string) *mark {
	if m == nil {
		return nil
	}
	return m.names[s]
}

func (m *mark) item(i int) *mark {
	if m == nil {
		return nil
	}
	return m.items[i]
}

func (m *mark) skipped(index int) bool {
	if m == nil {
		return false
	}
	_, here := m.within[index]
	return !here
}

func appendString(b []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(b, s) // it fails on invalid UTF-8 only, which jsonBody refuses
	return out
}
