package main

import (
	"cmp"
	"io"
	"reflect"
	"time"

	"github.com/waybill-dev/waybill/gate/config"
)

// Run is run, for the tests of the whole program.
var Run = run

// What is tested by itself.
var (
	Nearest = nearest
	Freeze  = freeze
	Thaw    = thaw
	Hushed  = hushed
	Quoted  = quoted
)

// Stories do not wait as long as people do.
func init() {
	leastSettle, longestLinger = 300*time.Millisecond, 100*time.Millisecond
	plainEvery = 24 * time.Hour // what stories print depends on no load
}

// PlainLine is what a stage says where there is no terminal.
func PlainLine(what string, total, done uint64, took time.Duration, after int64) string {
	b := (&program{stderr: io.Discard}).bar(what, total)
	b.unit, b.after = " stimuli", after
	return b.line(done, took)
}

// The keys of waybill.toml, and what is written of them.
var (
	SettingKeys = settingKeys
	KeyDocs     = keyDocs
	WriteSchema = writeSchema
)

// Path, Type and Of are the fields of a key.
func (k settingKey) Path() string       { return k.path }
func (k settingKey) Type() reflect.Type { return k.typ }
func (k settingKey) Of() string         { return k.of }

// Sound reads a waybill.toml as the gate does, with the keys of its protocols.
func Sound(dir, text string) (*config.Config, error) {
	c, err := config.Parse("waybill.toml", dir, []byte(text))
	if err != nil {
		return nil, err
	}
	decode := func(channel, place string, settings func(any) error) error {
		p, err := protocol(channel)
		if err != nil {
			return err
		}
		if place == "sinks" {
			return p.Check(settings)
		}
		if t := protocolKeys(p)[place]; t != nil {
			return settings(reflect.New(t).Interface())
		}
		return nil
	}
	for _, d := range c.Doors {
		err = cmp.Or(err, decode(d.Channel, "doors", d.Settings))
	}
	for _, s := range c.Sinks {
		err = cmp.Or(err, decode(s.Channel, "sinks", s.Settings))
	}
	for _, t := range c.Record.Taps {
		err = cmp.Or(err, decode(t.Channel, "record.taps", t.Settings))
	}
	return c, err
}

// Verbs are the verbs of waybill, each with what it does.
func Verbs() (all [][2]string) {
	for _, c := range (&program{}).app().Commands {
		all = append(all, [2]string{c.Name, c.Usage})
	}
	return all
}
