package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// recipients adds those that one value names: one identity, or for mail a list as
// a header has it (RFC 5322, 3.4).
func (l *addressList) recipients(to []gate.Recipient, v any, e *evaluation) ([]gate.Recipient, error) {
	if v == nil || v == "" {
		return to, nil
	}
	s, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber && l.kind != gate.Mail {
		s, ok = n.String(), true
	}
	if !ok {
		return nil, fmt.Errorf("%s yields what is not a string", l.expr)
	}
	if l.kind != gate.Mail {
		if l.kind == gate.Other && l.namespace != "" {
			s = l.namespace + ":" + s
		}
		if l.kind == gate.Tel {
			spelled := s
			if s = telephone(s, e.region); strings.HasPrefix(s, "+") && strings.Trim(spelled, "0123456789 ().-/") == "" {
				if e.spelled == nil {
					e.spelled = map[string]string{}
				}
				e.spelled[spelled] = s
			}
		}
		r, err := gate.ParseRecipient(string(l.kind) + ":" + s)
		if err != nil {
			return nil, l.reason(err)
		}
		r.Role = l.role
		return append(to, r), nil
	}
	r, err := gate.MailRecipient(s, l.role)
	if err == nil {
		return append(to, r), nil
	}
	addresses, parseErr := mail.ParseAddressList(s)
	if parseErr != nil {
		return nil, l.reason(err)
	}
	for _, a := range addresses {
		if r, err = gate.MailRecipient(a.Address, l.role); err != nil {
			return nil, l.reason(err)
		}
		to = append(to, r)
	}
	return to, nil
}

// reason says why without saying whom.
func (l *addressList) reason(err error) error {
	if a := (*gate.AddressError)(nil); errors.As(err, &a) {
		return fmt.Errorf("%s yields what is not an address: %s", l.expr, a.Reason)
	}
	return fmt.Errorf("%s yields what is not an address", l.expr)
}
