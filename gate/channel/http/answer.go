package http

import (
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
)

// An answerRule scripts what a sink says to some requests.
type answerRule struct {
	Match   string            `toml:"match"`
	Host    string            `toml:"host"`
	Status  int               `toml:"status"` // 200 to 599; 0 is 200
	Headers map[string]string `toml:"headers"`
	Body    string            `toml:"body"`
}

// An answer is one response, without what frames it. It carries no Date: equal
// requests get equal answers.
type answer struct {
	status int
	fields []field // lower-case names, sorted
	body   string
}

// scripted is an answer and the requests that it is for.
type scripted struct {
	pattern pattern
	answer  *answer
}

func (r answerRule) compile() (scripted, error) {
	p, err := compilePattern(r.Match, r.Host)
	if err != nil {
		return scripted{}, err
	}
	a := &answer{status: r.Status, body: r.Body}
	if a.status == 0 {
		a.status = nethttp.StatusOK
	}
	if a.status < 200 || a.status > 599 {
		return scripted{}, fmt.Errorf("status %d is not a final status, 200 to 599", a.status)
	}
	if bodiless(a.status) && a.body != "" {
		return scripted{}, fmt.Errorf("status %d has no body", a.status)
	}
	for k, v := range r.Headers {
		lower := strings.ToLower(k)
		if !isToken(k) || hopByHop(lower) || strings.ContainsAny(v, "\r\n\x00") {
			return scripted{}, fmt.Errorf("headers: %q cannot be answered", k)
		}
		a.fields = append(a.fields, field{lower, v})
	}
	slices.SortFunc(a.fields, func(x, y field) int { return strings.Compare(x.name, y.name) })
	for i := 1; i < len(a.fields); i++ {
		if a.fields[i].name == a.fields[i-1].name {
			return scripted{}, fmt.Errorf("headers: %q is given twice", a.fields[i].name)
		}
	}
	if a.body != "" && !slices.ContainsFunc(a.fields, func(f field) bool { return f.name == "content-type" }) {
		a.fields = append([]field{{"content-type", "application/json"}}, a.fields...)
	}
	return scripted{p, a}, nil
}

// pixel is a transparent GIF of one by one.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;"

// A script answers requests: by the first rule that matches, and else
//
//	a CORS preflight      204, which allows what it asks for
//	Accept begins image/  200 with a GIF of one pixel
//	anything else         200 with {} as application/json
//
// A request with Origin is told that its origin may read the answer, credentials
// and all: a page whose calls a browser holds back would show less than it sends.
type script struct {
	rules     []scripted
	empty     *answer
	image     *answer
	refused   *answer
	limited   *answer
	switching *answer
}

func newScript(rules []scripted) script {
	return script{
		rules:     rules,
		empty:     &answer{200, []field{{"content-type", "application/json"}}, "{}"},
		image:     &answer{200, []field{{"content-type", "image/gif"}}, pixel},
		refused:   plainAnswer(503, "waybill: this sink refuses for now"),
		limited:   &answer{nethttp.StatusTooManyRequests, []field{{"content-type", "text/plain; charset=utf-8"}, {"retry-after", "1"}}, "waybill: this sink takes fewer for now\n"},
		switching: plainAnswer(501, "waybill: a sink does not switch protocols"),
	}
}

func plainAnswer(status int, text string) *answer {
	return &answer{status, []field{{"content-type", "text/plain; charset=utf-8"}}, text + "\n"}
}

// ruled is what the first rule says that matches, or nil. host is canonical, or the name of
// the sink.
func (s *script) ruled(h *head, path, host string) *answer {
	for i := range s.rules {
		if s.rules[i].pattern.matches(h.method, path, host) {
			return s.rules[i].answer
		}
	}
	return nil
}

// answer is what is said where no rule matches.
func (s *script) answer(h *head) *answer {
	a := s.empty
	switch {
	case h.method == nethttp.MethodOptions && h.get("Origin") != "" && h.get("Access-Control-Request-Method") != "":
		a = &answer{status: nethttp.StatusNoContent}
	case strings.HasPrefix(h.get("Accept"), "image/"):
		a = s.image
	}
	return a.readableBy(h)
}

// readableBy is the answer for the origin that a request says it comes from, if any.
func (a *answer) readableBy(h *head) *answer {
	origin := h.get("Origin")
	if origin == "" {
		return a
	}
	b := &answer{a.status, slices.Clone(a.fields), a.body}
	b.fields = append(b.fields, field{"access-control-allow-origin", origin}, field{"access-control-allow-credentials", "true"}, field{"vary", "origin"})
	if a.status == nethttp.StatusNoContent && h.method == nethttp.MethodOptions {
		b.fields = append(b.fields, field{"access-control-allow-methods", h.get("Access-Control-Request-Method")})
		if names := h.get("Access-Control-Request-Headers"); names != "" {
			b.fields = append(b.fields, field{"access-control-allow-headers", names})
		}
	}
	return b
}

// append writes the answer in HTTP/1.1 form behind b. bare leaves the body out,
// as HEAD asks; last says that the connection ends.
func (a *answer) append(b []byte, bare, last bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, nethttp.StatusText(a.status)...)
	b = append(b, "\r\n"...)
	for _, f := range a.fields {
		b = append(b, f.name...)
		b = append(b, ": "...)
		b = append(b, f.value...)
		b = append(b, "\r\n"...)
	}
	if !bodiless(a.status) {
		b = append(b, "content-length: "...)
		b = strconv.AppendInt(b, int64(len(a.body)), 10)
		b = append(b, "\r\n"...)
	}
	if last {
		b = append(b, "connection: close\r\n"...)
	}
	b = append(b, "\r\n"...)
	if !bare && !bodiless(a.status) {
		b = append(b, a.body...)
	}
	return b
}

func bodiless(status int) bool { return status == 204 || status == 304 }

// statusOf is what a fault of the sender is answered with.
func statusOf(err error) int {
	var syntax *syntaxError
	switch {
	case errors.Is(err, errTooLarge):
		return nethttp.StatusRequestHeaderFieldsTooLarge
	case errors.Is(err, errEndless):
		return nethttp.StatusRequestEntityTooLarge
	case errors.As(err, &syntax):
		return nethttp.StatusBadRequest
	}
	return 0 // the connection is gone
}
