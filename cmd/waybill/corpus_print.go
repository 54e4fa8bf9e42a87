package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/corpus"
)

const (
	plotWidth = 24 // of a bar, in characters
	timeWidth = 60 // of the plot over time
	textWidth = 64 // of a route or class
)

// unnamed gives what texts are called that can name somebody: themselves, but where
// nobody is to be named a number, by which equal ones are seen to be equal. The
// numbers are others each time, so that nobody can be looked for by them.
func (p *program) unnamed() func(string) string {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return func(s string) string {
		if s == "" || !p.masked {
			return s
		}
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return "#" + hex.EncodeToString(h.Sum(nil)[:4])
	}
}

func (p *program) corpusStat(c *cli.Context) error {
	if err := arguments(c, 1, 1000); err != nil {
		return err
	}
	if c.Int("top") < 1 {
		return usage(fmt.Errorf("--top %d: it must be at least 1", c.Int("top")), "")
	}
	if _, err := p.reportOptions(c); err != nil {
		return err
	}
	conf, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	o, err := comparing(conf, "")
	if err != nil {
		return err
	}
	stop, done := p.counted(c, "corpus stat")
	defer done()
	s, err := corpus.Stat(corpus.Reading{Keys: keys, Decoder: o.Decoder, Canon: o.Canon, Stop: stop, SessionBy: http.SessionBy}, c.Args().Slice())
	if c.Args().Len() == 1 {
		if outline, claimed := p.outline(keys, c.Args().First(), err); outline != nil {
			return p.printOutline(c, &checked{Path: outline.Path, Whole: claimed == nil, Outline: outline}, claimed)
		}
	}
	if err != nil {
		return corpusFailure(err)
	}
	unnamed := p.unnamed()
	for i := range s.SessionsBy {
		if name, ok := strings.CutPrefix(s.SessionsBy[i].Name, "cookie "); ok {
			s.SessionsBy[i].Name = "cookie " + unnamed(name)
		}
	}
	for i := range s.Unbound {
		s.Unbound[i].Name = unnamed(s.Unbound[i].Name)
	}
	for _, list := range [][]corpus.Class{s.Routes, s.Classes} {
		for i := range list {
			list[i].Class = unnamed(list[i].Class)
		}
	}
	if c.Bool("json") {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	var b bytes.Buffer
	p.printSummary(&b, s, c.Int("top"))
	_, err = p.stdout.Write(b.Bytes())
	return err
}

func (p *program) printOutline(c *cli.Context, v *checked, err error) error {
	if err != nil {
		return corpusFailure(err)
	}
	if c.Bool("json") {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	_, err = fmt.Fprintln(p.stdout, v.line())
	return err
}

func (p *program) printSummary(b *bytes.Buffer, s *corpus.Summary, top int) {
	for i := range s.Tapes {
		printTape(b, &s.Tapes[i])
	}
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	mailed := ""
	if s.Mailed > 0 {
		mailed = fmt.Sprintf(", %d of them to a message", s.Mailed)
	}
	fmt.Fprintf(w, "stimuli\t%d\tin %s sessions; %d bound to an earlier answer%s\n", s.Stimuli, count(s.Sessions), s.Bound, mailed)
	if len(s.SessionsBy) > 0 {
		var by []string
		for _, what := range s.SessionsBy[:min(len(s.SessionsBy), 5)] {
			by = append(by, fmt.Sprintf("%d by %s", what.Count, what.Name))
		}
		fmt.Fprintf(w, "\t\tsessions told apart: %s\n", printable(strings.Join(by, ", ")))
	}
	fmt.Fprintf(w, "\t\tfrom %s senders, to %s recipients\n", count(s.Received.Senders), count(s.Received.Recipients))
	fmt.Fprintf(w, "messages\t%d\tfrom %s senders, to %s recipients\n", s.Messages, count(s.Sent.Senders), count(s.Sent.Recipients))
	fmt.Fprintf(w, "bytes\t%d\tof heads and bodies; %d bodies were cut, %d could not be decoded\n", s.Bytes, s.Cut, s.Unread)
	if s.First != 0 {
		fmt.Fprintf(w, "time\t\t%s to %s\n", moment(s.First), moment(s.Last))
	}
	w.Flush()
	if s.First != 0 {
		fmt.Fprintf(b, "  %s\n", sparkline(s, timeWidth))
	}
	printClasses(b, "Routes of stimuli", "routes", s.Routes, top)
	printClasses(b, "Classes of messages", "classes", s.Classes, top)
	printUnbound(b, s.Unbound, top)
	printSizes(b, s.Sizes)
	if len(s.Gaps) > 0 {
		b.WriteString("\nNot recorded, or not whole\n")
		for _, g := range s.Gaps {
			fmt.Fprintf(b, "  %d %s at %s: %s\n", g.Count, printable(g.Kind), printable(g.Where), printable(g.Detail))
		}
	}
}

func printTape(b *bytes.Buffer, t *corpus.Tape) {
	fmt.Fprintf(b, "%s\n", printable(t.Path))
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %s\t%s\n", name, printable(value))
		}
	}
	line("digest", t.Digest)
	line("on disk", fmt.Sprintf("%d bytes in %d frames", t.Stored, t.Frames))
	made := ""
	if t.At != 0 {
		made = moment(t.At)
	}
	if t.Version != "" {
		made = strings.TrimPrefix(made+", by waybill "+t.Version, ", ")
	}
	line("made", made)
	line("from", t.Origin)
	for _, k := range slices.Sorted(maps.Keys(t.Made)) {
		line("with "+k, t.Made[k])
	}
	people := map[gate.Identities]string{
		gate.IdentitiesUnknown: "it does not say", gate.IdentitiesReplaced: "pseudonyms", gate.IdentitiesKept: "KEPT AS THEY WERE",
		gate.IdentitiesDetected: "pseudonyms of those that were detected only",
	}[t.Identities]
	if t.Key != "" {
		people += ", by key " + t.Key
	}
	line("people", people)
	if t.Identities == gate.IdentitiesDetected {
		line("warning", detectedOnly)
	}
	if t.Until != 0 {
		text := moment(t.Until)
		if time.Now().UnixNano() > t.Until {
			text += ": THAT HAS PASSED, and no gate uses it: see waybill corpus prune"
		}
		line("kept until", text)
	}
	line("encrypted", strings.Join(t.Recipients, ", "))
	w.Flush()
	b.WriteByte('\n')
}

func count(n corpus.Number) string {
	if n.Exact {
		return strconv.FormatUint(n.N, 10)
	}
	return fmt.Sprintf("about %d", n.N)
}

func moment(at int64) string { return time.Unix(0, at).UTC().Format("2006-01-02 15:04 UTC") }

// plot is a bar of n of most.
func plot(n, most uint64) string {
	if most == 0 || n == 0 {
		return ""
	}
	eighths := max(1, int(float64(n)/float64(most)*plotWidth*8))
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return bar
}

// sparkline is how many records there are over time, from the first to the last.
func sparkline(s *corpus.Summary, width int) string {
	columns := make([]uint64, width)
	span := float64(s.Last-s.First) + 1
	for _, m := range s.Times {
		i := int(float64(max(m.At-s.First, 0)) / span * float64(width))
		columns[min(i, width-1)] += m.Count
	}
	most := slices.Max(columns)
	var b strings.Builder
	for _, n := range columns {
		if n == 0 || most == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[int(float64(n-1)/float64(most)*8)])
	}
	return strings.TrimRight(b.String(), " ")
}

func printClasses(b *bytes.Buffer, title, what string, list []corpus.Class, top int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for i := range list[:min(len(list), top)] {
		v := &list[i]
		class := v.Class
		if class == "" {
			class = "(others, or not decoded)"
		}
		more := statuses(v.Statuses)
		if v.To > 0 {
			more = fmt.Sprintf("to %d", v.To)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%d\t%s\t%s\n", printable(v.Channel), printable(v.Name), gate.Clip(printable(class), textWidth), v.Count, plot(v.Count, list[0].Count), more)
	}
	w.Flush()
	if n := len(list) - top; n > 0 {
		fmt.Fprintf(b, "  and %d more %s: --top shows them\n", n, what)
	}
}

// printUnbound says where values look made that nothing gave.
func printUnbound(b *bytes.Buffer, list []corpus.Place, top int) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nNot bound: values that look made, and that no answer or message before them gave\n")
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, p := range list[:min(len(list), top)] {
		fmt.Fprintf(w, "  %s\t%d\t%s\n", gate.Clip(printable(p.Name), textWidth), p.Count, plot(p.Count, list[0].Count))
	}
	w.Flush()
	if n := len(list) - top; n > 0 {
		fmt.Fprintf(b, "  and %d more places: --top shows them\n", n)
	}
}

func statuses(m map[string]uint64) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k != "-" {
			out = append(out, fmt.Sprintf("%s %d", k, m[k]))
		}
	}
	return strings.Join(out, ", ")
}

func printSizes(b *bytes.Buffer, list []corpus.Size) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nSizes of bodies\n")
	most := uint64(0)
	for _, s := range list {
		most = max(most, s.Count)
	}
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, s := range list {
		text := fmt.Sprintf("%s to %s", bytesText(s.From), bytesText(s.To-1))
		if s.To == 1 {
			text = "none"
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\n", text, s.Count, plot(s.Count, most))
	}
	w.Flush()
}

// bytesText is n bytes, in the largest unit that n is not smaller than.
func bytesText(n uint64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if shift := 30 - 10*i; n>>shift > 0 {
			return fmt.Sprintf("%d %s", n>>shift, unit)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func (p *program) corpusList(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	if _, err := p.reportOptions(c); err != nil {
		return err
	}
	conf, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	o, err := comparing(conf, "")
	if err != nil {
		return err
	}
	path := c.Args().First()
	r, err := keys.Open(path)
	if err != nil {
		return corpusFailure(err)
	}
	defer r.Close()
	unnamed := p.unnamed()
	routes := corpus.NewRouter(corpus.Reading{Decoder: o.Decoder, Canon: o.Canon})
	for {
		rec, _, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = stoppedBy(c.Context)
		}
		if err != nil {
			return corpusFailure(err)
		}
		s := rec.Stimulus
		if s == nil {
			continue
		}
		at := "-"
		if s.At != 0 {
			at = time.Unix(0, s.At).UTC().Format("2006-01-02T15:04:05.000Z")
		}
		size := strconv.Itoa(len(s.Body))
		if s.Cut > 0 {
			size += fmt.Sprintf("+%d-cut", s.Cut)
		}
		status := "-"
		if s.Status != 0 {
			status = strconv.Itoa(s.Status)
		}
		id := s.ID
		if strings.ContainsAny(id, "@+") {
			id = unnamed(id)
		}
		_, err = fmt.Fprintf(p.stdout, "%s %s %s %s %s %s %s %s\n", printable(id), at, word(s.Channel), word(s.Door),
			word(unnamed(s.Key)), size, status, word(unnamed(routes.Route(s))))
		if err != nil {
			return err
		}
	}
}

// word is s, or a hyphen where it is empty.
func word(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

func (p *program) corpusShow(c *cli.Context) error {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	if _, err := p.reportOptions(c); err != nil {
		return err
	}
	if p.masked {
		return usage(errors.New("show: a stimulus whole can name people, and nobody is to be named here"), "--show-recipients shows it all the same")
	}
	_, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	s, err := corpus.Find(keys, c.Args().Get(0), c.Args().Get(1))
	if err != nil {
		return corpusFailure(err)
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, readable(value))
		}
	}
	line("stimulus", s.ID)
	line("channel", s.Channel)
	line("door", s.Door)
	line("key", s.Key)
	if s.At != 0 {
		line("recorded", time.Unix(0, s.At).UTC().Format(time.RFC3339Nano))
	}
	if s.Status != 0 {
		line("answered", strconv.Itoa(s.Status))
	}
	if s.Cut > 0 {
		line("cut", fmt.Sprintf("%d bytes of its body were not kept: it is not replayed", s.Cut))
	}
	for _, v := range s.Bindings {
		line("bound", fmt.Sprintf("%q is %s in %s", v.Value, v.Place, givenBy(&v)))
	}
	w.Flush()
	b.WriteString("\n" + lines(s.Head))
	if len(s.Body) > 0 {
		b.WriteString("\n" + lines(s.Body))
	}
	_, err = p.stdout.Write(b.Bytes())
	return err
}

// givenBy says what gave a bound value.
func givenBy(b *gate.Binding) string {
	if b.Sent == nil {
		return "the answer to " + b.From
	}
	text := fmt.Sprintf("message %d of its kind to %s", b.Sent.Nth, strings.Join(b.Sent.To, ", "))
	if len(b.Sent.Like) > 0 {
		text += " with the words " + strings.Join(b.Sent.Like, ", ")
	}
	if b.From != "" {
		text += ", sent because of " + b.From
	}
	return text
}

// lines is text that came from anywhere as lines that a terminal only shows.
func lines(p []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(p)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		b.WriteString(readable(line) + "\n")
	}
	return b.String()
}

// readable is s with what a terminal might obey, hide or move as Go escapes.
func readable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\\':
			b.WriteString(`\\`)
		case !strconv.IsPrint(r) || unicode.Is(unicode.Cf, r):
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
