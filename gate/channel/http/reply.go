package http

import (
	"fmt"
	"net"
	nethttp "net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// asked says what kind of request a stimulus is.
func asked(s *gate.Stimulus) string {
	h, err := parseHead(string(s.Head), nil)
	if err != nil {
		return "" // one that no build was asked
	}
	_, path, _ := split(h.target)
	return classOf(h.method, canonicalPath(path))
}

// askedHost returns the host that a stimulus names (RFC 9110, 7.1, 7.2).
func askedHost(s *gate.Stimulus) string {
	h, err := parseHead(string(s.Head), nil)
	if err != nil {
		return ""
	}
	authority, _, _ := split(h.target)
	if authority == "" {
		authority = h.get("Host")
	}
	_, host := splitUser(authority)
	return hostName(host)
}

// hostName returns a host as recipients are named, or "".
func hostName(host string) string {
	r, err := gate.HostRecipient(host)
	if err != nil {
		return ""
	}
	return r.Address
}

// resentTo returns the host to which a redirect has the request sent again, with its method and
// body (RFC 9110, 15.4.8 and 15.4.9); "" where it names none, or leads back to the build.
func resentTo(status int, location string) string {
	if status != nethttp.StatusTemporaryRedirect && status != nethttp.StatusPermanentRedirect {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(strings.TrimSpace(location), `\`, "/")) // as browsers read it (WHATWG URL, 4.4)
	if err != nil {
		return strings.ToLower(location)
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return ""
	}
	return hostName(u.Host)
}

// reply takes an answer apart. These are its fields, in this order:
//
//	status
//	cache/<name>                who may keep it and hand it on: directives in order, without
//	                            their numbers (RFC 9111, 5.2; RFC 9213), the fields of Vary,
//	                            how long until Expires, as a word
//	cache/<name>/<directive>    the number of one
//	cache/last-modified         nothing else says how long it may be kept (RFC 9111, 4.2.2)
//	header/<name>               one part for each other field line, in lower case
//	set-cookie/<name>           the value of a cookie (RFC 6265, 4.1)
//	set-cookie/<name>/scope     where it is sent to: its attributes, with its lifetime as a word
//	set-cookie/<name>/max-age   how long it lives, in seconds
//
// A page is read as the text of a mail is, and everything else as the body of a request.
// Where a redirect has the same request sent again, its host is told apart: see resentTo.
// What is hidden has the exact shape of what changes with each answer, see read.
func reply(o *gate.Outcome) (gate.Decoded, error) {
	h, err := parseStatusHead(string(o.Head), nil)
	if err != nil {
		return gate.Decoded{}, fmt.Errorf("read the head of the answer to stimulus %s: %w", o.Stimulus, err)
	}
	r := &request{message: &gate.Message{Body: o.Body, Cut: o.Cut}, head: head{header: h.header}}
	r.field("status", gate.Value, strconv.Itoa(h.status))
	r.plain.Resent = resentTo(h.status, r.head.get("Location"))
	first := len(r.plain.Fields)
	r.caching()
	for _, f := range h.header {
		r.replyHeader(f)
	}
	slices.SortStableFunc(r.plain.Fields[first:], func(a, b gate.Part) int { return strings.Compare(a.Name, b.Name) })
	if len(o.Body) > 0 {
		name, kind := "body", r.head.get("Content-Type")
		if media, _, _ := strings.Cut(strings.ToLower(kind), ";"); isPage(strings.TrimSpace(media)) {
			name = ""
		}
		r.plain.Payloads = []gate.Payload{{Name: name, Type: kind, Encoding: r.contentEncoding(), Bytes: o.Body}}
	}
	if o.Cut > 0 {
		r.plain.Gaps = append(r.plain.Gaps, gate.Gap{
			Kind: gate.GapCutBody, Where: "answer", Detail: fmt.Sprintf("%d bytes of the answer were not kept", o.Cut), Stimulus: o.Stimulus,
		})
	}
	return r.plain, nil
}

// isPage reports whether people read bodies of a media type as they are.
func isPage(media string) bool {
	return media == "text/html" || media == "application/xhtml+xml" || media == "text/plain"
}

// replyHeader adds one field line of an answer.
func (r *request) replyHeader(f field) {
	lower := strings.ToLower(f.name)
	part := "header/" + lower
	switch lower {
	case "set-cookie":
		r.setCookie(f.value)
	case "location", "content-location":
		r.field(part, gate.Link, f.value)
	case "expires", "last-modified":
		r.hideIf(fields.IsHTTPDate(f.value), gate.Hidden{Rule: "date", Part: part, Value: f.value})
	case "etag":
		tag := strings.Trim(strings.TrimPrefix(f.value, "W/"), `"`)
		r.hideIf(fields.FreshID(tag) || fields.Base64(tag), gate.Hidden{Rule: "etag", Part: part, Value: f.value})
	case "server-timing":
		r.field(part, gate.Value, timing.ReplaceAllStringFunc(f.value, func(d string) string {
			r.hide("duration", part, d[strings.IndexByte(d, '=')+1:])
			return ""
		}))
	case "x-runtime", "x-response-time":
		r.hideIf(duration.MatchString(f.value), gate.Hidden{Rule: "duration", Part: part, Value: f.value})
	case "strict-transport-security": // a number of seconds is nobody's
		r.field(part, gate.Value, maxAge.ReplaceAllStringFunc(f.value, func(d string) string {
			return "max-age=" + words(d[len("max-age="):])
		}))
	default:
		switch rule := transit(lower, f.value); {
		case isCaching(lower):
		case rule != "":
			r.hide(rule, part, f.value)
		default:
			r.header(f)
		}
	}
}

// transit is the rule by which a field is hidden that says how this one answer came about, in a
// few words or small numbers: from which cache, how old, and how many more may be asked for. ""
// is none.
func transit(name, value string) string {
	short := func(pattern *regexp.Regexp) bool { return len(value) <= 64 && pattern.MatchString(value) }
	switch {
	case name == "age" && len(value) <= 9 && isDigits(value):
		return "age"
	case (name == "x-cache" || name == "x-cache-hits" || name == "x-cache-status" || name == "cf-cache-status" || name == "x-proxy-cache") && short(cacheResult):
		return "cache-result"
	case (strings.HasPrefix(name, "ratelimit") || strings.HasPrefix(name, "x-ratelimit-") || strings.HasPrefix(name, "x-rate-limit-") || name == "retry-after") && short(quota):
		return "rate-limit"
	}
	return ""
}

var (
	cacheResult = regexp.MustCompile(`(?i)^((tcp_)?(hit|miss|pass|bypass|expired|stale|updating|revalidated|dynamic|none|refresh|[0-9]{1,4})[ ,]*)+$`)
	quota       = regexp.MustCompile(`^([a-z-]{1,16}=?)?"?[0-9]{1,10}(\.[0-9]{1,3})?([;,] ?[a-z]{1,8}=?"?[0-9]{0,10}"?)*$`) // RateLimit header fields for HTTP
)

var (
	timing   = regexp.MustCompile(`;\s*dur=[0-9]+(\.[0-9]+)?`) // Server Timing, 4
	duration = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?( ?(ms|s|us|µs))?$`)
	maxAge   = regexp.MustCompile(`max-age=[0-9]+`)
)

// isCaching reports whether a field says who may keep an answer: those of HTTP, and of what
// stands in front of servers.
func isCaching(name string) bool {
	switch name {
	case "vary", "pragma", "surrogate-control", "edge-control", "x-accel-expires":
		return true
	}
	return strings.HasSuffix(name, "cache-control")
}

// caching adds who may keep the answer. Lines of one field are one list (RFC 9110, 5.3).
func (r *request) caching() {
	var names []string
	lists := map[string]string{}
	for _, f := range r.head.header {
		name := strings.ToLower(f.name)
		if !isCaching(name) {
			continue
		}
		if _, met := lists[name]; met {
			lists[name] += ", " + f.value
			continue
		}
		names = append(names, name)
		lists[name] = f.value
	}
	slices.Sort(names)
	for _, name := range names {
		value := lists[name]
		if name == "x-accel-expires" && isDigits(value) {
			value = "max-age=" + value
		}
		r.cache("cache/"+name, value)
	}
	expires := r.head.get("Expires")
	switch {
	case expires != "":
		r.field("cache/expires", gate.Transport, r.until(expires))
	case len(lists) == 0 && r.head.get("Last-Modified") != "":
		r.field("cache/last-modified", gate.Transport, "given")
	}
}

// until says, as a word, how long it is from the time of the answer to a date. What is no date
// is past (RFC 9111, 5.3).
func (r *request) until(date string) string {
	t, err := nethttp.ParseTime(date)
	if err != nil {
		return lifetimes[0]
	}
	now, err := nethttp.ParseTime(r.head.get("Date"))
	if err != nil {
		return "undated"
	}
	seconds := int64(t.Sub(now) / time.Second)
	if seconds > 30 { // the second may turn between the two
		seconds += 5
	}
	return lifetime(seconds)
}

var lifetimes = gate.Lifetimes()

// lifetime is the word for a number of seconds.
func lifetime(seconds int64) string {
	for i, most := range [...]int64{0, 59, 3599, 86399, 30*86400 - 1, 365*86400 - 1} {
		if seconds <= most {
			return lifetimes[i]
		}
	}
	return lifetimes[len(lifetimes)-1]
}

// words writes a number of seconds in the largest unit that it is a multiple of.
func words(seconds string) string {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return seconds
	}
	for _, unit := range []struct {
		name string
		size int64
	}{{"days", 86400}, {"hours", 3600}, {"minutes", 60}} {
		if n != 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + " " + unit.name
		}
	}
	return seconds
}

// cache adds one list of who may keep an answer. The order of directives, and their case, say
// nothing.
func (r *request) cache(part, value string) {
	var list []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.Trim(item, " \t")
		name, number, ok := strings.Cut(item, "=")
		name = strings.ToLower(name)
		switch {
		case ok && isDigits(number):
			r.field(part+"/"+name, gate.Value, number)
			item = name
		case ok:
			item = name + "=" + number
		default:
			item = name
		}
		if item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	slices.Sort(list)
	r.field(part, gate.Transport, strings.Join(list, ", "))
}

// setCookie adds a cookie that an answer sets.
func (r *request) setCookie(value string) {
	pair, rest, _ := strings.Cut(value, ";")
	name, content, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
	part := "set-cookie/" + name
	r.field(part, gate.Value, content)
	var scope []string
	lives := ""
	for attribute := range strings.SplitSeq(rest, ";") {
		attribute = strings.Trim(attribute, " \t")
		k, v, has := strings.Cut(attribute, "=")
		switch k = strings.ToLower(k); {
		case k == "":
		case k == "expires":
			r.hideIf(fields.IsHTTPDate(v), gate.Hidden{Rule: "date", Part: part + "/expires", Value: v})
			if lives == "" {
				lives = r.until(v)
			}
		case k == "max-age": // which goes before Expires (RFC 6265, 5.3)
			r.field(part+"/max-age", gate.Value, v)
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				lives = lifetime(n)
			}
		case !has:
			scope = append(scope, k)
		case k == "samesite" || k == "domain":
			scope = append(scope, k+"="+strings.ToLower(v))
		default:
			scope = append(scope, k+"="+v)
		}
	}
	if lives != "" {
		scope = append(scope, "lives="+lives)
	}
	slices.Sort(scope)
	r.field(part+"/scope", gate.Transport, strings.Join(scope, "; "))
}
