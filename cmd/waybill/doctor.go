package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/publish"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func (p *program) doctorVerb() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "check that everything the gate needs is present, and change nothing",
		UsageText: "waybill doctor [DIR|CONFIG]\nwaybill doctor --head",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: ".", Usage: "`CONFIG`, or the folder that holds it"},
			&cli.BoolFlag{Name: "head", Usage: "print the commit that this workflow of GitHub Actions is to evaluate, and nothing else; exits with 3 where it is a fork's"},
		},
		Action: p.doctor,
	}
}

func (p *program) doctor(c *cli.Context) error {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	path, err := configArgument(c)
	if err != nil {
		return err
	}
	if c.Bool("head") {
		e, err := publish.ReadEvent(p.getenv)
		if err != nil {
			return usage(err, "")
		}
		if e.Fork {
			return undecided(errors.New("not evaluated: the pull request is of a fork, and what a fork changed is not run"),
				"somebody who may can push the commit to a branch of this repository")
		}
		_, err = fmt.Fprintln(p.stdout, e.Head)
		return err
	}
	d := &diagnosis{p: p}
	d.look("waybill", func() (string, error) { return version(), nil })
	var conf *config.Config
	d.look("configuration", func() (_ string, err error) {
		if conf, err = config.Load(path); err != nil {
			return "", errors.New(firstLine(err.Error()))
		}
		return conf.Path, nil
	})
	if conf != nil {
		d.configured(conf)
	}
	if p.getenv("GITHUB_ACTIONS") != "" {
		d.workflow()
	}
	if d.wrong > 0 {
		return usage(fmt.Errorf("doctor: %d of %d things are not as the gate needs them", d.wrong, d.all), "")
	}
	return nil
}

// A diagnosis is what was looked at.
type diagnosis struct {
	p          *program
	all, wrong int
}

// look prints one line: what, and how it is or what is wrong with it.
func (d *diagnosis) look(what string, is func() (string, error)) {
	d.all++
	text, err := is()
	if err != nil {
		d.wrong++
		fmt.Fprintf(d.p.stdout, "WRONG  %-16s %s\n", what, printable(firstLine(err.Error())))
		return
	}
	fmt.Fprintf(d.p.stdout, "ok     %-16s %s\n", what, printable(text))
}

func (d *diagnosis) configured(conf *config.Config) {
	d.ends(conf)
	d.look("corpus", func() (string, error) {
		keys, err := d.p.ownKeys(conf)
		if err != nil {
			return "", err
		}
		r, err := keys.Verify(conf.Corpus.Path, nil)
		switch {
		case err != nil:
			return "", err
		case r.Header.Content != gate.CorpusTape:
			return "", fmt.Errorf("%s is a run and not a corpus", conf.Corpus.Path)
		case r.Stimuli == 0 && !onlyJobs(conf):
			return "", errors.New("it has no stimuli")
		case conf.Corpus.Digest != "" && conf.Corpus.Digest != r.Digest:
			return "", fmt.Errorf("its digest is %s, and %s is pinned", r.Digest, conf.Corpus.Digest)
		}
		if _, err := retained(conf.Corpus.Path, &r.Header, time.Now()); err != nil {
			return "", err
		}
		text := fmt.Sprintf("%d stimuli, %s", r.Stimuli, r.Digest)
		if conf.Corpus.Digest == "" {
			text += ", not pinned"
		}
		return text, nil
	})
	d.look("approvals", func() (string, error) {
		list, err := verdict.LoadApprovals(conf.Approvals.Path, verdict.Limits{Now: time.Now(), MaxDays: conf.Approvals.MaxDays})
		return fmt.Sprintf("%d in %s", len(list), conf.Approvals.Path), err
	})
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		b := conf.Build(role)
		if b != nil {
			d.look(string(role)+" build", func() (string, error) {
				made, err := built(context.Background(), conf, role, "")
				return made.Digest, err
			})
		}
		if b == nil || len(b.Command) == 0 || strings.Contains(b.Command[0], "${") {
			continue
		}
		d.look(string(role), func() (string, error) {
			name := b.Command[0]
			if strings.Contains(name, "/") {
				return name, nil // relative to the build's folder, which its setup may make
			}
			return exec.LookPath(name)
		})
	}
}

// ends looks at doors and sinks: their protocols' own keys, and the ports that are fixed.
func (d *diagnosis) ends(conf *config.Config) {
	for _, name := range slices.Sorted(maps.Keys(conf.Doors)) {
		d.look("door "+name, func() (string, error) {
			p, err := protocol(conf.Doors[name].Channel)
			if err != nil {
				return "", err
			}
			if keys := protocolKeys(p)["doors"]; keys != nil {
				err = conf.Doors[name].Settings(reflect.New(keys).Interface())
			}
			return conf.Doors[name].Channel, err
		})
	}
	for _, name := range slices.Sorted(maps.Keys(conf.Sinks)) {
		d.look("sink "+name, func() (string, error) {
			sink := conf.Sinks[name]
			p, err := protocol(sink.Channel)
			if err != nil {
				return "", err
			}
			if _, err := freeze(p, sink.Settings); err != nil {
				return "", err
			}
			l, err := net.Listen("tcp", sink.Address)
			if err != nil {
				return "", fmt.Errorf("its address cannot be listened on: %w", err)
			}
			address := sink.Address
			if strings.HasSuffix(address, ":0") {
				address = "a free port"
			}
			return sink.Channel + " at " + address, l.Close()
		})
	}
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		b := conf.Build(role)
		if b == nil || strings.Contains(b.Dir, "${") {
			continue
		}
		d.look(string(role)+" dir", func() (string, error) {
			info, err := os.Stat(b.Dir)
			if err == nil && !info.IsDir() {
				err = fmt.Errorf("%s is no folder", b.Dir)
			}
			return b.Dir, err
		})
	}
	d.look("told of sinks", func() (string, error) { return toldOfSinks(conf) })
}

// toldOfSinks reports whether every build that is started is told where its sinks are: by a
// variable in what starts it. All are told by WAYBILL_SINK_NAME too, which few programs read.
func toldOfSinks(conf *config.Config) (string, error) {
	var quiet []string
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		b := conf.Build(role)
		if b == nil || len(b.Command) == 0 {
			continue // it runs already, and was told before
		}
		words := fmt.Sprint(b.Command, b.Setup, b.Migrate, b.Env, b.Jobs)
		for _, name := range slices.Sorted(maps.Keys(conf.Sinks)) {
			if !strings.Contains(words, "${sink."+name) && strings.HasSuffix(conf.Sinks[name].Address, ":0") {
				quiet = append(quiet, fmt.Sprintf("%s of %s", name, role))
			}
		}
	}
	if len(quiet) > 0 {
		return "by WAYBILL_SINK_NAME alone, which the build must read itself: " + strings.Join(quiet, ", "), nil
	}
	return "by ${sink.NAME}, or at fixed addresses", nil
}

func (d *diagnosis) workflow() {
	d.look("workflow", func() (string, error) {
		e, err := publish.ReadEvent(d.p.getenv)
		switch {
		case err != nil:
			return "", err
		case e.Fork:
			return "", errors.New("the pull request is of a fork: its token can only read, and nothing can be posted")
		}
		return fmt.Sprintf("%s of %s/%s, commit %s", e.Name, e.Owner, e.Repo, e.Head), nil
	})
	d.look("token", func() (string, error) {
		_, err := publish.New(publish.Options{Token: d.p.getenv("GITHUB_TOKEN"), API: d.p.getenv("GITHUB_API_URL")})
		return "there is one", err
	})
}
