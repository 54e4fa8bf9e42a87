package har

import (
	"strings"
)

// Bounds of one entry, beyond which its request cannot be kept.
const (
	maxPairs = 2000
	maxHead  = 1 << 20 // bytes of names and values
)

// An entry is one of log.entries, as it stands.
type entry struct {
	started      string // startedDateTime
	resourceType string // _resourceType
	fromCache    bool   // _fromCache
	fetchType    string // _fetchType: where an answer was fetched from
	frames       bool   // _webSocketMessages
	tls          string // _securityDetails.protocol
	page         string // pageref
	connection   string // number or name of the connection

	request  request
	response response
}

type request struct {
	method, url, version string
	fields, cookies      pairs
	post                 post
	bodySize             int64 // -1 and less is not known
}

type response struct {
	status        int64
	reason        string
	fields        pairs
	mediaType     string
	text          literal
	failure       string // _error, _failureText
	serviceWorker bool   // _fetchedViaServiceWorker
}

type post struct {
	text   literal
	params pairs
}

// A literal is text as it stands, and how it is encoded.
type literal struct {
	text   string
	cut    int64 // bytes beyond it that were not read
	base64 bool
	given  bool
}

// Pairs are names with values.
type pairs struct {
	list []pair
	size int
	over bool // there were too many, or they were too long
}

type pair struct{ name, value string }

func (p *pairs) get(name string) (string, bool) {
	for _, f := range p.list {
		if strings.EqualFold(f.name, name) {
			return f.value, true
		}
	}
	return "", false
}

// into reads a value of a member: s, where one of the others is not.
func (d *document) into(s *string) (err error) {
	*s, err = d.text()
	return err
}

func (d *document) entry() (*entry, error) {
	e := &entry{request: request{bodySize: -1}}
	err := d.object(func(name string) (err error) {
		switch name {
		case "startedDateTime":
			return d.into(&e.started)
		case "pageref":
			return d.into(&e.page)
		case "connection":
			return d.into(&e.connection)
		case "_resourceType":
			return d.into(&e.resourceType)
		case "_fetchType":
			return d.into(&e.fetchType)
		case "_fromCache":
			e.fromCache, err = d.truth()
		case "_webSocketMessages":
			return d.array(func() error {
				e.frames = true
				return d.skip()
			})
		case "_securityDetails":
			return d.object(func(name string) error {
				if name == "protocol" {
					return d.into(&e.tls)
				}
				return d.skip()
			})
		case "request":
			return d.request(&e.request)
		case "response":
			return d.response(&e.response)
		default:
			return d.skip()
		}
		return err
	})
	return e, err
}

func (d *document) request(r *request) error {
	return d.object(func(name string) (err error) {
		switch name {
		case "method":
			return d.into(&r.method)
		case "url":
			return d.into(&r.url)
		case "httpVersion":
			return d.into(&r.version)
		case "headers":
			return d.pairs(&r.fields)
		case "cookies":
			return d.pairs(&r.cookies)
		case "bodySize":
			r.bodySize, err = d.whole()
		case "postData":
			return d.object(func(name string) error {
				switch name {
				case "params":
					return d.pairs(&r.post.params)
				default:
					return d.literal(name, &r.post.text)
				}
			})
		default:
			return d.skip()
		}
		return err
	})
}

func (d *document) response(r *response) error {
	return d.object(func(name string) (err error) {
		switch name {
		case "status":
			r.status, err = d.whole()
		case "statusText":
			return d.into(&r.reason)
		case "headers":
			return d.pairs(&r.fields)
		case "_error", "_failureText":
			return d.into(&r.failure)
		case "_fetchedViaServiceWorker":
			r.serviceWorker, err = d.truth()
		case "content":
			return d.object(func(name string) error {
				if name == "mimeType" {
					return d.into(&r.mediaType)
				}
				return d.literal(name, &r.text)
			})
		default:
			return d.skip()
		}
		return err
	})
}

// literal reads a member of postData or of content into l.
func (d *document) literal(name string, l *literal) (err error) {
	switch name {
	case "text":
		l.given = d.dec.PeekKind() == '"'
		l.text, err = d.text()
		l.cut = d.cutHere()
	case "encoding", "_encoding":
		var encoding string
		encoding, err = d.text()
		l.base64 = strings.EqualFold(encoding, "base64")
	default:
		err = d.skip()
	}
	return err
}

// pairs reads a list of objects with name and value. A dialect writes one object, whose
// members are names and values.
func (d *document) pairs(p *pairs) error {
	add := func(f pair) {
		p.size += len(f.name) + len(f.value)
		if len(p.list) == maxPairs || p.size > maxHead {
			p.over = true
			return
		}
		p.list = append(p.list, f)
	}
	if d.dec.PeekKind() == '{' {
		return d.object(func(name string) error {
			value, err := d.text()
			add(pair{name, value})
			return err
		})
	}
	return d.array(func() error {
		var f pair
		err := d.object(func(name string) error {
			switch name {
			case "name":
				return d.into(&f.name)
			case "value":
				return d.into(&f.value)
			}
			return d.skip()
		})
		if f.name != "" {
			add(f)
		}
		return err
	})
}
