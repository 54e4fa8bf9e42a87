package dynamic

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Ids that a server counts up are too short to be told from other numbers by themselves. They
// are followed where they stand as ids do: in the path of what was made, as the answer to its
// making said it, and in a link of a message that somebody followed as it stands.

// maxCreated is of how many things it is remembered which answer made them.
const maxCreated = 100_000

// shortID reports whether v is a number that is too short to be told by itself.
func shortID(v string) bool {
	return len(v) > 0 && len(v) < 5 && strings.Trim(v, "0123456789") == ""
}

// create learns where what a stimulus made is: its Location, or the id in JSON under the path
// that it was made at.
func (l *Learner) create(s *gate.Stimulus, o *gate.Outcome) {
	method, target := requestLine(s)
	if method != "POST" && method != "PUT" || o.Status < 200 || o.Status >= 400 {
		return
	}
	path, _, _ := strings.Cut(target, "?")
	path = strings.TrimRight(path, "/")
	add := func(front, place, value string) {
		if len(l.created) >= maxCreated {
			clear(l.created)
		}
		if !l.options.ignores(place) {
			l.created[front+value] = gate.Binding{From: s.ID, Place: place, Value: value, Front: front}
		}
	}
	front := "/"
	each(o, func(place, value string) bool {
		switch {
		case strings.HasPrefix(place, "location/path["):
			if shortID(value) && !strings.Contains(path+"/", front+value+"/") {
				add(front, place, value)
			}
			front += value + "/"
		case path != "" && shortID(value) && (place == "json/$.id" || place == "json/$.data.id"):
			add(path+"/", place, value)
		}
		return true
	})
}

// requestLine is the method and the target of a stimulus of HTTP.
func requestLine(s *gate.Stimulus) (method, target string) {
	line, _, _ := strings.Cut(string(s.Head), "\n")
	method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	target, _, _ = strings.Cut(rest, " ")
	return method, target
}

// short gives the bindings of short ids of a stimulus.
func (l *Learner) short(s *gate.Stimulus) []gate.Binding {
	_, target := requestLine(s)
	path, query, _ := strings.Cut(target, "?")
	var out []gate.Binding
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		if b, ok := l.created[path[:end]]; ok {
			out = append(out, b)
		}
	}
	from := l.mail.links[target]
	if from == nil {
		return out
	}
	front := "link"
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if shortID(segment) {
			out = append(out, l.mail.bindTo(from, gate.Binding{Place: front + "/#", Value: segment, Front: path[:strings.Index(path, "/"+segment)+1]}))
		}
		if made("link/#", segment) {
			segment = "#"
		}
		front += "/" + segment
	}
	for pair := range strings.SplitSeq(query, "&") {
		if name, v, ok := strings.Cut(pair, "="); ok && shortID(v) {
			out = append(out, l.mail.bindTo(from, gate.Binding{Place: front + "?" + name, Value: v, Front: name + "="}))
		}
	}
	return out
}
