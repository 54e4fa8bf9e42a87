package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/config"
)

// An application is what a folder says of the software in it.
type application struct {
	of      string     // what said so: "package.json"
	setup   [][]string // commands that make it, in its folder
	command []string
	listens map[string]string            // environment variables that say where it listens, and their values
	sends   map[string]map[string]string // by sink: those that say where it sends to
	others  []string                     // variables that it reads besides
}

// Bounds of what is looked through.
const (
	maxSources    = 5000
	maxSourceSize = 1 << 20
)

// detect looks at a folder. It returns nil where there is nothing that it knows how to start.
func detect(dir string) (*application, error) {
	a := &application{listens: map[string]string{}, sends: map[string]map[string]string{}}
	ways := []func(string) bool{a.procfile, a.node, a.golang, a.php, a.python}
	if !slices.ContainsFunc(ways, func(way func(string) bool) bool { return way(dir) }) {
		return nil, nil
	}
	names, err := variablesRead(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		a.variable(name)
	}
	return a, nil
}

// mailServer reports whether a folder holds the configuration of Postfix or Exim.
func mailServer(dir string) bool {
	for _, name := range []string{"main.cf", "etc/postfix/main.cf", "postfix/main.cf", "exim.conf", "exim4.conf", "exim4.conf.template"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func (a *application) procfile(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "Procfile"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if web, ok := strings.CutPrefix(line, "web:"); ok {
			a.of, a.command = "Procfile", shellWords(web)
			return true
		}
	}
	return false
}

// shellWords is a command as a list: by spaces where that is all that a shell would do, and else
// handed to one.
func shellWords(command string) []string {
	command = strings.TrimSpace(command)
	if strings.ContainsAny(command, "\"'$`&|;<>()*?\\") {
		return []string{"sh", "-c", strings.ReplaceAll(command, "${", "$${")}
	}
	return strings.Fields(command)
}

func (a *application) node(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return false
	}
	var p struct {
		Main         string            `json:"main"`
		Scripts      map[string]string `json:"scripts"`
		Dependencies map[string]string `json:"dependencies"`
	}
	if json.Unmarshal(text, &p) != nil {
		return false
	}
	switch start := p.Scripts["start"]; {
	case start != "":
		a.command = shellWords(start)
	case p.Main != "":
		a.command = []string{"node", p.Main}
	default:
		file := firstOf(dir, "server.mjs", "server.js", "app.mjs", "app.js", "index.mjs", "index.js", "src/server.js", "src/index.js")
		if file == "" {
			return false
		}
		a.command = []string{"node", file}
	}
	if a.of = "package.json"; len(p.Dependencies) > 0 {
		a.setup = [][]string{{"npm", "install", "--no-audit", "--no-fund"}}
		if firstOf(dir, "package-lock.json") != "" {
			a.setup = [][]string{{"npm", "ci", "--no-audit", "--no-fund"}}
		}
	}
	return true
}

func (a *application) golang(dir string) bool {
	if firstOf(dir, "go.mod") == "" {
		return false
	}
	program := "."
	if mains, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(mains) == 0 {
		found, err := filepath.Glob(filepath.Join(dir, "cmd", "*", "*.go"))
		if err != nil || len(found) == 0 {
			return false
		}
		program = "./cmd/" + filepath.Base(filepath.Dir(found[0]))
	}
	a.of, a.setup, a.command = "go.mod", [][]string{{"go", "build", "-o", "${state}/bin/app", program}}, []string{"${state}/bin/app"}
	return true
}

func (a *application) php(dir string) bool {
	switch file := firstOf(dir, "public/index.php", "web/index.php", "index.php"); {
	case file == "":
		return false
	case file == "index.php":
		a.of, a.command = file, []string{"php", "-S", "${door.web}"}
	default:
		a.of, a.command = file, []string{"php", "-S", "${door.web}", "-t", filepath.Dir(file)}
	}
	if firstOf(dir, "composer.json") != "" {
		a.setup = [][]string{{"composer", "install", "--no-interaction"}}
	}
	return true
}

func (a *application) python(dir string) bool {
	file := firstOf(dir, "app.py", "main.py", "server.py", "wsgi.py", "src/main.py")
	switch {
	case firstOf(dir, "manage.py") != "":
		a.of, a.command = "manage.py", []string{"python3", "manage.py", "runserver", "--noreload", "${door.web}"}
	case file != "":
		a.of, a.command = file, []string{"python3", file}
	default:
		return false
	}
	return true
}

// firstOf returns the first of the files that is in dir, or "".
func firstOf(dir string, files ...string) string {
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(dir, f)); err == nil && info.Mode().IsRegular() {
			return f
		}
	}
	return ""
}

var (
	sourceFile = regexp.MustCompile(`\.(js|mjs|cjs|ts|py|go|php|rb|java|kt|cs|ya?ml)$|(^|/)\.env(\.[a-z]+)?$`)
	readsEnv   = regexp.MustCompile(`(?:process\.env\.|process\.env\[["']|environ(?:\.get)?[\[(]["']|[gG]etenv\(["']|LookupEnv\("|\$_ENV\[["']|ENV\[["']|ENV\.fetch\(["']|\$\{)([A-Z][A-Z0-9_]+)`)
	setsEnv    = regexp.MustCompile(`(?m)^(?:export )?([A-Z][A-Z0-9_]+)=`)
)

// variablesRead lists the environment variables that the sources in a folder name, sorted.
func variablesRead(dir string) ([]string, error) {
	names, files := map[string]bool{}, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != dir && (slices.Contains([]string{"node_modules", "vendor", "venv", "test", "tests", "testdata"}, name) || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		case files >= maxSources || !d.Type().IsRegular() || !sourceFile.MatchString(filepath.ToSlash(path)):
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > maxSourceSize {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := readsEnv.FindAllSubmatch(text, -1)
		if strings.HasPrefix(d.Name(), ".env") {
			found = append(found, setsEnv.FindAllSubmatch(text, -1)...)
		}
		for _, m := range found {
			names[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look through %s: %w", dir, err)
	}
	return slices.Sorted(maps.Keys(names)), nil
}

var (
	portName   = regexp.MustCompile(`^((HTTP|APP|WEB|SERVER)_)?PORT$`)
	listenName = regexp.MustCompile(`^((HTTP|APP|WEB|SERVER)_)?(LISTEN|BIND|ADDR|LISTEN_ADDR|BIND_ADDR|ADDRESS)$`)
	mailName   = regexp.MustCompile(`^(?:[A-Z]+_)?(?:SMTP|MAIL|EMAIL|MAILER|RELAY)(?:_SERVER|_RELAY)?(_HOST(?:NAME)?|_PORT|_URL|_DSN|_ADDR(?:ESS)?|_SERVER)?$`)
	mailBare   = regexp.MustCompile(`^(SMTP|RELAY|MAIL_SERVER|SMTP_SERVER|SMTP_RELAY|MAIL_RELAY)$`)
	urlName    = regexp.MustCompile(`^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*?)_(?:WEBHOOK(?:_URL)?|API(?:_URL|_BASE|_HOST)?|API_BASE_URL|BASE_URL|ENDPOINT|URL)$|^(WEBHOOK)_URL$`)
	ownURL     = regexp.MustCompile(`^(APP|PUBLIC|SITE|BASE|SERVER|HTTP|WEB|API|FRONTEND|ROOT)(_|$)|DATABASE|POSTGRES|MYSQL|MARIADB|MONGO|REDIS|SQL|DB_|AMQP|RABBIT|KAFKA|CACHE|STORAGE|BUCKET`)
)

// variable sorts one environment variable by what its name says.
func (a *application) variable(name string) {
	send := func(sink, value string) {
		if a.sends[sink] == nil {
			a.sends[sink] = map[string]string{}
		}
		a.sends[sink][name] = value
	}
	mail := mailName.FindStringSubmatch(name)
	switch {
	case portName.MatchString(name):
		a.listens[name] = "${door.web.port}"
	case listenName.MatchString(name):
		a.listens[name] = "${door.web}"
	case mailBare.MatchString(name):
		send("mail", "${sink.mail}")
	case mail != nil && strings.HasPrefix(mail[1], "_HOST"):
		send("mail", "${sink.mail.host}")
	case mail != nil && mail[1] == "_PORT":
		send("mail", "${sink.mail.port}")
	case mail != nil && (mail[1] == "_URL" || mail[1] == "_DSN"):
		send("mail", "smtp://${sink.mail}")
	case mail != nil && mail[1] != "":
		send("mail", "${sink.mail}")
	default:
		m := urlName.FindStringSubmatch(name)
		if m == nil || ownURL.MatchString(name) {
			a.others = append(a.others, name)
			return
		}
		sink := strings.ToLower(strings.ReplaceAll(cmp.Or(m[1], m[2]), "_", "-"))
		send(sink, "http://${sink."+sink+"}")
	}
}

// A shipped says where production's build is taken from.
type shipped struct {
	folder string // of its own, beside the next version's
	ref    string // of git; "" is a folder
	next   string // folder of the next version, where there is one
}

// released says what production is: the ref or folder that was named, else two folders of those names, else the last tag.
func released(dir, named string) (shipped, error) {
	isDir := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.IsDir()
	}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			return ""
		}
		return string(bytes.TrimSpace(out))
	}
	switch {
	case named != "" && isDir(named):
		return shipped{folder: named}, nil
	case named != "" && git("rev-parse", "--verify", "--quiet", named+"^{commit}") != "":
		return shipped{ref: named}, nil
	case named != "":
		return shipped{}, usage(fmt.Errorf("--production %s: there is no such folder in %s, and no such commit", named, dir), "name a tag, a branch, a commit or a folder")
	case isDir("production") && isDir("staging"):
		return shipped{folder: "production", next: "staging"}, nil
	}
	if tag := git("describe", "--tags", "--abbrev=0"); tag != "" {
		return shipped{ref: tag}, nil
	}
	return shipped{}, usage(errors.New("it is not known what production runs: there is no tag of git, and no folder production beside one called staging"), "name it: --production v1.2.3, or a folder")
}

// written is a waybill.toml for an application.
func (a *application) written(r shipped) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Written by waybill init, by what %s and the sources say. waybill help configuration has every key.", a.of)
	say("version = 1\n\n# What is replayed: waybill help recording says how it is recorded, or imported.\n[corpus]\npath = \"corpus.tape\"")
	say("# digest = \"sha256:...\"  # pins it: waybill tape digest corpus.tape\n\n# Where requests come in.\n[doors.web]\nchannel = \"http\"")
	sinks := slices.Sorted(maps.Keys(a.sends))
	if len(sinks) == 0 {
		say("\n# Where it sends to. No variable says where: let the build be told by ${sink.mail.host} and ${sink.mail.port} below.\n[sinks.mail]\nchannel = \"smtp\"")
	} else {
		say("\n# Where it sends to, by its own variables. Nothing reaches a real recipient.")
	}
	for i, sink := range sinks {
		if i > 0 {
			say("")
		}
		if sink == "mail" {
			say("[sinks.mail]\nchannel = \"smtp\"\nstarttls = false  # true, where production starts TLS: the build must then trust ${ca}")
			continue
		}
		say("[sinks.%s]\nchannel = \"http\"\n# host = \"api.example.com\"  # the service that it stands for, where requests are to be read as its", sink)
	}
	a.build(say, "production", r)
	a.build(say, "staging", shipped{folder: r.next})
	say("\n[replay]\nconcurrency = 1  # one request after the other; more is quicker, and shows races")
	say("# linger = \"2s\"    # how long a build that is quiet is watched; 10s where it is not given")
	say("\n# What is retried and drained after the mail server failed is compared too:\n# [[scenarios]]\n# name = \"steady\"\n# kind = \"steady\"\n# [[scenarios]]\n# name = \"outage\"\n# kind = \"outage\"\n# mood = \"refuse\"\n# from = 0.25\n# to = 0.75")
	return b.String()
}

// build writes how one build is made and started.
func (a *application) build(say func(string, ...any), role string, r shipped) {
	setup := slices.Clone(a.setup)
	say("\n[%s]", role)
	switch {
	case r.ref != "":
		say("name = %q\ndir = \"${state}\"  # of its own, empty before each replay", r.ref)
		setup = append([][]string{{"sh", "-c", "git -C ${config} archive " + quoted(r.ref) + " . | tar -x"}}, setup...)
	case r.folder != "":
		say("dir = %q", r.folder)
	}
	libraries := len(setup) > 0 && slices.Contains([]string{"npm", "composer"}, setup[0][0]) // which are the folder's own
	switch {
	case libraries:
		say("# Its libraries are those of the folder: %s", strings.Join(setup[0], " "))
	case len(setup) > 0:
		say("setup = %s", commandsText(setup))
	}
	say("command = %s", listText(a.command))
	var env []string
	add := func(values map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			env = append(env, fmt.Sprintf("%s = %q", name, values[name]))
		}
	}
	add(a.listens)
	for _, sink := range slices.Sorted(maps.Keys(a.sends)) {
		add(a.sends[sink])
	}
	say("env = { %s }", strings.Join(env, ", "))
	if role == "production" && len(a.others) > 0 {
		say("# Builds inherit little. The sources also read: %s", strings.Join(a.others, ", "))
	}
	say("# ready = { http = \"http://${door.web}/healthz\" }  # where it says so; else its port is tried")
}

// listText is a list of texts in TOML.
func listText(list []string) string {
	quotedList := make([]string, len(list))
	for i, s := range list {
		quotedList[i] = fmt.Sprintf("%q", s)
	}
	return "[" + strings.Join(quotedList, ", ") + "]"
}

func commandsText(commands [][]string) string {
	lists := make([]string, len(commands))
	for i, c := range commands {
		lists[i] = listText(c)
	}
	return "[" + strings.Join(lists, ", ") + "]"
}

// configurationOf is the waybill.toml of a folder, "" where nothing in it says how it is started. What was found
// is said in words for whoever called.
func configurationOf(dir, production string) (text, about string, err error) {
	if mailServer(dir) {
		text, err = config.Init("mail-server")
		return text, "it holds the configuration of a mail server", err
	}
	from := dir
	r, rerr := released(dir, production)
	if rerr == nil && r.folder != "" && firstOf(dir, "package.json", "Procfile") == "" {
		from = filepath.Join(dir, r.folder) // each version has a folder of its own
	}
	a, err := detect(from)
	if a == nil || err != nil {
		return "", "", err
	}
	if rerr != nil {
		return "", "", rerr
	}
	text = a.written(r)
	if _, err := config.Parse(config.File, "/", []byte(text)); err != nil {
		return "", "", fmt.Errorf("what was found in %s makes no configuration: %w", dir, err)
	}
	return text, "it is started as " + a.of + " says", nil
}
