package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// maxKeyFile bounds a key file, in bytes.
const maxKeyFile = 64 << 10

// keyHint is what to do where there is no key of pseudonyms.
const keyHint = "make one with: openssl rand -base64 32 > waybill.key, say where it is with [privacy] key_file or key_env, and keep it away from the tapes; " +
	"or record people as they are with --keep-identities"

// cleaner is what replaces the people in what is recorded or imported, as conf
// says. nil: nothing is replaced, because keep or the configuration says so.
func (p *program) cleaner(conf *config.Config, keep bool) (*pseudonym.Cleaner, error) {
	if keep || conf.Privacy.KeepIdentities {
		return nil, nil
	}
	key, err := p.privacyKey(conf)
	if err != nil {
		return nil, err
	}
	rules := pseudonym.Rules{
		Key: key, KeepDomains: conf.Privacy.KeepDomains, Names: conf.Privacy.Names, Fields: conf.Privacy.Fields, Values: conf.Privacy.Values,
		Records: make([]*regexp.Regexp, len(conf.Privacy.Records)), Regions: conf.Privacy.Regions,
	}
	for i, r := range conf.Privacy.Records {
		rules.Records[i] = r.Regexp
	}
	c, err := pseudonym.New(rules)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: [privacy]: %w", conf.Path, err), "")
	}
	return c, nil
}

// detectedOnly is what is to be known of a corpus for which nobody declared where names and
// record numbers stand.
const detectedOnly = "identities: detected only. Neither names nor records are declared in [privacy]: pseudonyms replace those that detectors know, " +
	"and names and record numbers that they do not know may still stand in the corpus (waybill corpus leaks)"

// identitiesBy returns what becomes of people whom the configuration has replaced.
func identitiesBy(conf *config.Config) gate.Identities {
	if len(conf.Privacy.Names) == 0 && len(conf.Privacy.Records) == 0 {
		return gate.IdentitiesDetected
	}
	return gate.IdentitiesReplaced
}

// privacyKey reads the key of the pseudonyms. Its errors tell nothing of it.
func (p *program) privacyKey(conf *config.Config) ([]byte, error) {
	var raw []byte
	var from string
	switch {
	case conf.Privacy.KeyEnv != "":
		from = "environment variable " + conf.Privacy.KeyEnv
		raw = []byte(p.getenv(conf.Privacy.KeyEnv))
		if len(raw) == 0 {
			return nil, usage(fmt.Errorf("read the key of the pseudonyms: %s is not set", from), keyHint)
		}
	case conf.Privacy.KeyFile != "":
		from = conf.Privacy.KeyFile
		var err error
		if raw, err = readKeyFile(from); err != nil {
			hint := ""
			if errors.Is(err, os.ErrNotExist) {
				hint = keyHint
			}
			return nil, usage(fmt.Errorf("read the key of the pseudonyms: %w", err), hint)
		}
	default:
		return nil, usage(fmt.Errorf("%s: there is no key, with which people are replaced by pseudonyms", conf.Path), keyHint)
	}
	key, err := pseudonym.ReadKey(raw)
	if err != nil {
		return nil, usage(fmt.Errorf("read the key of the pseudonyms from %s: %w", from, err), keyHint)
	}
	return key, nil
}

// headers are the header fields that stimuli of HTTP are given in place of what was
// recorded, with names of the environment expanded. Errors tell no value.
func headers(conf *config.Config) (map[string]string, error) {
	vars, err := config.Scope{Config: conf.Dir, Env: os.Environ()}.Vars()
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(conf.HTTP.Headers))
	for name, v := range conf.HTTP.Headers {
		if out[name], err = config.Expand(v, vars); err != nil {
			return nil, usage(fmt.Errorf("%s: [http.headers] %s: %w", conf.Path, name, err), "")
		}
		if name == "" || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(out[name], "\r\n\x00") {
			return nil, usage(fmt.Errorf("%s: [http.headers] %q cannot be sent as a header", conf.Path, name), "")
		}
	}
	return out, nil
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(raw) > maxKeyFile {
		return nil, fmt.Errorf("read %s: it is longer than a key can be", path)
	}
	return raw, nil
}
