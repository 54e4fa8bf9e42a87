package http

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
// group of recipients with one content. "." and nothing make the whole of it one
// group. The others are jq expressions on a group that yield addresses as strings;
// null and the empty string name nobody. A field that may be missing is written with
// a question mark: ".cc[]?.email".
//
// From says what they read: the body as "json", "form", "multipart" or "xml", which its
// type says where it is not given, or "query", "path" and "header", as .query, .path
// and .header. Every expression may use these as $query, $path and $header too. A
// segment of Match in braces, "{id}", is any segment, and .path.id is what stands there.
//
// View is an expression that makes another object of what From reads, where who receives
// what does not stand side by side in it; the other expressions read that.
//
// Text are paths to what people read as running text, and Shared are such paths from the
// root, to what all groups have in common. Decides are paths from the root
// to what says whether and when a message is sent, and Once to ids that are made anew for each
// message, by which a provider drops a second copy: hidden where they have that shape. Namespace is put before ids, so
// that those of two kinds, or of two providers, are apart; IDs has expressions by their
// namespaces.
type fanoutRule struct {
	Match     string              `toml:"match"`
	Host      string              `toml:"host"`
	From      source              `toml:"from"`
	View      string              `toml:"view"`
	Each      string              `toml:"each"`
	Mail      []string            `toml:"mail"`
	Cc        []string            `toml:"cc"`
	Bcc       []string            `toml:"bcc"`
	Tel       []string            `toml:"tel"`
	ID        []string            `toml:"id"`
	Namespace string              `toml:"namespace"`
	IDs       map[string][]string `toml:"ids"`
	Text      []string            `toml:"text"`
	Shared    []string            `toml:"shared"`
	Decides   []string            `toml:"decides"`
	Once      []string            `toml:"once"`
}

// A fanout is a rule, compiled.
type fanout struct {
	match   string
	pattern pattern
	from    source     // "" is by the type of the body
	recast  *gojq.Code // nil: the expressions read what from says as it is
	each    *gojq.Code
	lists   []addressList
	text    []*gojq.Code
	shared  []*gojq.Code
	decides []*gojq.Code
	once    []*gojq.Code
	region  string // of telephone numbers without a plus
	reader  string // what says how the request is read
}

// An addressList yields recipients of one kind and role.
type addressList struct {
	code      *gojq.Code
	expr      string // its key, such as "mail"
	jq        string
	kind      gate.RecipientKind
	role      gate.RecipientRole
	namespace string // of ids
}

func (r fanoutRule) compile() (*fanout, error) {
	p, err := compilePattern(r.Match, r.Host)
	if err != nil {
		return nil, err
	}
	f, err := r.expressions()
	if err != nil {
		return nil, err
	}
	f.match, f.pattern, f.reader = strconv.Quote(r.Match), p, gate.OwnRule
	return f, nil
}

// expressions compiles what a rule says besides which requests it is for.
func (r fanoutRule) expressions() (*fanout, error) {
	f := &fanout{from: r.From}
	if r.From != "" && !slices.Contains(sources, r.From) {
		return nil, fmt.Errorf("from is %q, and not one of %q", r.From, sources)
	}
	each := cmp.Or(r.Each, ".")
	if each != "." && r.View == "" && (r.From == fromMultipart || r.From != "" && !r.From.ofBody()) {
		return nil, fmt.Errorf("each: from %s there is one group, which is \".\"", r.From)
	}
	if each == "." && r.View != "" {
		return nil, errors.New("view: there is one group, which is read as it came: give each")
	}
	if r.Namespace != "" && len(r.ID) == 0 {
		return nil, errors.New("namespace is given without id")
	}
	var err error
	if r.View != "" {
		if f.recast, err = compileJQ(r.View, false); err != nil {
			return nil, fmt.Errorf("view: %w", err)
		}
	}
	if f.each, err = compileJQ(each, true); err != nil {
		return nil, fmt.Errorf("each: %w", err)
	}
	if f.lists, err = r.lists(); err != nil {
		return nil, err
	}
	if len(f.lists) == 0 {
		return nil, errors.New("it names no recipients: give mail, cc, bcc, tel, id or ids")
	}
	if f.text, err = compilePaths("text", r.Text); err != nil {
		return nil, err
	}
	if f.shared, err = compilePaths("shared", r.Shared); err != nil {
		return nil, err
	}
	if f.decides, err = compilePaths("decides", r.Decides); err != nil {
		return nil, err
	}
	f.once, err = compilePaths("once", r.Once)
	return f, err
}

// lists compiles the expressions that yield recipients.
func (r fanoutRule) lists() ([]addressList, error) {
	lists := []struct {
		key       string
		exprs     []string
		kind      gate.RecipientKind
		role      gate.RecipientRole
		namespace string
	}{
		{"mail", r.Mail, gate.Mail, gate.To, ""},
		{"cc", r.Cc, gate.Mail, gate.Cc, ""},
		{"bcc", r.Bcc, gate.Mail, gate.Bcc, ""},
		{"tel", r.Tel, gate.Tel, gate.To, ""},
		{"id", r.ID, gate.Other, gate.To, r.Namespace},
	}
	for _, namespace := range slices.Sorted(maps.Keys(r.IDs)) {
		lists = append(lists, lists[len(lists)-1])
		l := &lists[len(lists)-1]
		l.key, l.exprs, l.kind, l.namespace = "ids."+namespace, r.IDs[namespace], gate.Other, namespace
	}
	var out []addressList
	for _, l := range lists {
		if strings.Trim(l.namespace, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, fmt.Errorf("namespace %q has other characters than lower-case letters, digits and hyphens", l.namespace)
		}
		for i, expr := range l.exprs {
			code, err := compileJQ(expr, false)
			if err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", l.key, i, err)
			}
			out = append(out, addressList{code, l.key, expr, l.kind, l.role, l.namespace})
		}
	}
	return out, nil
}

func compilePaths(key string, exprs []string) ([]*gojq.Code, error) {
	var out []*gojq.Code
	for i, expr := range exprs {
		code, err := compileJQ(expr, true)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", key, i, err)
		}
		out = append(out, code)
	}
	return out, nil
}

// A group is one value that each yields, and where it stands in the view.
type group struct {
	value      any
	path       []any
	recipients []gate.Recipient
	prose      []string
}

// An evaluation is a rule at work on one request.
type evaluation struct {
	*fanout
	ctx       context.Context
	from      source
	variables []any
	spelled   map[string]string // telephone numbers as they stand, and in E.164
}

// apply fans a request out: first the delivery to the provider, with all that the
// request says but the groups, of which it has the number; then one for each
// group, whose body is that of the request with the other groups left out. Errors
// name nobody.
func (f *fanout) apply(r *request) ([]gate.Decoded, error) {
	if r.message.Cut > 0 {
		return nil, errors.New("the body was not kept whole")
	}
	from := f.from
	if from == "" {
		from = r.source()
	}
	view, err := r.view(from, f.pattern.segments)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), jqTime)
	defer cancel()
	e := &evaluation{fanout: f, ctx: ctx, from: from, variables: r.variables(f.pattern.segments)}
	if f.recast != nil {
		if view, err = e.one(f.recast, view, "view"); err != nil {
			return nil, err
		}
		from, e.from = fromView, fromView
	}
	tree, groups, err := e.groups(view)
	if err != nil {
		return nil, err
	}
	whole := tree.index >= 0
	said := gate.Decoded{Reader: f.reader}
	if said.Decides, err = e.places(e.decides, "decides", view, whole); err != nil {
		return nil, err
	}
	if said.Once, err = e.places(e.once, "once", view, whole); err != nil {
		return nil, err
	}
	shared, err := e.places(e.shared, "shared", view, whole)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		groups[i].prose = append(groups[i].prose, shared...)
	}
	if whole {
		return e.whole(r, groups[0], &said), nil
	}
	if !from.ofBody() || from == fromMultipart {
		return nil, fmt.Errorf("each yields a part of the %s: there is one group, which is %q", from, ".")
	}

	party := r.plain
	party.Reader, party.Decides, party.Once, party.Prose = said.Reader, said.Decides, said.Once, shared
	party.Fields = append(slices.Clone(party.Fields), gate.Part{Name: "fanout/groups", Kind: gate.Value, Value: strconv.Itoa(len(groups))})
	rest := tree.append(nil, view, -1)
	party.Payloads = r.withBody(from, rest)
	out := append(make([]gate.Decoded, 0, 1+len(groups)), party)
	fields := r.groupFields()
	total := 0
	for i, g := range groups {
		b := tree.append(make([]byte, 0, len(rest)+256), view, i)
		if total += len(b); total > maxFannedOut {
			return nil, fmt.Errorf("its %d groups come to more than %d bytes", len(groups), maxFannedOut)
		}
		out = append(out, gate.Decoded{
			Recipients: g.recipients,
			Class:      r.plain.Class,
			Fields:     fields,
			Payloads:   r.withBody(from, b),
			Traces:     r.plain.Traces,
			Prose:      g.prose,
			Decides:    said.Decides,
			Once:       said.Once,
			Reader:     said.Reader,
			Spelled:    e.spelled,
		})
	}
	return out, nil
}

// whole is a request that is one group: the provider is told of by what its head says,
// and the group has its payloads as they came. Segments of the path, parameters and fields of the
// head that name a recipient are left to the recipient.
func (e *evaluation) whole(r *request, g group, said *gate.Decoded) []gate.Decoded {
	from := e.from
	party := r.plain
	party.Reader, party.Decides, party.Once = said.Reader, said.Decides, said.Once
	party.Fields, party.Class = e.withoutRecipients(r, r.plain.Fields, g)
	party.Fields = append(party.Fields, gate.Part{Name: "fanout/groups", Kind: gate.Value, Value: "1"})
	own, _ := e.withoutRecipients(r, r.groupFields(), g)
	party.Payloads = nil
	payloads := queryWithout(r.plain.Payloads, g)
	for _, p := range payloads {
		if from.ofBody() && p.Name != "body" {
			party.Payloads = append(party.Payloads, p)
		}
	}
	return []gate.Decoded{party, {
		Recipients: g.recipients,
		Class:      party.Class,
		Fields:     own,
		Payloads:   payloads,
		Traces:     r.plain.Traces,
		Prose:      g.prose,
		Decides:    said.Decides,
		Once:       said.Once,
		Reader:     said.Reader,
		Spelled:    e.spelled,
	}}
}

// recipientHere stands where the request names whom it is for, which the recipient says.
const recipientHere = "{recipient}"

// isID reports whether a value is all of the id of one of the recipients, or what one has the
// digest of.
func isID(recipients []gate.Recipient, value string) bool {
	return slices.ContainsFunc(recipients, func(x gate.Recipient) bool {
		_, id, ok := strings.Cut(x.Address, ":")
		return x.Kind == gate.Other && ok && value != "" && (id == value || slices.Contains(strings.Split(id, "/"), secretDigest(value)))
	})
}

// queryWithout returns payloads, in whose query the parameters that are the id of one of g's
// recipients say so, as they stand otherwise.
func queryWithout(payloads []gate.Payload, g group) []gate.Payload {
	out := slices.Clone(payloads)
	for i := range out {
		if out[i].Name != "query" {
			continue
		}
		pairs := strings.Split(string(out[i].Bytes), "&")
		for j, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			if v, err := url.QueryUnescape(value); err == nil && isID(g.recipients, v) {
				pairs[j] = name + "=" + url.QueryEscape(recipientHere)
			}
		}
		out[i].Bytes = []byte(strings.Join(pairs, "&"))
	}
	return out
}

// withoutRecipients returns fields, in which named segments of the path that are the
// address of one of g's recipients are the names that the rule gives them, as fields of the head
// are, and the class of what is left.
func (f *fanout) withoutRecipients(r *request, fields []gate.Part, g group) ([]gate.Part, string) {
	fields, class := slices.Clone(fields), r.plain.Class
	endpoint := slices.ContainsFunc(g.recipients, func(x gate.Recipient) bool {
		return x.Kind == gate.Other && strings.HasSuffix(x.Address, ":"+r.party.Address+r.path)
	})
	for i := range fields {
		if endpoint && (fields[i].Name == "path" || fields[i].Name == "party") {
			fields[i].Value = recipientHere
		}
		if strings.HasPrefix(fields[i].Name, "header/") && isID(g.recipients, fields[i].Value) {
			fields[i].Value = recipientHere
		}
		if fields[i].Name != "path" || endpoint {
			continue
		}
		segments := strings.Split(strings.TrimPrefix(fields[i].Value, "/"), "/")
		kinds := slices.Clone(segments)
		for j, name := range f.pattern.segments {
			if name == "" || j >= len(segments) {
				continue
			}
			if slices.ContainsFunc(g.recipients, func(x gate.Recipient) bool { return isAddress(x, segments[j]) }) {
				segments[j], kinds[j] = "{"+name+"}", "0"
			}
		}
		fields[i].Value = "/" + strings.Join(segments, "/")
		class = classOf(r.head.method, "/"+strings.Join(kinds, "/"))
	}
	return fields, class
}

// isAddress reports whether a segment of a path is all of an address but its namespace, or
// one step of an address that has steps, or what an address has the digest of.
func isAddress(r gate.Recipient, segment string) bool {
	address := r.Address
	if r.Kind == gate.Other {
		if _, id, ok := strings.Cut(address, ":"); ok && address != segment {
			address = id
		}
		if segment == "" {
			return false
		}
		if steps := strings.Split(address, "/"); slices.Contains(steps, segment) || slices.Contains(steps, secretDigest(segment)) {
			return true
		}
	}
	return address == segment
}

// secretDigest stands in a recipient for a secret: of the address of a webhook, whoever
// has it may write there.
func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])[:16]
}

// groupFields are what each group shows of the request besides its body.
func (r *request) groupFields() []gate.Part {
	var fields []gate.Part
	for _, p := range r.plain.Fields {
		if p.Kind == gate.Transport || p.Name == "method" || p.Name == "path" {
			fields = append(fields, p)
		}
	}
	for _, p := range r.plain.Recipients {
		fields = append(fields, gate.Part{Name: "party", Kind: gate.Value, Value: p.Address})
	}
	return fields
}

// withBody returns the payloads of the request with another body, which b is as JSON.
func (r *request) withBody(from source, b []byte) []gate.Payload {
	var out []gate.Payload
	for _, p := range r.plain.Payloads {
		if p.Name == "body" {
			p = payload(from, p, b)
		}
		out = append(out, p)
	}
	return out
}

// groups evaluates the rule.
func (e *evaluation) groups(view any) (*mark, []group, error) {
	tree := newMark()
	var groups []group
	total := 0
	err := e.run(e.each, view, "each", func(v any) error {
		if len(groups) == maxGroups {
			return fmt.Errorf("each yields more than %d groups", maxGroups)
		}
		path, ok := v.([]any)
		if !ok {
			return errors.New("each yields what is no path")
		}
		value, err := tree.add(path, view, len(groups))
		if err != nil {
			return err
		}
		groups = append(groups, group{value: value, path: path})
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
		for _, l := range e.lists {
			earlier := len(g.recipients)
			err := e.run(l.code, g.value, l.expr, func(v any) error {
				before := len(g.recipients)
				if g.recipients, err = l.recipients(g.recipients, v, e); err != nil {
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
			// Whom an expression finds that another found already is one recipient in two places.
			found := g.recipients[:earlier:earlier]
			for _, r := range g.recipients[earlier:] {
				if !slices.Contains(g.recipients[:earlier], r) {
					found = append(found, r)
				}
			}
			g.recipients = found
		}
		if len(g.recipients) == 0 {
			return nil, nil, fmt.Errorf("group %d names no recipients: nothing stands at %s", i, e.looked())
		}
		if err := e.prose(g, tree.index >= 0); err != nil {
			return nil, nil, err
		}
	}
	return tree, groups, nil
}

// places names the parts at paths from the root.
func (e *evaluation) places(paths []*gojq.Code, key string, view any, whole bool) ([]string, error) {
	var names []string
	for _, code := range paths {
		err := e.run(code, view, key, func(v any) error {
			if path, ok := v.([]any); ok {
				if name := partName(e.from, path, whole); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// one is the only value that code yields.
func (e *evaluation) one(code *gojq.Code, input any, key string) (any, error) {
	var values []any
	err := e.run(code, input, key, func(v any) error {
		values = append(values, v)
		return nil
	})
	if err == nil && len(values) != 1 {
		err = fmt.Errorf("%s yields %d values, and not one", key, len(values))
	}
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// looked names the expressions by which recipients are looked for.
func (e *evaluation) looked() string {
	var all []string
	for _, l := range e.lists {
		all = append(all, l.expr+" "+strconv.Quote(l.jq))
	}
	return strings.Join(all, ", ")
}

// prose names the parts of a group that people read as running text.
func (e *evaluation) prose(g *group, whole bool) error {
	for _, code := range e.text {
		err := e.run(code, g.value, "text", func(v any) error {
			if path, ok := v.([]any); ok {
				name := partName(e.from, slices.Concat(g.path, path), whole)
				if !slices.Contains(g.prose, name) {
					g.prose = append(g.prose, name)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run gives each value that code yields to take. Errors of jq quote the values that
// they are about, so they are told by kind only.
func (e *evaluation) run(code *gojq.Code, input any, key string, take func(any) error) error {
	iter := code.RunWithContext(e.ctx, input, e.variables...)
	for {
		v, ok := iter.Next()
		if !ok {
			return nil
		}
		if err, failed := v.(error); failed {
			if e.ctx.Err() != nil {
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
