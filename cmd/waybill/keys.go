package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/tape"
)

func identitiesFlag() cli.Flag {
	return &cli.StringFlag{Name: "identities", Usage: "read encrypted tapes with the identities of `FILE`, instead of those that the configuration names"}
}

// identitiesHint is what to do about a tape that cannot be decrypted.
const identitiesHint = "give the identity of one of these recipients: --identities FILE, or in the configuration [encryption] identities"

// keys reads the identities of file, or, where that is "", those that conf names;
// a conf of nil names none.
func (p *program) keys(conf *config.Config, file string) (tape.Keys, error) {
	if file == "" && conf != nil {
		file = conf.Encryption.Identities
	}
	if file == "" {
		return tape.Keys{}, nil
	}
	k, err := tape.ReadKeys(file, func(message string) { fmt.Fprintln(p.stderr, "waybill: "+printable(message)) })
	if err != nil {
		return tape.Keys{}, usage(err, "age-keygen makes one")
	}
	return k, nil
}

// ownKeys are the keys of conf, which must read what is written under it: before a
// tape is judged it is read.
func (p *program) ownKeys(conf *config.Config) (tape.Keys, error) {
	k, err := p.keys(conf, "")
	if err != nil || len(conf.Encryption.Recipients) == 0 {
		return k, err
	}
	if !k.Any() {
		return k, usage(fmt.Errorf("%s: encryption.recipients are set and encryption.identities is not: runs would be written that cannot be judged", conf.Path),
			"say where the identity of one of the recipients is: [encryption] identities")
	}
	if err := k.Read(conf.Encryption.Recipients); err != nil {
		hint := ""
		var locked *tape.KeyError
		if errors.As(err, &locked) {
			hint = identitiesHint
		}
		return k, usage(fmt.Errorf("%s: encryption: %w", conf.Path, err), hint)
	}
	return k, nil
}
