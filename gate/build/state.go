//go:build unix

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
)

// Folders of a site.
const (
	stateFolder    = "state"
	snapshotFolder = "snapshot"
)

const maxPrinted = 1 << 20 // bytes that a check of the state may print

// A MigrationError says that a migration of a build failed. It tells what it printed last, which
// can hold anything.
type MigrationError struct{ error }

func (e *MigrationError) Unwrap() error { return e.error }

// makeState makes the state fit for a replay: by Setup in an empty folder, or, in the one that was
// kept, by what restores it and by Reset. It is checked then, and migrated.
func (b *Build) makeState(ctx context.Context, start Start) error {
	s, c, st := b.site, b.site.spec.Build, b.site.spec.State
	if st != nil || len(c.Migrate) > 0 {
		b.facts = &gate.StateFacts{}
	}
	var told []string
	for _, argv := range c.Setup {
		argv, err := config.ExpandAll(argv, b.vars)
		if err != nil {
			return fmt.Errorf("build %s: setup: %w", s.spec.Role, err)
		}
		told = append(told, fmt.Sprintf("%q", argv))
	}
	stamp := fmt.Sprintf("%q %q %q", told, start.Sinks, b.doors) // maps print in order of their keys
	kept := (c.Reset != nil || st.Restores()) && s.stamp == stamp
	if !kept {
		s.stamp = ""
		if err := b.freshState(ctx); err != nil {
			return err
		}
	}
	if st.Restores() {
		if err := b.timed(&b.facts.Restore, func() error { return b.restore(ctx) }); err != nil {
			return err
		}
	}
	if kept && c.Reset != nil {
		if err := b.hooks(ctx, "reset", c.Reset); err != nil {
			return err
		}
	}
	if err := b.checkBefore(ctx); err != nil {
		return err
	}
	if len(c.Migrate) > 0 {
		err := b.timed(&b.facts.Migrate, func() error { return b.hooks(ctx, "migrate", c.Migrate) })
		switch {
		case err != nil && ctx.Err() != nil:
			return err // it was stopped, and did not fail
		case err != nil:
			return &MigrationError{err}
		}
	}
	s.stamp = stamp
	return nil
}

// freshState runs Setup in an empty folder, and keeps what is restored later.
func (b *Build) freshState(ctx context.Context) error {
	s := b.site
	for _, folder := range []string{s.state(), s.snapshot()} {
		if err := removeAll(folder); err != nil {
			return fmt.Errorf("build %s: empty its state: %w", s.spec.Role, err)
		}
	}
	if err := os.Mkdir(s.state(), 0o700); err != nil {
		return fmt.Errorf("build %s: make its state: %w", s.spec.Role, err)
	}
	var ignored int64
	spent := &ignored
	if b.facts != nil {
		spent = &b.facts.Setup
	}
	if err := b.timed(spent, func() error { return b.hooks(ctx, "setup", s.spec.Build.Setup) }); err != nil {
		return err
	}
	if s.spec.State == nil {
		return nil
	}
	if err := os.Mkdir(s.snapshot(), 0o700); err != nil {
		return fmt.Errorf("build %s: make a folder for its snapshot: %w", s.spec.Role, err)
	}
	return b.timed(&b.facts.Snapshot, func() error { return b.keepSnapshot(ctx) })
}

// timed adds to spent how long do takes. 0 is left to what was not done.
func (b *Build) timed(spent *int64, do func() error) error {
	from := time.Now()
	err := do()
	*spent += max(int64(time.Since(from)), 1)
	return err
}

// keepSnapshot keeps what Setup made, by the recipes and the commands of [config.State].
func (b *Build) keepSnapshot(ctx context.Context) error {
	st := b.site.spec.State
	if err := b.copies(func(site *os.Root, c stateCopy) error { return c.keep(site) }); err != nil {
		return fmt.Errorf("build %s: snapshot: %w", b.site.spec.Role, err)
	}
	return b.hooks(ctx, "snapshot", st.Snapshot)
}

// restore brings back what keepSnapshot kept.
func (b *Build) restore(ctx context.Context) error {
	st := b.site.spec.State
	if err := b.copies(func(site *os.Root, c stateCopy) error { return c.bringBack(site) }); err != nil {
		return fmt.Errorf("build %s: restore: %w", b.site.spec.Role, err)
	}
	return b.hooks(ctx, "restore", st.Restore)
}

// copies calls each for what is copied. The root keeps it in the folder of the site,
// whatever links the build has made there.
func (b *Build) copies(each func(*os.Root, stateCopy) error) error {
	st := b.site.spec.State
	if len(st.Folder)+len(st.SQLite) == 0 {
		return nil
	}
	site, err := os.OpenRoot(b.site.folder)
	if err != nil {
		return err
	}
	defer site.Close()
	for i, c := range copiesOf(st) {
		c.kept = fmt.Sprintf("%s/copy-%d", snapshotFolder, i+1)
		if err := each(site, c); err != nil {
			return err
		}
	}
	return nil
}

// check runs the command that says what the state is, and returns what it printed.
func (b *Build) check(ctx context.Context) (printed string, err error) {
	timeout := b.site.spec.Build.HookTimeout.Duration
	within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not end within %s", timeout))
	defer cancel()
	argv, out := b.site.spec.State.Check, &output{maxTail: maxPrinted}
	var st status
	err = b.timed(&b.facts.Check, func() error {
		st, err = b.run(within, argv, out)
		return err
	})
	what := fmt.Sprintf("build %s: check of its state, %q", b.site.spec.Role, argv[0])
	text, more := out.reply()
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w; %w", what, err, (&ExitError{out: out}).printed())
	case !st.ok():
		return "", errors.New(out.withLast(what + " " + st.String()))
	case more > 0:
		return "", fmt.Errorf("%s: it printed more than %d bytes: let it print sums and counts", what, maxPrinted)
	case strings.TrimSpace(string(text)) == "":
		return "", fmt.Errorf("%s: it printed nothing, which proves nothing", what)
	}
	return string(text), nil
}

func (b *Build) checkBefore(ctx context.Context) error {
	if st := b.site.spec.State; st == nil || len(st.Check) == 0 {
		return nil
	}
	var err error
	if b.printed[0], err = b.check(ctx); err == nil {
		b.facts.Before = gate.StateLines(b.printed[0])
	}
	return err
}

// checkAfter checks the state of a build that has stopped, where that is asked.
func (b *Build) checkAfter(ctx context.Context) {
	if st := b.site.spec.State; st == nil || !st.CheckAfter {
		return
	}
	var err error
	if b.printed[1], err = b.check(ctx); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // what it printed can name people
		b.gaps = append(b.gaps, gate.Gap{Kind: gate.GapState, Where: "build " + string(b.site.spec.Role), Detail: "after the replay: " + strings.TrimSuffix(first, "; last output:")})
		return
	}
	b.facts.After = gate.StateLines(b.printed[1])
}

// State says how the state of the build was made fit for its replay; nil where nothing brings it
// back, checks or migrates it. It is whole after Stop.
func (b *Build) State() *gate.StateFacts { return b.facts }

// Checked is what the check of the state printed before the replay, and after it; "" where it was
// not asked. It can hold anything.
func (b *Build) Checked() (before, after string) { return b.printed[0], b.printed[1] }

func (b *Build) hooks(ctx context.Context, name string, argvs [][]string) error {
	timeout := b.site.spec.Build.HookTimeout.Duration
	for i, argv := range argvs {
		within, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not end within %s", timeout))
		out := &output{}
		st, err := b.run(within, argv, out)
		cancel()
		what := fmt.Sprintf("build %s: %s command %d, %q", b.site.spec.Role, name, i+1, argv[0])
		switch {
		case errors.Is(err, errLeft):
			return fmt.Errorf("%s: %w; what is to run during a replay belongs in command", what, err)
		case err != nil:
			return fmt.Errorf("%s: %w; %w", what, err, (&ExitError{out: out}).printed())
		case !st.ok():
			return errors.New(out.withLast(what + " " + st.String()))
		}
	}
	return nil
}
