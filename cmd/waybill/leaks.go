package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// mostPlaces is how many places of one detector are printed.
const mostPlaces = 20

func (p *program) leaksCommand(flags []cli.Flag) *cli.Command {
	return &cli.Command{
		Name: "leaks", Usage: "count what still looks like a person, by detector and by a list of names",
		UsageText: "waybill corpus leaks [flags] TAPE...",
		Description: "Looks through all layers that pseudonyms reach. --names FILE lists people that must not be on the tape, one a line,\n" +
			"or in a column of CSV that is called name, or as --column says: a column of names from the database.\n" +
			"What cannot be told from a pseudonym by its form (a telephone number, a card) counts where the tape does not say that\n" +
			"people were replaced, and is listed apart where it does. Exit code 1 says that something was found, 3 that something could not be read.",
		Flags: append(flags,
			&cli.StringFlag{Name: "names", Usage: "look for the people in `FILE` too"},
			&cli.StringFlag{Name: "column", Usage: "take the `NAME` of the column of CSV that holds them"}),
		Action: p.corpusLeaks,
	}
}

// leaks are what one detector found.
type leaks struct {
	values, records map[string]bool
	places          []string
}

func (p *program) corpusLeaks(c *cli.Context) error {
	if err := arguments(c, 1, math.MaxInt); err != nil {
		return err
	}
	if _, err := p.reportOptions(c); err != nil {
		return err
	}
	conf, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	var names []string
	if file := c.String("names"); file != "" {
		if names, err = listedNames(file, c.String("column")); err != nil {
			return usage(err, "")
		}
		if len(names) == 0 {
			return usage(fmt.Errorf("read names %s: it has none", file), "a line for each person, or a column of CSV")
		}
	}
	domains := slices.DeleteFunc(slices.Clone(conf.Privacy.KeepDomains), func(d string) bool { return strings.Contains(d, "@") })
	find, err := pseudonym.NewFinder(names, domains)
	if err != nil {
		return usage(fmt.Errorf("%s: [privacy]: %w", conf.Path, err), "")
	}
	sure, alike := map[string]*leaks{}, map[string]*leaks{}
	unread, records := 0, 0
	for _, path := range c.Args().Slice() {
		r, err := keys.Open(path)
		if err != nil {
			return corpusFailure(err)
		}
		told := r.Header().Identities == gate.IdentitiesReplaced || r.Header().Identities == gate.IdentitiesDetected
		for {
			rec, _, err := r.Next()
			if err == io.EOF {
				break
			}
			if err == nil {
				err = stoppedBy(c.Context)
			}
			if err != nil {
				return errors.Join(corpusFailure(err), r.Close())
			}
			where := recordPlace(path, &rec)
			if where == "" {
				continue
			}
			records++
			found, whole := find.Record(&rec)
			if !whole {
				unread++
			}
			for _, l := range found {
				to := sure
				if told && !l.Sure {
					to = alike
				}
				p.addLeak(to, l, where)
			}
		}
		if err := r.Close(); err != nil {
			return tapeFailure(err)
		}
	}
	p.printLeaks("still looks like a person", sure)
	p.printLeaks("has a form in which pseudonyms stand too, and cannot be told from one", alike)
	fmt.Fprintf(p.stdout, "%d records were searched", records)
	if unread > 0 {
		fmt.Fprintf(p.stdout, "; of %d not everything could be read", unread)
	}
	fmt.Fprintln(p.stdout)
	switch {
	case len(sure) > 0:
		p.code = gate.ExitBlocked
	case unread > 0:
		p.code = gate.ExitUndecided
	}
	return nil
}

// recordPlace names a record that may hold people; "" is none.
func recordPlace(path string, r *gate.Record) string {
	switch {
	case r.Stimulus != nil:
		return path + ": stimulus " + r.Stimulus.ID
	case r.Message != nil:
		return fmt.Sprintf("%s: message %d to sink %s", path, r.Message.Seq, r.Message.Sink)
	}
	return ""
}

func (p *program) addLeak(to map[string]*leaks, l pseudonym.Leak, where string) {
	e := to[l.Detector]
	if e == nil {
		e = &leaks{values: map[string]bool{}, records: map[string]bool{}}
		to[l.Detector] = e
	}
	e.values[strings.ToLower(l.Value)], e.records[where] = true, true
	if len(e.places) < mostPlaces {
		text := where
		if !p.masked {
			text += ": " + printable(l.Value)
		}
		e.places = append(e.places, text)
	}
}

func (p *program) printLeaks(what string, found map[string]*leaks) {
	for _, detector := range sortedKeys(found) {
		e := found[detector]
		fmt.Fprintf(p.stdout, "%s: %s: %d values in %d records\n", what, detector, len(e.values), len(e.records))
		slices.Sort(e.places)
		for _, at := range slices.Compact(e.places) {
			fmt.Fprintf(p.stdout, "  %s\n", printable(at))
		}
	}
}

// listedNames reads the names of people from a file: a line each, or a column of CSV.
func listedNames(path, column string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	defer f.Close()
	b := bufio.NewReader(f)
	first, err := b.Peek(4096)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read names %s: %w", path, err)
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(string(first), "\ufeff"), "\n")
	header := strings.FieldsFunc(strings.TrimSpace(line), func(r rune) bool { return r == ',' || r == ';' || r == '\t' })
	for i := range header {
		header[i] = strings.ToLower(strings.Trim(header[i], `" `))
	}
	at := -1
	for _, name := range []string{column, "name", "full_name", "fullname", "display_name"} {
		if name != "" && at < 0 {
			at = slices.Index(header, strings.ToLower(name))
		}
		if column != "" && at < 0 {
			return nil, fmt.Errorf("read names %s: it has no column %q", path, column)
		}
	}
	if at < 0 {
		var out []string
		s := bufio.NewScanner(b)
		for s.Scan() {
			if text := strings.TrimSpace(s.Text()); text != "" {
				out = append(out, text)
			}
		}
		return out, s.Err()
	}
	r := csv.NewReader(b)
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = delimiter(line), -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read names %s: %w", path, err)
	}
	var out []string
	for _, row := range rows[1:] {
		if at < len(row) && strings.TrimSpace(row[at]) != "" {
			out = append(out, row[at])
		}
	}
	return out, nil
}

// delimiter is what stands between the columns of a line of CSV.
func delimiter(line string) rune {
	best := ','
	for _, d := range []rune{';', '\t', '|'} {
		if strings.Count(line, string(d)) > strings.Count(line, string(best)) {
			best = d
		}
	}
	return best
}
