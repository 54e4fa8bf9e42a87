package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/shard"
	"github.com/waybill-dev/waybill/gate/verdict"
)

const (
	maxFiles     = 50_000           // files beside a script, or in a folder, that are read for the digest of a build
	imageTimeout = 20 * time.Second // for a container engine to say which image a name stands for
)

// built describes the build of a role: digests of what its commands name. These are their words and
// environment, the programs and files among the words, the sources, templates and tables in the
// folder that the build runs in, beside its scripts and in folders that a word names, and the ids
// of container images. A name is no identity, and a commit is not always given.
//
// state is the folder in which set-up made its programs, "" where it has not run: these are then
// known by the commands that make them alone. What a command fetches over a network is not seen.
func built(ctx context.Context, conf *config.Config, role gate.Role, state string) (gate.Built, error) {
	b := conf.Build(role)
	out := gate.Built{Role: role, Name: b.Name}
	var command [][]string
	setup := slices.Concat(b.Setup, b.Reset, b.Migrate, conf.State.Commands())
	command = append(command, b.Command, b.Ready.Command, b.Quiet.Command, b.Stop.Command)
	envs := []map[string]string{b.Env}
	for _, name := range slices.Sorted(maps.Keys(b.Jobs)) {
		command = append(command, append([]string{"job", name}, b.Jobs[name].Command...))
		envs = append(envs, b.Jobs[name].Env)
	}
	whole := sha256.New()
	for _, part := range []struct {
		to    *string
		argvs [][]string
		envs  []map[string]string
	}{{&out.Setup, setup, nil}, {&out.Command, command, envs}} {
		f := &files{ctx: ctx, hash: sha256.New(), seen: map[string]bool{}, build: b, config: conf.Dir, state: state}
		for _, argv := range part.argvs {
			if err := f.argv(argv); err != nil {
				return out, fmt.Errorf("read the files of build %s: %w", role, err)
			}
		}
		if part.envs != nil {
			if err := f.tree(f.dir()); err != nil {
				return out, fmt.Errorf("read the folder of build %s: %w", role, err)
			}
		}
		for _, env := range part.envs {
			for _, name := range slices.Sorted(maps.Keys(env)) {
				fmt.Fprintf(f.hash, "env %q %q\n", name, plain.expand(env[name]))
			}
		}
		fmt.Fprintf(f.hash, "doors %q\n", b.Doors)
		*part.to = "sha256:" + hex.EncodeToString(f.hash.Sum(nil))
		fmt.Fprintln(whole, *part.to)
	}
	out.Digest = "sha256:" + hex.EncodeToString(whole.Sum(nil))
	return out, nil
}

type files struct {
	ctx    context.Context
	hash   hash.Hash
	seen   map[string]bool
	n      int
	build  *config.Build
	config string
	state  string
}

// dir is the folder that the build runs in.
func (f *files) dir() string { return strings.ReplaceAll(f.build.Dir, "${config}", f.config) }

// plain expands variables of the environment alone: no folder of this machine.
var plain = &files{config: "${config}"}

// expand puts in what is known before a build starts: folders, and variables of this
// process's environment. Addresses of doors and sinks differ from run to run.
func (f *files) expand(s string) string {
	s = strings.ReplaceAll(s, "${config}", f.config)
	if f.state != "" {
		s = strings.ReplaceAll(s, "${state}", f.state)
	}
	for from := 0; ; {
		i := strings.Index(s[from:], "${env.")
		if i < 0 {
			return s
		}
		i += from
		name, _, ok := strings.Cut(s[i+len("${env."):], "}")
		if !ok {
			return s
		}
		value, set := os.LookupEnv(name)
		if from = i + len("${env."); set {
			s = s[:i] + value + s[i+len("${env.}")+len(name):]
			from = i + len(value)
		}
	}
}

// argv adds a command: its words as they are configured, with variables of the environment, and
// what they name.
func (f *files) argv(argv []string) error {
	for i, word := range argv {
		path := f.expand(word)
		fmt.Fprintf(f.hash, "%d %q\n", i, plain.expand(word))
		if strings.Contains(path, "${") {
			continue
		}
		if _, after, ok := strings.Cut(path, "="); ok && strings.HasPrefix(path, "-") { // --config=FILE
			path = after
		}
		if i == 0 && !strings.Contains(path, "/") {
			found, err := exec.LookPath(path)
			if err != nil {
				continue // told when it is started
			}
			path = found
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(f.dir(), path)
		}
		if err := f.add(path); err != nil {
			return err
		}
		for _, name := range lineFor(path, word) { // of a shell
			if !filepath.IsAbs(name) {
				name = filepath.Join(f.dir(), name)
			}
			if err := f.add(name); err != nil {
				return err
			}
		}
	}
	return f.images(argv)
}

// lineFor gives the words of a line for a shell that a command gives as one word: those that may
// name files. It gives none where the word is one for itself.
func lineFor(expanded, word string) []string {
	line := strings.FieldsFunc(expanded, func(r rune) bool { return strings.ContainsRune(" \t\n;&|()<>\"'`", r) })
	if len(line) < 2 || !strings.ContainsAny(word, " \t\n") {
		return nil
	}
	return line
}

// engines are programs whose words name images of containers.
var engines = []string{"docker", "podman", "nerdctl"}

// images adds the ids of the images that the words of a container engine's command name. A
// name such as app:latest stands for another image when it was built or pulled anew.
func (f *files) images(argv []string) error {
	if len(argv) == 0 || !slices.Contains(engines, filepath.Base(argv[0])) {
		return nil
	}
	ctx, cancel := context.WithTimeout(f.ctx, imageTimeout)
	defer cancel()
	for _, word := range argv[1:] {
		if word = f.expand(word); word == "" || strings.HasPrefix(word, "-") || strings.Contains(word, "${") {
			continue
		}
		id, err := exec.CommandContext(ctx, argv[0], "image", "inspect", "--format", "{{.Id}}", word).Output()
		if ctx.Err() != nil {
			return fmt.Errorf("ask %s which image %s is: %w", argv[0], word, ctx.Err())
		}
		if err != nil {
			continue // no image, or one that is yet to be pulled
		}
		fmt.Fprintf(f.hash, "image %q %q\n", word, strings.TrimSpace(string(id)))
	}
	return nil
}

// add adds a file, and of a script the folder that it lies in; of a folder what is in it.
func (f *files) add(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil
	case info.IsDir():
		return f.tree(path)
	case !info.Mode().IsRegular():
		return nil
	}
	if err := f.one(path, filepath.Base(path)); err != nil {
		return err
	}
	if slices.Contains(scripts, filepath.Ext(path)) || interpreted(path) {
		return f.tree(filepath.Dir(path))
	}
	return nil
}

// interpreted reports whether a file begins with the line that names its interpreter.
func interpreted(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var mark [2]byte
	_, err = io.ReadFull(file, mark[:])
	return err == nil && string(mark[:]) == "#!"
}

// tree adds the files in a folder and below it that a build is made of or reads, up to [maxFiles]
// of a command. Of data and templates it takes those under version control, where any are: others
// are as often what a build writes.
func (f *files) tree(folder string) error {
	if f.seen[folder] {
		return nil
	}
	f.seen[folder] = true
	tracked := trackedIn(f.ctx, folder)
	return filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read the build does not read either
		case d.IsDir() && p != folder && (strings.HasPrefix(d.Name(), ".") || f.seen[p]):
			return filepath.SkipDir
		}
		if f.n++; f.n > maxFiles {
			fmt.Fprintf(f.hash, "more than %d\n", maxFiles)
			return filepath.SkipAll
		}
		if !d.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(folder, p)
		if err != nil {
			return err
		}
		kind := filepath.Ext(p)
		read := func() bool {
			return tracked == nil && !written(p) && (filepath.Dir(p) == folder || !holdsRuns(filepath.Dir(p)))
		}
		if slices.Contains(sources, kind) || slices.Contains(data, kind) && (tracked[rel] || read()) {
			return f.one(p, rel)
		}
		return nil
	})
}

// trackedIn gives the files in a folder that git knows, by their paths from there; nil where it
// knows none.
func trackedIn(ctx context.Context, folder string) map[string]bool {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil || len(out) == 0 {
		return nil
	}
	known := map[string]bool{}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		known[filepath.FromSlash(path)] = true
	}
	return known
}

// holdsRuns reports whether a folder is one that runs, or the shards of a replay, are kept in.
func holdsRuns(folder string) bool {
	tapes, err := filepath.Glob(filepath.Join(folder, "*.tape"))
	return err == nil && len(tapes) > 0
}

// written reports whether a file is a verdict or a report of one, as this program writes them, or is
// empty.
func written(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head, err := io.ReadAll(io.LimitReader(file, 1<<10))
	if err == nil && len(head) == 0 { // such as what the report of this very gate is led into, and will hold
		return true
	}
	return err == nil && slices.ContainsFunc(reportMarks, func(mark string) bool { return strings.Contains(string(head), mark) })
}

// reportMarks stand near the beginning of what this program writes, and of little else.
var reportMarks = []string{
	`"schema": 1,` + "\n" + `  "decision"`, `<testsuite name="waybill"`, `<meta name="color-scheme" content="light dark">` + "\n<title>",
	"Not seen: anything sent after the replay ended",
}

// scripts are the kinds of file that programs which are not compiled are made of; sources are
// those too that compilers read; data are those that programs read while they run.
var (
	scripts = []string{".py", ".rb", ".js", ".mjs", ".cjs", ".ts", ".php", ".pl", ".pm", ".sh", ".lua", ".ex", ".exs", ".clj", ".r"}
	sources = append([]string{".go", ".mod", ".sum", ".rs", ".java", ".kt", ".scala", ".c", ".cc", ".cpp", ".h", ".hpp", ".cs", ".fs", ".swift", ".erl", ".hs", ".lock", ".jar", ".war", ".jsx", ".tsx", ".vue", ".svelte", ".phtml"}, scripts...)
	data    = []string{
		".json", ".yaml", ".yml", ".xml", ".properties", ".ini", ".conf", ".cfg", ".csv", ".sql", ".txt", ".md", ".html", ".htm", ".xhtml", ".tmpl", ".tpl", ".gotmpl", ".gohtml", ".erb",
		".haml", ".slim", ".ejs", ".hbs", ".handlebars", ".mustache", ".pug", ".twig", ".j2", ".jinja", ".jinja2", ".liquid", ".mjml", ".ftl", ".vm", ".jsp", ".cshtml", ".eex", ".heex", ".po", ".mo",
	}
)

func (f *files) one(path, name string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		fmt.Fprintf(f.hash, "%q not read\n", name)
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	fmt.Fprintf(f.hash, "%q %x\n", name, h.Sum(nil))
	return nil
}

// buildNote is the note of a run that says which build sent what is in it: a [gate.Built] as JSON.
const buildNote = "build"

// builtOf is what a run says of its build; nil where it does not.
func builtOf(h *gate.Header) *gate.Built {
	var b gate.Built
	if h.Content != gate.RunTape || json.Unmarshal([]byte(h.Notes[buildNote]), &b) != nil || b.Digest == "" {
		return nil
	}
	b.Role, b.Name = h.Role, h.Build
	return &b
}

// builds puts into the verdict's input of which builds its runs are, and a gap where those of
// one role are of two.
func builds(headers []gate.Header, in *verdict.Input) {
	for i := range headers {
		if g := headers[i].Notes[shard.GuardNote]; g != "" && (in.Made.Guard == "" || strings.Contains(g, "could have")) { // the weaker of two
			in.Made.Guard = g
		}
		b := builtOf(&headers[i])
		if b == nil {
			continue
		}
		at := slices.IndexFunc(in.Made.Builds, func(x gate.Built) bool { return x.Role == b.Role })
		if at < 0 {
			in.Made.Builds = append(in.Made.Builds, *b)
			continue
		}
		g := gate.Gap{Kind: gate.GapRunMismatch, Where: "runs of " + string(b.Role), Detail: "they are of different builds: files that its commands name were changed between the replays"}
		if in.Made.Builds[at].Digest != b.Digest && !slices.Contains(in.Gaps, g) {
			in.Gaps = append(in.Gaps, g)
		}
	}
	slices.SortFunc(in.Made.Builds, func(x, y gate.Built) int { return cmp.Compare(x.Role, y.Role) })
}
