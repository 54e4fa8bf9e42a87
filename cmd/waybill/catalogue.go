package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/config"
)

// catalogue prints the requests that the built-in catalogue knows.
func (p *program) catalogue(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	known, err := http.Catalogue()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	for _, k := range known {
		hosts := strings.Join(k.Hosts, " ")
		if hosts == "" {
			hosts = "any host"
		}
		what := strings.Join(k.Matches, ", ")
		if len(k.When) > 0 {
			what += " (" + strings.Join(k.When, "; ") + ")"
		}
		if !k.Sends {
			what += " (sends nothing)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", k.API, hosts, what)
	}
	return w.Flush()
}

// explainRequest shows how one request is read: for whom it is, in which parts, and by which
// entry of the catalogue or rule of a sink.
func (p *program) explainRequest(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	text, err := os.ReadFile(c.String("request"))
	if err != nil {
		return usage(fmt.Errorf("read a request: %w", err), "")
	}
	m, err := http.ReadRequest(text)
	if err != nil {
		return usage(err, "the file holds a request as HTTP/1.1 writes it: a line with method, path and version, Host, an empty line, the body")
	}
	conf, err := requestConfig(c.String("config"))
	if err != nil {
		return err
	}
	o, err := comparing(conf, "")
	if err != nil {
		return err
	}
	if conf != nil {
		if m.Sink, err = requestSink(conf, c.String("sink")); err != nil {
			return err
		}
	}
	decode, err := o.Decoder(http.Name, m.Sink, "")
	if err != nil {
		return usage(err, "")
	}
	deliveries, err := decode(m)
	if err != nil {
		return usage(err, "")
	}
	for i := range deliveries {
		d := o.Canon(m, &deliveries[i], gate.Ref{})
		if err := showReading(p.stdout, i, &d); err != nil {
			return err
		}
	}
	return nil
}

// requestConfig is the configuration named, or that of the working folder, or nil where
// there is none.
func requestConfig(named string) (*config.Config, error) {
	if named == "" {
		if _, err := os.Stat(config.File); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		named = config.File
	}
	return loadConfig(named)
}

// requestSink is the sink whose rules a request is read by: the one named, or the only one.
func requestSink(conf *config.Config, named string) (string, error) {
	var sinks []string
	for name, s := range conf.Sinks {
		if s.Channel == http.Name && (named == "" || named == name) {
			sinks = append(sinks, name)
		}
	}
	if len(sinks) != 1 {
		return "", usage(fmt.Errorf("explain: %d sinks of %s may take this request", len(sinks), conf.Path), "--sink names one whose channel is http")
	}
	return sinks[0], nil
}

// showReading prints one delivery group of a request.
func showReading(w io.Writer, i int, d *gate.Canonical) error {
	var b strings.Builder
	switch {
	case i > 0:
		fmt.Fprintf(&b, "\ngroup %d\n", i)
	case d.Reader == "":
		b.WriteString("recipients not known: only the host is compared\n")
	case d.Reader == gate.OwnRule:
		b.WriteString("read by your rule\n")
	default:
		fmt.Fprintf(&b, "read by the catalogue as %s\n", d.Reader)
	}
	for _, r := range d.Recipients {
		fmt.Fprintf(&b, "  to      %s\n", r)
	}
	for _, part := range d.Parts {
		what := part.Kind.String()
		if strings.HasPrefix(part.Name, gate.DecisionPart) {
			what = "decides"
		}
		fmt.Fprintf(&b, "  %-9s %s = %.200q\n", what, part.Name, part.Value)
	}
	for _, h := range d.Masks {
		fmt.Fprintf(&b, "  masked    %s by %s\n", h.Part, h.Rule)
	}
	for _, g := range d.Gaps {
		fmt.Fprintf(&b, "  gap       %s: %s\n", g.Kind, g.Detail)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
