package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// An asker is who sent a stimulus, and what it asked for.
type asker struct {
	channel, door, class string
	host                 string // that was asked; "" is not known
	who                  gate.Recipient
}

// askers are who sent the stimuli of a corpus, by the ids of these.
type askers map[string]*asker

// askersOf reads them. A session is the person who signed in with it, where it is one person's.
func askersOf(ctx context.Context, o *Options) (askers, error) {
	r, err := o.Keys.Open(o.Corpus)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	all := askers{}
	shared := map[asker]*asker{} // one person asks for one thing often
	who := signedIn{}
	header := r.Header()
	d := decoding{o: o, header: &header}
	for ctx.Err() == nil {
		rec, ref, err := r.Next()
		if err == io.EOF {
			for _, a := range shared {
				a.who = who.of(a.who)
			}
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", o.Corpus, err)
		}
		s := rec.Stimulus
		if s == nil {
			continue
		}
		a := asker{s.Channel, s.Door, o.Asked(s), "", whoAsked(s.Key, s.ID)}
		if o.Host != nil {
			a.host = o.Host(s)
		}
		if a.who.Kind == gate.Session && maySignIn(s) {
			switch people, sends := d.identities(s, ref); {
			case sends && len(people) == 1:
				a.who = people[0]
			default:
				who.add(a.who, people)
			}
		}
		if shared[a] == nil {
			shared[a] = &a
		}
		all[s.ID] = shared[a]
	}
	return nil, ctx.Err()
}

// whoAsked is who sent a stimulus: a person, whose address its key is, a session, or, where none
// is known, whoever sent this one.
func whoAsked(key, stimulus string) gate.Recipient {
	if strings.Contains(key, "@") {
		if r, err := gate.MailRecipient(key, gate.Asker); err == nil {
			return r
		}
	}
	return gate.Recipient{Kind: gate.Session, Address: cmp.Or(key, stimulus), Role: gate.Asker}
}

// signedIn is who signed in with sessions, by what these are called.
type signedIn map[string][]gate.Recipient

func (s signedIn) add(session gate.Recipient, people []gate.Recipient) {
	for _, p := range people {
		s[session.Address] = withOrigins(s[session.Address], []gate.Recipient{p})
	}
}

// of is whose session one is: its own, where nobody or more than one signed in with it.
func (s signedIn) of(session gate.Recipient) gate.Recipient {
	if people := s[session.Address]; session.Kind == gate.Session && len(people) == 1 {
		return people[0]
	}
	return session
}

// maySignIn reports whether a stimulus is worth decoding for who sends it.
func maySignIn(s *gate.Stimulus) bool {
	for _, b := range [][]byte{s.Head, s.Body} {
		for _, sign := range []string{"@", "%40", "Basic ", "eyJ"} {
			if bytes.Contains(b, []byte(sign)) {
				return true
			}
		}
	}
	return false
}

// identities returns who a stimulus says that it comes from, by its canonical form, and whether
// it names its sender each time, as a mail does:
//
//   - the envelope's sender of a mail;
//   - the user of credentials (RFC 7617), and the claims email and sub of a token that is one
//     (RFC 7519, 4.1.2), in an Authorization field or a cookie;
//   - fields that proxies set for whom they have let in;
//   - what stands beside a password in a form, a query or a body, if it is one address.
//
// What cannot be read says nothing: its answer is then to a session.
func (d *decoding) identities(s *gate.Stimulus, ref gate.Ref) (people []gate.Recipient, sends bool) {
	letters, err := d.canonical(&gate.Message{Channel: s.Channel, Sink: s.Door, Head: s.Head, Body: s.Body}, ref)
	if err != nil {
		return nil, false
	}
	var beside []gate.Recipient
	password := false
	for _, l := range letters {
		for _, p := range l.Parts {
			if p.Kind == gate.Text {
				continue
			}
			place, _, _ := strings.Cut(p.Name, "/")
			field := p.Name[strings.LastIndexAny(p.Name, "/.[")+1:]
			entered := place == "body" || place == "query"
			if entered && isPassword(field) {
				password = true
			}
			r, err := gate.MailRecipient(strings.TrimSpace(p.Value), gate.Asker)
			switch {
			case err != nil || !strings.Contains(p.Value, "@"):
			case p.Name == "envelope/from":
				return []gate.Recipient{r}, true
			case entered:
				beside = withOrigins(beside, []gate.Recipient{r})
			case says(p.Name, field):
				people = withOrigins(people, []gate.Recipient{r})
			}
		}
	}
	if password && len(beside) == 1 {
		people = withOrigins(people, beside)
	}
	return people, false
}

// says reports whether a part outside of what people enter says who sends a request.
func says(part, field string) bool {
	switch part {
	case "header/authorization/user", "header/remote-user", "header/x-remote-user", "header/x-forwarded-user", "header/x-forwarded-email",
		"header/x-auth-request-user", "header/x-auth-request-email", "header/x-webauth-user", "header/cf-access-authenticated-user-email":
		return true
	}
	claims := strings.Contains(part, "/jwt/payload/$.") && strings.Count(part, ".") == 1
	return claims && (field == "email" || field == "sub" || field == "preferred_username" || field == "upn")
}

// isPassword reports whether a field is called as passwords are.
func isPassword(field string) bool {
	field = strings.ToLower(strings.Trim(field, `"'[]`))
	for _, word := range []string{"pass", "pwd", "kennwort", "senha", "contrase", "secret"} {
		if strings.Contains(field, word) {
			return true
		}
	}
	return false
}
