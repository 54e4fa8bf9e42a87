package http

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"maps"
	"mime"
	nethttp "net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/itchyny/gojq"

	"github.com/waybill-dev/waybill/gate"
)

// The built-in catalogue: one file for each API, in the form of [apiFile].
//
//go:embed catalogue/*.toml
var catalogueFiles embed.FS

// An apiFile is what is known of one message API. Users give theirs in the same form, as
// apis of a sink.
type apiFile struct {
	API      string       `toml:"api"`   // its name in reports
	About    string       `toml:"about"` // where this comes from: the page, or the SDK whose source says so
	Hosts    []string     `toml:"hosts"` // "*" stands for any run of characters, "*." at the beginning for any name below
	Requests []apiRequest `toml:"requests"`
}

// An apiRequest is one kind of request to an API: which it is, whom it is for, and what the
// API answers. Its keys besides those here are those of a fan-out rule. Without recipients
// it is one that sends nothing by itself, such as one for an access token.
//
// Where an API has no hosts, or a build reaches a sink by the sink's own address, only a
// request that has what sets it apart is known by it: Anywhere says that it has.
type apiRequest struct {
	fanoutRule

	Matches  []string          `toml:"matches"`  // more than one match
	Hosts    []string          `toml:"hosts"`    // others than those of the file
	Anywhere bool              `toml:"anywhere"` // whichever host it is for
	Type     string            `toml:"type"`     // media type of the body, "" is any
	Headers  map[string]string `toml:"headers"`  // that it has: a glob for the value, names in any case
	When     string            `toml:"when"`     // a condition on what From says
	Answer   apiAnswer         `toml:"answer"`
}

// An apiAnswer is what an API says to a request that it accepts. All but the status are jq
// expressions on the request, and give equal requests equal answers.
type apiAnswer struct {
	Status  int               `toml:"status"`  // 0 is 200
	Headers map[string]string `toml:"headers"` // each a text
	JSON    string            `toml:"json"`    // any value
	Text    string            `toml:"text"`    // or a text
}

// An entry is a kind of request to an API, ready for use. Its expressions are compiled
// when a request first matches.
type entry struct {
	api      string
	name     string // of the API and its request, for messages
	patterns []pattern
	anywhere bool
	own      bool // the user gave it
	kind     string
	headers  map[string]string
	rule     apiRequest

	once     sync.Once
	err      error // of compiling
	when     *gojq.Code
	fanout   *fanout // nil: it is for nobody
	answered *compiledAnswer
	region   string
}

type compiledAnswer struct {
	status  int
	headers []namedCode
	json    *gojq.Code
	text    *gojq.Code
}

type namedCode struct {
	name string
	code *gojq.Code
}

// A catalogue finds the entries that a request may be of.
type catalogue struct {
	hosts    map[string][]*entry // by whole names
	wild     []*entry            // with hosts that have wildcards
	anywhere []*entry
	all      []*entry
}

// builtIn reads the embedded catalogue once.
var builtIn = sync.OnceValues(func() ([]apiFile, error) {
	files, err := catalogueFiles.ReadDir("catalogue")
	if err != nil {
		return nil, err
	}
	var out []apiFile
	for _, f := range files {
		text, err := catalogueFiles.ReadFile("catalogue/" + f.Name())
		if err != nil {
			return nil, err
		}
		var file apiFile
		md, err := toml.Decode(string(text), &file)
		if err != nil {
			return nil, fmt.Errorf("catalogue/%s: %w", f.Name(), err)
		}
		if unknown := md.Undecoded(); len(unknown) > 0 {
			return nil, fmt.Errorf("catalogue/%s: unknown key %s", f.Name(), unknown[0])
		}
		out = append(out, file)
	}
	return out, nil
})

// builtInFor is the built-in catalogue with the telephone numbers of a region. That of no
// region is made once, and what of it was compiled serves every sink.
func builtInFor(region string) (*catalogue, error) {
	if region == "" {
		return builtInAnywhere()
	}
	files, err := builtIn()
	if err != nil {
		return nil, err
	}
	return newCatalogue(region, files)
}

var builtInAnywhere = sync.OnceValues(func() (*catalogue, error) {
	files, err := builtIn()
	if err != nil {
		return nil, err
	}
	return newCatalogue("", files)
})

// newCatalogue joins files that are built in. The first entry that a request is of is used.
func newCatalogue(region string, files []apiFile) (*catalogue, error) {
	return joined(region, files, false)
}

// ownCatalogue joins files of the user's.
func ownCatalogue(region string, files []apiFile) (*catalogue, error) {
	return joined(region, files, true)
}

func joined(region string, files []apiFile, own bool) (*catalogue, error) {
	c := &catalogue{hosts: map[string][]*entry{}}
	for _, file := range files {
		if file.API == "" || len(file.API) > 60 {
			return nil, errors.New("api: an API has a name of at most 60 characters")
		}
		for i, r := range file.Requests {
			e, err := r.entry(&file)
			if err != nil {
				return nil, fmt.Errorf("%s: requests[%d]: %w", file.API, i, err)
			}
			e.region, e.own = region, own
			c.add(e)
		}
	}
	return c, nil
}

func (r apiRequest) entry(file *apiFile) (*entry, error) {
	matches := slices.Clone(r.Matches)
	if r.Match != "" {
		matches = append(matches, r.Match)
	}
	if len(matches) == 0 {
		return nil, errors.New("match is not given")
	}
	hosts := r.Hosts
	if r.Host != "" {
		hosts = append(slices.Clone(hosts), r.Host)
	}
	if len(hosts) == 0 {
		hosts = file.Hosts
	}
	if len(hosts) == 0 && !r.Anywhere {
		return nil, errors.New("it has no hosts, and is not known anywhere")
	}
	e := &entry{
		api: file.API, name: r.name(file.API, matches),
		anywhere: r.Anywhere, kind: r.Type, headers: r.Headers, rule: r,
	}
	for _, match := range matches {
		p, err := compilePattern(match, "")
		if err != nil {
			return nil, err
		}
		if len(hosts) == 0 {
			e.patterns = append(e.patterns, p)
		}
		for _, host := range hosts {
			with, err := compilePattern(match, host)
			if err != nil {
				return nil, err
			}
			e.patterns = append(e.patterns, with)
		}
	}
	return e, nil
}

// name tells an entry from all others.
func (r *apiRequest) name(api string, matches []string) string {
	name := api + ": " + strings.Join(matches, ", ")
	for _, k := range slices.Sorted(maps.Keys(r.Headers)) {
		name += ", " + k + ": " + r.Headers[k]
	}
	for _, condition := range []string{r.Type, r.When} {
		if condition != "" {
			name += ", " + condition
		}
	}
	return name
}

func (c *catalogue) add(e *entry) {
	c.all = append(c.all, e)
	wild := false
	for i := range e.patterns {
		p := &e.patterns[i]
		switch {
		case p.glob != "" || p.subs:
			wild = true
		case p.host != "":
			if list := c.hosts[p.host]; len(list) == 0 || list[len(list)-1] != e {
				c.hosts[p.host] = append(list, e)
			}
		}
	}
	if wild {
		c.wild = append(c.wild, e)
	}
	if e.anywhere {
		c.anywhere = append(c.anywhere, e)
	}
}

// find returns the first entry that r is of, or nil. own says that r came to the sink's own
// address, which says no host.
func (c *catalogue) find(r *request, own bool) (*entry, error) {
	host := r.party.Address
	bare := host
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		bare = host[:i]
	}
	for _, e := range c.hosts[bare] {
		if ok, err := e.takes(r, host); ok || err != nil {
			return e, err
		}
	}
	for _, e := range c.wild {
		if ok, err := e.takes(r, host); ok || err != nil {
			return e, err
		}
	}
	for _, e := range c.anywhere {
		if e.hosted() && !own {
			continue
		}
		if ok, err := e.takes(r, ""); ok || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// hosted reports whether an entry names hosts.
func (e *entry) hosted() bool { return e.patterns[0].host != "" || e.patterns[0].glob != "" }

// takes reports whether r is of e. Where host is empty it may be any.
func (e *entry) takes(r *request, host string) (bool, error) {
	i := slices.IndexFunc(e.patterns, func(p pattern) bool {
		if host == "" {
			p.host, p.glob, p.ported, p.subs = "", "", false, false
		}
		return p.matchesAPI(r, host)
	})
	if i < 0 {
		return false, nil
	}
	if e.kind != "" {
		kind, _, _ := mime.ParseMediaType(r.head.get("Content-Type"))
		if kind != e.kind {
			return false, nil
		}
	}
	for name, glob := range e.headers {
		if ok, err := path.Match(glob, strings.ReplaceAll(r.head.get(name), "/", "\x1f")); !ok || err != nil {
			return false, nil
		}
	}
	if e.once.Do(e.compile); e.err != nil {
		return false, e.err
	}
	if e.when == nil {
		return true, nil
	}
	view, err := r.view(e.source(r), e.patterns[i].segments)
	if err != nil {
		return false, nil // what cannot be read meets no condition
	}
	x, done := e.evaluation(r)
	defer done()
	v, err := x.one(e.when, view, "when")
	return err == nil && v != nil && v != false, nil
}

func (e *entry) source(r *request) source {
	if e.rule.From != "" {
		return e.rule.From
	}
	return r.source()
}

// compile makes an entry ready for use.
func (e *entry) compile() {
	e.err = e.compileAll()
	if e.err != nil {
		e.err = fmt.Errorf("the catalogue's %s: %w", e.name, e.err)
	}
}

func (e *entry) compileAll() (err error) {
	if e.rule.When != "" {
		if e.when, err = compileJQ(e.rule.When, false); err != nil {
			return fmt.Errorf("when: %w", err)
		}
	}
	if e.rule.addresses() {
		if e.fanout, err = e.rule.expressions(); err != nil {
			return err
		}
		e.fanout.match, e.fanout.pattern, e.fanout.reader, e.fanout.region = "by the catalogue as "+e.api, e.patterns[0], e.api, e.region
	}
	e.answered, err = e.rule.Answer.compile()
	return err
}

// addresses reports whether a rule names recipients.
func (r *fanoutRule) addresses() bool {
	return len(r.Mail)+len(r.Cc)+len(r.Bcc)+len(r.Tel)+len(r.ID)+len(r.IDs) > 0
}

func (a apiAnswer) compile() (*compiledAnswer, error) {
	if a.Status == 0 && a.JSON == "" && a.Text == "" && len(a.Headers) == 0 {
		return nil, nil
	}
	c := &compiledAnswer{status: a.Status}
	if c.status == 0 {
		c.status = nethttp.StatusOK
	}
	if c.status < 200 || c.status > 599 {
		return nil, fmt.Errorf("answer: status %d is not a final status, 200 to 599", c.status)
	}
	if a.JSON != "" && a.Text != "" || bodiless(c.status) && a.JSON+a.Text != "" {
		return nil, errors.New("answer: it has more than one body, or a body where its status has none")
	}
	var err error
	if a.JSON != "" {
		if c.json, err = compileJQ(a.JSON, false); err != nil {
			return nil, fmt.Errorf("answer: json: %w", err)
		}
	}
	if a.Text != "" {
		if c.text, err = compileJQ(a.Text, false); err != nil {
			return nil, fmt.Errorf("answer: text: %w", err)
		}
	}
	for name, expr := range a.Headers {
		code, err := compileJQ(expr, false)
		if err != nil || !isToken(name) || hopByHop(strings.ToLower(name)) {
			return nil, fmt.Errorf("answer: headers: %q cannot be answered: %w", name, err)
		}
		c.headers = append(c.headers, namedCode{strings.ToLower(name), code})
	}
	slices.SortFunc(c.headers, func(a, b namedCode) int { return strings.Compare(a.name, b.name) })
	return c, nil
}

// check compiles all entries, so that a fault of a user's file is known before a run.
func (c *catalogue) check() error {
	for _, e := range c.all {
		if e.once.Do(e.compile); e.err != nil {
			return e.err
		}
	}
	return nil
}

// entry returns the first entry that r is of, or nil: of the user's, then of the built-in
// ones.
func (c *compiled) entry(r *request) (*entry, error) {
	for _, known := range c.apis {
		if e, err := known.find(r, r.message.Host == "" && c.host == ""); e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

// known reads r by the entry that it is of: nil where there is none.
func (c *compiled) known(r *request) []gate.Decoded {
	e, err := c.entry(r)
	if err != nil {
		r.gap(gate.GapNotDecoded, err.Error())
		return nil
	}
	if e == nil {
		return nil
	}
	if e.fanout == nil {
		r.plain.Reader = e.api
		return nil
	}
	f := *e.fanout
	f.pattern.segments = e.segmentsOf(r)
	out, err := f.apply(r)
	switch {
	case err == nil:
		return out
	case e.own:
		r.gap(gate.GapNotDecoded, "read "+f.match+": "+err.Error())
	}
	// What is built in is no promise of the user's that requests are of this form: one that is
	// not is compared by its host, as any other, and counted as one whose recipients are not known.
	return nil
}

// segmentsOf returns the names of the segments of r's path.
func (e *entry) segmentsOf(r *request) []string {
	for i := range e.patterns {
		p := e.patterns[i]
		p.host, p.glob, p.ported, p.subs = "", "", false, false
		if p.matchesAPI(r, "") {
			return p.segments
		}
	}
	return nil
}

// A Known is one kind of request that the built-in catalogue knows.
type Known struct {
	API     string
	About   string   // where that comes from
	Matches []string // methods and paths
	Hosts   []string // none: any host
	When    []string // what sets it apart besides: header fields, the media type, a condition
	Sends   bool     // it is for somebody, and not for a token, say
}

// Catalogue lists what the built-in catalogue knows, in its order.
func Catalogue() ([]Known, error) {
	files, err := builtIn()
	if err != nil {
		return nil, err
	}
	var out []Known
	for _, f := range files {
		for _, r := range f.Requests {
			k := Known{API: f.API, About: f.About, Matches: r.Matches, Hosts: f.Hosts, Sends: r.addresses()}
			if r.Match != "" {
				k.Matches = append(slices.Clone(k.Matches), r.Match)
			}
			if len(r.Hosts) > 0 {
				k.Hosts = r.Hosts
			}
			for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
				k.When = append(k.When, name+": "+r.Headers[name])
			}
			for _, s := range []string{r.Type, r.When} {
				if s != "" {
					k.When = append(k.When, s)
				}
			}
			out = append(out, k)
		}
	}
	return out, nil
}

// ReadRequest takes a request apart as it stands in a file: its head, with CRLF or LF, an
// empty line, and its body, of as many octets as Content-Length says, else up to the end but
// for one line end. The host is what the target or Host says.
func ReadRequest(b []byte) (*gate.Message, error) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 && (!ok || i < len(head)) {
		head, body = b[:i], b[i+2:]
	}
	lines := strings.ReplaceAll(strings.ReplaceAll(string(head), "\r\n", "\n"), "\n", "\r\n") + "\r\n"
	h, err := parseHead(lines, nil)
	if err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	authority, _, _ := split(h.target)
	_, host := splitUser(authority)
	if host == "" {
		host = h.get("Host")
	}
	if host == "" {
		return nil, errors.New("read a request: it says no host")
	}
	if n, err := strconv.Atoi(h.get("Content-Length")); err == nil && n >= 0 && n <= len(body) {
		body = body[:n]
	} else {
		body = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r")) // that editors write
	}
	return &gate.Message{Channel: Name, Sink: "web", Host: host, Head: []byte(lines), Body: body, TLS: "TLS 1.3"}, nil
}
