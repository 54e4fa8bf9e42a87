package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/waybill-dev/waybill/gate"
)

// answer is what the API that m is a request to says, or nil where that is not known.
func (c *compiled) answer(m *gate.Message) *answer {
	r, err := read(c, m)
	if err != nil {
		return nil
	}
	e, err := c.entry(r)
	if err != nil || e == nil || e.answered == nil {
		return nil
	}
	a, err := e.answer(r)
	if err != nil {
		return nil // the sink says what it says to anything
	}
	return a
}

// evaluation makes e's expressions ready for r. done is to be called after the last.
func (e *entry) evaluation(r *request) (x *evaluation, done func()) {
	ctx, cancel := context.WithTimeout(context.Background(), jqTime)
	return &evaluation{fanout: &fanout{}, ctx: ctx, from: e.source(r), variables: r.variables(e.segmentsOf(r))}, cancel
}

// answer evaluates what e says to r.
func (e *entry) answer(r *request) (*answer, error) {
	x, done := e.evaluation(r)
	defer done()
	view, err := r.view(x.from, e.segmentsOf(r))
	if err != nil {
		view = nil
	}
	x.variables[len(x.variables)-1] = r.digest(view)
	a := &answer{status: e.answered.status}
	switch {
	case e.answered.json != nil:
		v, err := x.one(e.answered.json, view, "json")
		if err != nil {
			return nil, err
		}
		b, err := gojq.Marshal(v)
		if err != nil {
			return nil, err
		}
		a.body = string(b)
		a.fields = append(a.fields, field{"content-type", "application/json"})
	case e.answered.text != nil:
		if a.body, err = x.oneText(e.answered.text, view, "text"); err != nil {
			return nil, err
		}
	}
	for _, h := range e.answered.headers {
		value, err := x.oneText(h.code, view, h.name)
		if err != nil {
			return nil, err
		}
		value = strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f {
				return -1
			}
			return c
		}, value)
		if h.name == "content-type" {
			a.fields = nil
		}
		a.fields = append(a.fields, field{h.name, value})
	}
	return a, nil
}

// oneText is the only value that code yields, a string.
func (e *evaluation) oneText(code *gojq.Code, input any, key string) (string, error) {
	v, err := e.one(code, input, key)
	s, _ := v.(string)
	return s, err
}

// digest is what ids in answers are made from: what the request says, and not how it is
// framed, signed and spelled.
func (r *request) digest(view any) string {
	said, err := json.Marshal([]any{r.head.method, r.path, r.query, view})
	if err != nil || view == nil {
		said = append(said, r.message.Body...)
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:])
}
