package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/waybill-dev/waybill/gate"
)

// A program is one call of waybill: what it reads, where it writes.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	masked         bool // nobody is to be named, nor what a build printed shown

	// code is how the verb ended where that is no error: a verdict's exit code.
	// concluded: a whole verdict was printed.
	code      int
	concluded bool

	// busy: there are builds to stop or files to delete, so that a signal must
	// wait until the verb has returned.
	busy atomic.Bool
}

// run is waybill with its arguments, the name of the program first. It returns
// the exit code, and ends no process by itself.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv}
	p.masked = p.inCI()
	if err := enoughFiles(); err != nil {
		return p.fail(err)
	}
	ctx, stop := stoppable()
	defer stop()
	done := make(chan error, 1)
	go func() { done <- guarded(func() error { return p.call(ctx, args) }) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if !p.busy.Load() { // nothing to stop and nothing to delete
			return p.fail(stoppedBy(ctx))
		}
		err = <-done
	}
	if s := stoppedBy(ctx); s != nil && !p.concluded {
		return p.fail(s) // whatever else was said, it was said of half a run
	}
	var own cli.ExitCoder
	if errors.As(err, &own) { // of cli itself: a topic of help that there is not
		err = usage(err, "see waybill --help")
	}
	if err != nil {
		return p.fail(err)
	}
	return p.code
}

// call is the verb that args name.
func (p *program) call(ctx context.Context, args []string) error {
	app := p.app()
	if len(args) == 2 && slices.Contains([]string{"--version", "-version", "-v"}, args[1]) {
		args = []string{args[0], "version"}
	}
	if args[len(args)-1] != completeFlag { // which is only what stands last
		args = flagsFirst(app.Commands, args)
	}
	return app.RunContext(ctx, args)
}

// guarded runs f. A panic of it is its error.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = bug(v)
		}
	}()
	return f()
}

// fail says what went wrong, in one line and perhaps a hint, and gives the exit code.
func (p *program) fail(err error) int {
	f := &failure{code: gate.ExitUndecided, err: err}
	errors.As(err, &f)
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n")
	fmt.Fprintln(p.stderr, "waybill: "+printable(lines[0]))
	for _, line := range lines[1:] { // what a build printed, or a list of problems
		fmt.Fprintln(p.stderr, "  | "+printable(line))
	}
	if f.hint != "" {
		for i, line := range strings.Split(f.hint, "\n") { // a verb that is used in several ways has a line for each
			fmt.Fprintln(p.stderr, map[bool]string{true: "  hint: ", false: "        "}[i == 0]+printable(line))
		}
	}
	return f.code
}

// A failure is an error with the exit code that it stands for.
type failure struct {
	code int
	err  error
	hint string // what to do; may be empty
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a failure of how waybill was called or configured.
func usage(err error, hint string) error { return &failure{gate.ExitUsage, err, hint} }

// undecided is a failure to judge.
func undecided(err error, hint string) error { return &failure{gate.ExitUndecided, err, hint} }

// bug is the failure that a panic with v stands for.
func bug(v any) error {
	return &failure{
		code: gate.ExitBug,
		err:  fmt.Errorf("a bug in waybill: %v (%s)", v, origin(debug.Stack())),
		hint: "nothing was judged; report the line above with the version that waybill version prints",
	}
}

// origin is the place of the panic in a stack: the first call of this module's
// below that of panic, as "gate/pipeline/scan.go:12".
func origin(stack []byte) string {
	_, after, _ := strings.Cut(string(stack), "\npanic(")
	lines := strings.Split(after, "\n")
	for i := 0; i+1 < len(lines); i++ {
		file, isFile := strings.CutPrefix(lines[i+1], "\t")
		if !isFile || !strings.HasPrefix(lines[i], "main.") && !strings.HasPrefix(lines[i], "github.com/waybill-dev/waybill/") {
			continue
		}
		file, _, _ = strings.Cut(file, " +0x")
		parts := strings.Split(file, "/")
		return strings.Join(parts[max(0, len(parts)-3):], "/")
	}
	return "place not known"
}

// A stopped is the cause of a context that a signal cancelled.
type stopped struct {
	code int
	word string
}

func (s *stopped) Error() string { return s.word + ": nothing was judged" }

// stoppable is a context that ends with SIGINT, SIGTERM and SIGHUP. Later signals
// change nothing: builds are being stopped then, and each step of that has its
// time limit.
func stoppable() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup, and shells that run this in the background
			signal.Notify(signals, s)
		}
	}
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			if s == syscall.SIGINT {
				cancel(&stopped{gate.ExitInterrupted, "interrupted"})
			} else {
				cancel(&stopped{gate.ExitTerminated, "terminated"})
			}
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// stoppedBy is the failure that a signal's end of ctx stands for, or nil.
func stoppedBy(ctx context.Context) error {
	var s *stopped
	if errors.As(context.Cause(ctx), &s) {
		return &failure{code: s.code, err: s}
	}
	return nil
}

func (p *program) app() *cli.App {
	app := &cli.App{
		Name:                      "waybill",
		Usage:                     "does this release change who receives what?",
		UsageText:                 "waybill VERB [flags] [arguments]",
		Description:               exitCodes() + "\n\n" + topics(),
		HideVersion:               true,
		EnableBashCompletion:      true,
		Flags:                     []cli.Flag{cli.HelpFlag}, // which cli adds only where help is its own verb
		DisableSliceFlagSeparator: true,
		Reader:                    p.stdin,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // codes are run's to give
		Commands: []*cli.Command{
			p.gateVerb(), p.replayVerb(), p.judgeVerb(), p.diffVerb(), p.explainVerb(),
			p.approveVerb(), p.approvalsVerb(), p.reviewVerb(), p.verifyVerb(), p.reportVerb(), p.publishVerb(), p.doctorVerb(), p.mergeVerb(), p.checksVerb(), p.initVerb(), p.configVerb(), p.tapeVerb(), p.importVerb(), p.recordVerb(), p.corpusVerb(), p.pseudonymizeVerb(), p.completionVerb(), p.versionVerb(), p.helpVerb(),
		},
	}
	app.Action = func(c *cli.Context) error { return unknownVerb(c, "", app.Commands) }
	strict(app.Commands, "")
	app.OnUsageError = usageError(func() []cli.Flag { return app.Flags })
	return app
}

// strict makes every verb refuse flags that it does not know, and arguments that
// look like flags: they are files only where "./" says so.
func strict(commands []*cli.Command, parent string) {
	for _, c := range commands {
		c.OnUsageError = usageError(func() []cli.Flag { return c.Flags })
		c.HideHelpCommand = true
		name := strings.TrimSpace(parent + " " + c.Name)
		if len(c.Subcommands) > 0 {
			c.Action = func(ctx *cli.Context) error { return unknownVerb(ctx, name, c.Subcommands) }
			strict(c.Subcommands, name)
			continue
		}
		action := c.Action
		c.Action = func(ctx *cli.Context) error {
			for _, a := range ctx.Args().Slice() {
				if strings.HasPrefix(a, "-") && a != "-" { // "-" is standard input
					return usage(fmt.Errorf("%s: %q looks like a flag", name, a), "write ./"+a+" for a file of that name")
				}
			}
			return action(ctx)
		}
	}
}

func usageError(flags func() []cli.Flag) cli.OnUsageErrorFunc {
	return func(c *cli.Context, err error, _ bool) error {
		hint := "see waybill " + c.Command.Name + " --help"
		if c.Command.Name == c.App.Name || c.Command.Name == "" {
			hint = "see waybill --help"
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: "); ok {
			name = "--" + strings.TrimLeft(name, "-")
			err = fmt.Errorf("unknown flag %s", name)
			var known []string
			for _, f := range flags() {
				known = append(known, "--"+f.Names()[0])
			}
			if near := nearest(name, known); near != "" {
				err = fmt.Errorf("%w: the nearest known is %s", err, near)
			}
		}
		return usage(err, hint)
	}
}

func unknownVerb(c *cli.Context, parent string, verbs []*cli.Command) error {
	see := "see " + strings.TrimSpace("waybill "+parent) + " --help"
	if c.Args().Len() == 0 {
		if parent != "" {
			return usage(fmt.Errorf("%s: which of its verbs is not said", parent), see)
		}
		return usage(errors.New("no verb is given"), see)
	}
	got := c.Args().First()
	err := fmt.Errorf("unknown verb %q", strings.TrimSpace(parent+" "+got))
	var known []string
	for _, v := range verbs {
		known = append(known, v.Name)
	}
	if near := nearest(got, known); near != "" {
		err = fmt.Errorf("%w: the nearest known is %q", err, strings.TrimSpace(parent+" "+near))
	}
	return usage(err, see)
}

// exitCodes is the table of exit codes, for help.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:")
	for _, c := range gate.ExitCodes() {
		fmt.Fprintf(&b, "\n%4d  %s", c.Code, c.Meaning)
	}
	return b.String()
}

// arguments checks how many arguments a verb was given.
func arguments(c *cli.Context, least, most int) error { return given(c, c.Args().Slice(), least, most) }

// given checks how many of its arguments a verb has besides [DIR|CONFIG].
func given(c *cli.Context, args []string, least, most int) error {
	n := len(args)
	if n >= least && n <= most {
		return nil
	}
	wants := fmt.Sprintf("%d to %d arguments", least, most)
	switch {
	case most == 0:
		wants = "no arguments"
	case least == most && least == 1:
		wants = "1 argument"
	case least == most:
		wants = fmt.Sprintf("%d arguments", least)
	case least == 0 && most == 1:
		wants = "at most 1 argument"
	case least == 0:
		wants = fmt.Sprintf("at most %d arguments", most)
	}
	return usage(fmt.Errorf("%s: it takes %s, got %d", c.Command.Name, wants, n),
		"usage: "+c.Command.UsageText)
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// colour reports whether to colour what is written to standard output.
// See https://no-color.org.
func (p *program) colour() bool {
	return terminal(p.stdout) && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
}

// maxWidth is the widest line of a report: longer ones are hard to read.
const maxWidth = 140

// width is how many runes a line of the report may have; 0 where standard output
// does not say.
func (p *program) width() int {
	f, ok := p.stdout.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return min(int(size.Col), maxWidth)
}

// inCI reports whether a continuous integration service runs this, whose logs
// others can read.
func (p *program) inCI() bool {
	for _, name := range []string{"CI", "GITHUB_ACTIONS"} {
		switch strings.ToLower(p.getenv(name)) {
		case "", "0", "false", "no":
		default:
			return true
		}
	}
	return false
}

// printable is s with what a terminal might obey as Go escapes.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 || 0x200b <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f {
			return '\ufffd'
		}
		return r
	}, s)
}

// firstLine is s up to its first newline.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
