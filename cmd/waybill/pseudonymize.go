package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/pseudonym"
)

func (p *program) pseudonymizeVerb() *cli.Command {
	return &cli.Command{
		Name:      "pseudonymize",
		Usage:     "map the people in a dump of a database, or in a file, as recordings under the same key map them",
		UsageText: "waybill pseudonymize [flags] IN OUT",
		Description: `Staging's data then has the accounts that the corpus signs in by, and the names and addresses
that its messages go to. IN is CSV with a first line of names of columns, SQL (INSERT with or without
names of columns, of mysqldump and SQLite too, and COPY of pg_dump), JSON Lines, or text; "-" is
standard input, and as OUT standard output. What a column holds is told by its name, as fields of
requests are; [privacy] names and fields of the form "form/COLUMN" say it of others.

Hashes of passwords stay as they are and are counted: passwords of the corpus are pseudonyms, so
give the accounts of staging new ones, or record with credentials of [http.headers].`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "take [privacy] from `CONFIG`; the default is waybill.toml where there is one"},
			&cli.StringFlag{Name: "format", Usage: "IN is `csv`, sql, json, jsonl or text; the default is what its name ends with"},
			&cli.StringFlag{Name: "table", Usage: "rows of CSV are of the table `NAME`: users, say, has people's"},
		},
		Action: p.pseudonymize,
	}
}

func (p *program) pseudonymize(c *cli.Context) (err error) {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	in, out := c.Args().Get(0), c.Args().Get(1)
	conf, err := importConfig(c)
	if err != nil {
		return err
	}
	clean, err := p.cleaner(conf, false)
	if err != nil {
		return err
	}
	if clean == nil {
		return usage(fmt.Errorf("%s: [privacy] keep_identities leaves people as they are: there is nothing to map", conf.Path), "")
	}
	format := c.String("format")
	if format == "" {
		format = map[string]string{".csv": "csv", ".tsv": "csv", ".sql": "sql", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}[strings.ToLower(filepath.Ext(in))]
	}
	src := p.stdin
	if in != "-" {
		f, err := os.Open(in)
		if err != nil {
			return usage(fmt.Errorf("pseudonymize: %w", err), "")
		}
		defer f.Close()
		src = f
	}
	table := c.String("table")
	if table == "" {
		table = strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
	}
	m := &mapping{clean: clean, table: table}
	if out == "-" {
		return m.run(format, src, p.stdout, p)
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return usage(fmt.Errorf("pseudonymize: %w", err), "name another file")
		}
		return usage(fmt.Errorf("pseudonymize: %w", err), "")
	}
	p.busy.Store(true)
	err = m.run(format, src, f, p)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(out)) // half of it is no data
	}
	return nil
}

// A mapping is one call of the verb.
type mapping struct {
	clean  *pseudonym.Cleaner
	table  string
	rows   uint64
	hashes uint64
	line   int // of the input, from 1
}

// run maps src to dst, and says what was mapped.
func (m *mapping) run(format string, src io.Reader, dst io.Writer, p *program) error {
	r, w := bufio.NewReaderSize(src, 1<<20), bufio.NewWriterSize(dst, 1<<20)
	var err error
	switch format {
	case "csv":
		err = m.csv(r, w)
	case "sql":
		err = m.sql(r, w)
	case "jsonl":
		err = m.jsonLines(r, w)
	case "json":
		err = m.whole(r, w, m.clean.JSON)
	case "text", "":
		err = m.whole(r, w, m.clean.Text)
	default:
		return usage(fmt.Errorf("--format %q: it is csv, sql, json, jsonl or text", format), "")
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return undecided(fmt.Errorf("pseudonymize: %w", err), "nothing was written")
	}
	fmt.Fprintf(p.stderr, "waybill: mapped %d rows by key %s\n", m.rows, m.clean.KeyID())
	if m.hashes > 0 {
		fmt.Fprintf(p.stderr, "waybill: warning: %d hashes of passwords stay as they are, and are of no password of the corpus\n", m.hashes)
	}
	return nil
}

func (m *mapping) csv(r *bufio.Reader, w *bufio.Writer) error {
	first, err := r.Peek(1 << 16)
	if err != nil && err != io.EOF {
		return err
	}
	line, _, _ := strings.Cut(string(first), "\n")
	if strings.HasPrefix(line, "\ufeff") {
		if _, err := w.WriteString("\ufeff"); err != nil {
			return err
		}
		if _, err := r.Discard(len("\ufeff")); err != nil {
			return err
		}
	}
	in, out := csv.NewReader(r), csv.NewWriter(w)
	in.Comma = delimiter(line)
	out.Comma, out.UseCRLF = in.Comma, strings.HasSuffix(line, "\r")
	columns, err := in.Read()
	if err != nil {
		return fmt.Errorf("read the names of its columns: %w", err)
	}
	if err := out.Write(columns); err != nil {
		return err
	}
	for {
		cells, err := in.Read()
		if err == io.EOF {
			out.Flush()
			return out.Error()
		}
		if err != nil {
			return err
		}
		m.line, _ = in.FieldPos(0)
		if err := m.row(pseudonym.Row{Table: m.table, Columns: columns, Cells: cells}); err != nil {
			return err
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
}

func (m *mapping) row(r pseudonym.Row) error {
	hashes, err := m.clean.Row(r)
	if err != nil {
		return fmt.Errorf("the row in line %d cannot be mapped: %w", m.line, err)
	}
	m.rows++
	m.hashes += uint64(hashes)
	return nil
}

func (m *mapping) jsonLines(r *bufio.Reader, w *bufio.Writer) error {
	return eachInputLine(r, func(line []byte) error {
		m.line++
		if len(bytes.TrimSpace(line)) > 0 {
			out, err := m.clean.JSON(line)
			if err != nil {
				return fmt.Errorf("line %d cannot be mapped: %w", m.line, err)
			}
			m.rows++
			line = out
		}
		_, err := w.Write(line)
		return err
	})
}

// maxText bounds a text that is mapped at once.
const maxText = 256 << 20

// whole maps all of r at once.
func (m *mapping) whole(r *bufio.Reader, w *bufio.Writer, by func([]byte) ([]byte, error)) error {
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return err
	}
	if len(b) > maxText {
		return fmt.Errorf("a text of more than %d bytes is not mapped", maxText)
	}
	out, err := by(b)
	if err != nil {
		return err
	}
	m.rows = uint64(bytes.Count(b, []byte("\n")))
	_, err = w.Write(out)
	return err
}

// eachInputLine calls do for each line of r, with its end.
func eachInputLine(r *bufio.Reader, do func([]byte) error) error {
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			if err := do(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sql maps INSERT statements and the rows of COPY; all else stays as it is. Tables that
// CREATE TABLE defines give the names of columns where a statement does not.
func (m *mapping) sql(r *bufio.Reader, w *bufio.Writer) error {
	s := &sqlMapper{mapping: m, w: w, columns: map[string][]string{}}
	if err := eachInputLine(r, s.take); err != nil {
		return err
	}
	if len(s.statement) > 0 {
		return s.end()
	}
	return nil
}

// A sqlMapper reads statements line by line.
type sqlMapper struct {
	*mapping
	w         *bufio.Writer
	columns   map[string][]string // by table in lower case
	statement []byte              // that is not ended yet
	quoted    byte                // the quote that is open in it
	copying   []string            // columns of the COPY under way; nil: none is
	copied    string              // its table
	backslash bool                // it escapes within texts, as of MySQL
}

// take takes one line.
func (s *sqlMapper) take(line []byte) error {
	s.line++
	if s.copying != nil {
		return s.copyRow(line)
	}
	if len(s.statement) == 0 {
		if text := bytes.TrimSpace(line); len(text) == 0 || bytes.HasPrefix(text, []byte("--")) || bytes.HasPrefix(text, []byte("\\")) {
			_, err := s.w.Write(line)
			return err
		}
	}
	s.backslash = s.backslash || bytes.IndexByte(line, '`') >= 0
	s.statement = append(s.statement, line...)
	ended := false
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case s.quoted == '\'' && ch == '\\' && s.backslash:
			i++
		case s.quoted == ch:
			s.quoted = 0
		case s.quoted == 0 && (ch == '\'' || ch == '"' || ch == '`'):
			s.quoted = ch
		case s.quoted == 0 && ch == ';':
			ended = true
		case ch > ' ' && s.quoted == 0:
			ended = false
		}
	}
	if !ended || s.quoted != 0 {
		if len(s.statement) > maxText {
			return fmt.Errorf("the statement that ends in line %d is longer than %d bytes", s.line, maxText)
		}
		return nil
	}
	return s.end()
}

// end maps the statement that is whole.
func (s *sqlMapper) end() error {
	t := s.statement
	s.statement, s.quoted = nil, 0
	k := &sqlTokens{t: t, backslash: s.backslash}
	out := t
	var err error
	switch k.word() {
	case "create":
		s.create(k)
	case "copy":
		s.copied = k.afterWord("copy")
		s.copying = k.names()
		if s.copying == nil {
			s.copying = s.columns[s.copied]
		}
		if rest := strings.ToLower(string(t[k.i:])); !strings.Contains(rest, "from stdin") {
			s.copying = nil
		} else if s.copying == nil {
			s.copying = []string{}
		}
	case "insert", "replace":
		out, err = s.insert(k)
	}
	if err != nil {
		return err
	}
	_, err = s.w.Write(out)
	return err
}

// create takes down the columns of a table.
func (s *sqlMapper) create(k *sqlTokens) {
	table := k.afterWord("table")
	if table == "" || !k.open() {
		return
	}
	var columns []string
	for {
		name := k.identifier()
		if word := strings.ToLower(name); name != "" && !k.bareKeyword(word) {
			columns = append(columns, name)
		}
		if !k.skipTo(',', ')') || k.t[k.i-1] == ')' {
			break
		}
	}
	s.columns[table] = columns
}

// insert maps the rows of an INSERT.
func (s *sqlMapper) insert(k *sqlTokens) ([]byte, error) {
	table := k.afterWord("into")
	columns := k.names()
	if columns == nil {
		columns = s.columns[table]
	}
	if !k.until("values") {
		return k.t, nil // of a query
	}
	var out []byte
	at := 0
	for k.open() {
		cells, spans, ok := k.values()
		if !ok {
			return nil, fmt.Errorf("the INSERT that ends in line %d cannot be read", s.line)
		}
		null := make([]bool, len(cells))
		was := slices.Clone(cells)
		for i := range spans {
			null[i] = spans[i].keep
		}
		if err := s.row(pseudonym.Row{Table: table, Columns: columns, Cells: cells, Null: null}); err != nil {
			return nil, err
		}
		for i, sp := range spans {
			if cells[i] == was[i] {
				continue
			}
			out = append(out, k.t[at:sp.start]...)
			out = append(out, sp.write(cells[i])...)
			at = sp.end
		}
		k.comma()
	}
	return append(out, k.t[at:]...), nil
}

// copyRow maps a row of COPY in text form (PostgreSQL, "COPY", File Formats).
func (s *sqlMapper) copyRow(line []byte) error {
	text := strings.TrimRight(string(line), "\r\n")
	if text == `\.` {
		s.copying = nil
		_, err := s.w.Write(line)
		return err
	}
	cells := strings.Split(text, "\t")
	null := make([]bool, len(cells))
	raw := slices.Clone(cells)
	for i := range cells {
		null[i] = cells[i] == `\N`
		cells[i] = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(cells[i])
	}
	was := slices.Clone(cells)
	if err := s.row(pseudonym.Row{Table: s.copied, Columns: s.copying, Cells: cells, Null: null}); err != nil {
		return err
	}
	for i := range cells {
		if cells[i] == was[i] {
			cells[i] = raw[i]
		} else {
			cells[i] = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(cells[i])
		}
	}
	_, err := s.w.WriteString(strings.Join(cells, "\t") + string(line[len(text):]))
	return err
}
