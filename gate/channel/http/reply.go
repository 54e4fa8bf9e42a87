package http

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// reply takes an answer apart. These are its fields, in this order:
//
//	status
//	cache/<name>                who may keep it and hand it on: directives in order, without
//	                            their numbers (RFC 9111, 5.2; RFC 9213), and the fields of Vary
//	cache/<name>/<directive>    the number of one
//	header/<name>               one part for each other field line, in lower case
//	set-cookie/<name>           the value of a cookie (RFC 6265, 4.1)
//	set-cookie/<name>/scope     where it is sent to: its attributes but for how long it lives
//	set-cookie/<name>/max-age   how long, in seconds
//
// A page is read as the text of a mail is, and everything else as the body of a request.
// What is hidden has the exact shape of what changes with each answer, see read.
func reply(o *gate.Outcome) (gate.Decoded, error) {
	h, err := parseStatusHead(string(o.Head), nil)
	if err != nil {
		return gate.Decoded{}, fmt.Errorf("read the head of the answer to stimulus %s: %w", o.Stimulus, err)
	}
	r := &request{message: &gate.Message{Body: o.Body, Cut: o.Cut}, head: head{header: h.header}}
	r.field("status", gate.Value, strconv.Itoa(h.status))
	first := len(r.plain.Fields)
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
	case "cache-control", "cdn-cache-control", "surrogate-control", "vary", "pragma":
		r.cache("cache/"+lower, f.value)
	default:
		r.header(f)
	}
}

// cache adds who may keep an answer. The order of directives, and their case, say nothing.
func (r *request) cache(part, value string) {
	var names []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.Trim(item, " \t")
		name, number, ok := strings.Cut(item, "=")
		name = strings.ToLower(name)
		if ok && isDigits(number) {
			r.field(part+"/"+name, gate.Value, number)
			item = name
		} else if ok {
			item = name + "=" + number
		} else {
			item = name
		}
		if item != "" && !slices.Contains(names, item) {
			names = append(names, item)
		}
	}
	slices.Sort(names)
	r.field(part, gate.Transport, strings.Join(names, ", "))
}

// setCookie adds a cookie that an answer sets.
func (r *request) setCookie(value string) {
	pair, rest, _ := strings.Cut(value, ";")
	name, content, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
	part := "set-cookie/" + name
	r.field(part, gate.Value, content)
	var scope []string
	for attribute := range strings.SplitSeq(rest, ";") {
		attribute = strings.Trim(attribute, " \t")
		k, v, has := strings.Cut(attribute, "=")
		switch k = strings.ToLower(k); {
		case k == "":
		case k == "expires":
			r.hideIf(fields.IsHTTPDate(v), gate.Hidden{Rule: "date", Part: part + "/expires", Value: v})
		case k == "max-age":
			r.field(part+"/max-age", gate.Value, v)
		case !has:
			scope = append(scope, k)
		case k == "samesite" || k == "domain":
			scope = append(scope, k+"="+strings.ToLower(v))
		default:
			scope = append(scope, k+"="+v)
		}
	}
	slices.Sort(scope)
	r.field(part+"/scope", gate.Transport, strings.Join(scope, "; "))
}
