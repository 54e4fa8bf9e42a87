package main

import (
	"context"
	"regexp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/replay"
)

// following is what a replay asks for of the links that a build sends; nil: nothing.
func (s *session) following(ctx context.Context) (*replay.Follow, error) {
	f := s.conf.Follow
	if f == nil {
		return nil, nil
	}
	options, err := comparing(s.conf, s.conf.Corpus.Path)
	if err != nil {
		return nil, err
	}
	options.Keys = s.keys
	plain, err := canon.New(canon.Options{}) // a mask would hide what is asked for
	if err != nil {
		return nil, undecided(err, "")
	}
	options.Canon = plain.Message
	out := &replay.Follow{Hosts: f.Hosts, Door: f.Door, MaxLinks: f.MaxLinks}
	for _, r := range f.Never {
		out.Never = append(out.Never, r.Regexp)
	}
	if f.Session == config.RecipientSession {
		if out.Sessions, err = pipeline.Sessions(ctx, options); err != nil {
			return nil, tapeFailure(err)
		}
	}
	read := pipeline.Reader(options, s.settings)
	out.Links = func(m *gate.Message) []replay.Link {
		letters, err := read(m)
		if err != nil { // which is an error where the run is compared
			return nil
		}
		var links []replay.Link
		for i := range letters {
			links = append(links, linksOf(&letters[i])...)
		}
		return links
	}
	return out, nil
}

// unsubscribe is the part that says how to end a subscription (RFC 2369, 3.2).
var unsubscribe = regexp.MustCompile(`(^|/)header/list-unsubscribe/`)

// linksOf are the links and loads in a message, each to all people who receive it.
func linksOf(c *gate.Canonical) []replay.Link {
	var to []gate.Recipient
	for _, r := range c.Recipients {
		if r.Kind != gate.Host && r != gate.Unknown() {
			r.Role = ""
			to = append(to, r)
		}
	}
	var links []replay.Link
	for _, p := range c.Parts {
		if p.Kind == gate.Link || p.Kind == gate.Load {
			links = append(links, replay.Link{URL: p.Value, To: to, Channel: c.Channel, Sink: c.Sink, Class: c.Class, Unsubscribe: unsubscribe.MatchString(p.Name)})
		}
	}
	return links
}
