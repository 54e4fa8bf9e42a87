package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// A view is one way to show a verdict.
type view struct {
	name  string
	about string
	write func(io.Writer, *gate.Verdict, report.Options) error
}

// views are all there are. load brings messages of the runs, for those that show them whole.
func views(load report.Loader) []view {
	return []view{
		{"html", "one page that opens from disk: by recipient, by finding, by message", func(w io.Writer, v *gate.Verdict, o report.Options) error {
			return report.HTML(w, v, load, o)
		}},
		{"schema", "the JSON Schema of the verdict", func(w io.Writer, _ *gate.Verdict, _ report.Options) error {
			_, err := w.Write(report.Schema())
			return err
		}},
		{"terminal", "as the gate prints it", report.Terminal},
		{"markdown", "for a comment or the summary of a job: names nobody, whatever is asked for", report.Markdown},
		{"junit", "XML for a test report", report.JUnit},
		{"outputs", "name=value lines for the outputs of a step of GitHub Actions", outputs},
		{"json", "the verdict itself, whole, with names", func(w io.Writer, v *gate.Verdict, _ report.Options) error { return report.JSON(w, v) }},
	}
}

func viewNames() []string {
	var names []string
	for _, f := range views(nil) {
		names = append(names, f.name)
	}
	return names
}

func (p *program) reportVerb() *cli.Command {
	var about strings.Builder
	for _, f := range views(nil) {
		fmt.Fprintf(&about, "%-10s %s\n", f.name, f.about)
	}
	return &cli.Command{
		Name:        "report",
		Usage:       "show a verdict again, in another form",
		UsageText:   "waybill report [flags] [FORMAT] [DIR|CONFIG]",
		Description: "Formats:\n" + about.String() + "\nThe exit code says whether the report was written, and nothing of the verdict.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "verdict", Value: defaultVerdict, Usage: "`FILE` with the verdict"},
			&cli.StringFlag{Name: "config", Usage: "`CONFIG` whose masks were used; the one beside the verdict's folder if not given"},
			identitiesFlag(),
			&cli.StringFlag{Name: "format", Value: "terminal", Usage: "`FORMAT`: " + strings.Join(viewNames(), ", ")},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of standard output"},
			&cli.BoolFlag{Name: "open", Usage: "show it in a browser: as html, and beside the verdict, unless another format or file is named"},
			&cli.IntFlag{Name: "budget", Usage: "characters that markdown may have"},
			&cli.BoolFlag{Name: "report-only", Usage: "say of a release that is blocked that it would be"},
		}, reportFlags()...),
		Action: p.report,
	}
}

func (p *program) report(c *cli.Context) error {
	args, err := locate(c)
	if err != nil {
		return err
	}
	if err := given(c, args, 0, 1); err != nil {
		return err
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	format := c.String("format")
	if len(args) > 0 {
		if c.IsSet("format") {
			return usage(errors.New("report: the format is named twice"), "usage: "+c.Command.UsageText)
		}
		format = args[0]
		if short := map[string]string{"md": "markdown", "xml": "junit", "text": "terminal"}[format]; short != "" {
			format = short
		}
	}
	if c.Bool("open") && len(args) == 0 && !c.IsSet("format") {
		format = "html"
	}
	i := slices.IndexFunc(views(nil), func(f view) bool { return f.name == format })
	if i < 0 {
		err := fmt.Errorf("unknown format %q", format)
		if near := nearest(format, viewNames()); near != "" {
			err = fmt.Errorf("%w: the nearest known is %q", err, near)
		}
		return usage(err, "formats: "+strings.Join(viewNames(), ", "))
	}
	if c.IsSet("budget") && c.Int("budget") < minBudget {
		return usage(fmt.Errorf("--budget %d: it must be at least %d", c.Int("budget"), minBudget), "")
	}
	v, err := readVerdict(c.String("verdict"))
	if err != nil {
		return err
	}
	o.Key, o.Budget, o.ReportOnly = []byte(p.getenv(maskKey)), c.Int("budget"), c.Bool("report-only")
	o.Next = next(v, places{verdict: c.String("verdict"), config: c.String("config"), here: format == "terminal" || format == "html"})
	conf, err := explainConfig(c.String("config"), c.String("verdict"))
	if err != nil {
		return err
	}
	if err := withPeople(&o, conf); err != nil {
		return err
	}
	po, err := comparing(conf, "")
	if err != nil {
		return err
	}
	if po.Keys, err = p.keys(conf, c.String("identities")); err != nil {
		return err
	}
	write := func(w io.Writer) error { return views(loader(po, c.String("verdict")))[i].write(w, v, o) }
	out := c.String("out")
	if out == "" && c.Bool("open") {
		out = filepath.Join(filepath.Dir(c.String("verdict")), "report."+extension[format])
	}
	if out == "" {
		return asUndecided(write(p.stdout))
	}
	o.Color = false
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return undecided(fmt.Errorf("write the report: %w", err), "")
	}
	err = replaceFile(out, func(f *os.File) error { return write(f) })
	if err != nil || !c.Bool("open") {
		return asUndecided(err)
	}
	fmt.Fprintf(p.stdout, "wrote %s\n", printable(out))
	return p.open(c.Context, out)
}

// extension is how the file of a format that is opened ends.
var extension = map[string]string{"html": "html", "markdown": "md", "junit": "xml", "json": "json", "schema": "json", "terminal": "txt", "outputs": "txt"}

// open shows a file in the browser that BROWSER names, or by what the system opens files with.
func (p *program) open(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return undecided(fmt.Errorf("open %s: %w", path, err), "")
	}
	browser := p.getenv("BROWSER")
	if browser == "" {
		browser = map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	}
	command := exec.CommandContext(ctx, cmp.Or(browser, "xdg-open"), path)
	if out, err := command.CombinedOutput(); err != nil {
		return usage(fmt.Errorf("open %s: %w\n%s", path, err, out), "open the file yourself, or name a browser in BROWSER")
	}
	return nil
}

// outputs writes what a workflow decides by. Nothing in it comes from a message.
func outputs(w io.Writer, v *gate.Verdict, _ report.Options) error {
	states := map[gate.State]int{}
	replayed := uint64(0)
	for i := range v.Findings {
		states[v.Findings[i].State]++
	}
	for i := range v.Comparisons {
		replayed = max(replayed, v.Comparisons[i].Staging.Stimuli)
	}
	_, err := fmt.Fprintf(w, "verdict=%s\nexit-code=%d\nunapproved=%d\napproved=%d\nexpired=%d\nreplayed=%d\ncorpus-size=%d\n",
		v.Decision, v.ExitCode(), states[gate.Open]+states[gate.Outgrown], states[gate.Approved], states[gate.Expired], replayed, v.Made.Stimuli)
	if err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	return nil
}

// minBudget is the fewest characters in which Markdown can say what it left out.
const minBudget = 2000

// maskKey is the environment variable with the key of masks: under one key they
// stay the same over reports.
const maskKey = "WAYBILL_MASK_KEY"

func asUndecided(err error) error {
	if err != nil {
		return undecided(err, "")
	}
	return nil
}
