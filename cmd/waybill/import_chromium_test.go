package main_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
)

// A fixturePage is a site with a form, a request of its own script, and a picture that
// comes from somewhere else. The answer to the form is shown in a frame, for the developer
// tools forget a page that is left. It believes a form only with the token of its session.
type fixturePage struct {
	site, elsewhere *httptest.Server

	mu       sync.Mutex
	sessions map[string]string // session to token
	asked    []string          // what the form brought, with a token that holds
}

func newFixturePage(t *testing.T) *fixturePage {
	f := &fixturePage{sessions: map[string]string{}}
	f.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/gif")
		fmt.Fprint(w, "GIF89a\x01\x00\x01\x00\x00\x00\x00;")
	}))
	t.Cleanup(f.elsewhere.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", f.page)
	mux.HandleFunc("POST /ask", f.ask)
	mux.HandleFunc("POST /api/seen", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"seen":true}`) })
	f.site = httptest.NewServer(mux)
	t.Cleanup(f.site.Close)
	return f
}

func (f *fixturePage) page(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.sessions)
	session, token := fmt.Sprintf("session%08xq", 0x5f0c1a00+n), fmt.Sprintf("token%08xz", 0x7a11b200+n)
	f.sessions[session] = token
	http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/"})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>Ask a nurse</title>
<form method="post" action="/ask" target="answer"><input type="hidden" name="csrf" value="%s"><input name="question" value="May I run?"><button id="ask">Ask</button></form>
<iframe name="answer"></iframe>
<img src="%s/pixel.gif?page=ask&amp;visitor=77">
<script>fetch("/api/seen", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({page: "ask"})}).then(() => document.title = "Ready")</script>`, token, f.elsewhere.URL)
}

func (f *fixturePage) ask(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	session, err := r.Cookie("session")
	if err != nil || f.sessions[session.Value] == "" || f.sessions[session.Value] != r.PostFormValue("csrf") {
		http.Error(w, "the token is of another session", http.StatusForbidden)
		return
	}
	f.asked = append(f.asked, r.PostFormValue("question"))
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>Asked</title>`)
}

// saved is an archive of a visit to the page, made by the developer tools that are part
// of Chromium, as its menu makes it. They run in a tab of their own, beside the page.
func saved(t *testing.T, f *fixturePage) string {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: no archive of its own is made")
	}
	dir := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.UserDataDir(dir), remote.WebSocket,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("remote-allow-origins", "*"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	page, cancel := chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(page, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	listening, err := os.ReadFile(filepath.Join(dir, "DevToolsActivePort"))
	if err != nil {
		t.Fatal(err)
	}
	port, _, _ := strings.Cut(string(listening), "\n")
	url := "devtools://devtools/bundled/devtools_app.html?ws=127.0.0.1:" + port + "/devtools/page/" + string(chromedp.FromContext(page).Target.TargetID)
	opened, err := chromedp.CallBrowser(page, target.CreateTarget, target.CreateTargetParams{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	tools, cancel := chromedp.NewContext(page, chromedp.WithTargetID(opened.TargetID))
	defer cancel()
	// The tools have attached themselves once they see what the page does.
	const attached = `(async () => {
		const sdk = await import("./core/sdk/sdk.js"), logs = await import("./models/logs/logs.js");
		return !!sdk.TargetManager.TargetManager.instance().primaryPageTarget() && logs.NetworkLog.NetworkLog.instance().requests().some(r => r.url().endsWith("/before") && r.finished);
	})()`
	for seen := false; !seen; {
		if err := chromedp.Do(page, chromedp.Navigate(f.elsewhere.URL+"/before")); err != nil {
			t.Fatal(err)
		}
		if seen, err = chromedp.Run(tools, chromedp.Evaluate[bool](attached, chromedp.EvalAwaitPromise)); err != nil {
			t.Fatalf("wait for the developer tools: %v", err)
		}
	}
	const title = `(async () => { while (document.title !== %q) await new Promise(r => setTimeout(r, 20)); return true; })()`
	visit := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	visit("open the page", chromedp.Do(page, chromedp.Navigate(f.site.URL+"/")))
	_, err = chromedp.Run(page, chromedp.Evaluate[bool](fmt.Sprintf(title, "Ready"), chromedp.EvalAwaitPromise))
	visit("wait for the page", err)
	_, err = chromedp.Run(page, chromedp.Evaluate[bool](`document.getElementById("ask").click(), true`))
	visit("send the form", err)
	const save = `(async () => {
		const logs = await import("./models/logs/logs.js"), har = await import("./models/har/har.js");
		const seen = () => logs.NetworkLog.NetworkLog.instance().requests();
		while (!seen().some(r => r.url().endsWith("/ask") && r.finished)) await new Promise(r => setTimeout(r, 20));
		let text = "";
		const file = {write: async part => { text += part; }};
		const progress = {isCanceled: () => false, setTitle() {}, setTotalWork() {}, setWorked() {}, incrementWorked() {}, done() {}};
		await har.Writer.Writer.write(file, seen(), {sanitize: false}, progress);
		return text;
	})()`
	text, err := chromedp.Run(tools, chromedp.Evaluate[string](save, chromedp.EvalAwaitPromise))
	visit("save the archive", err)
	path := filepath.Join(t.TempDir(), "visit.har")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An archive that Chromium saved of a visit becomes a corpus, and the site answers its
// replay as it answered the visit.
func TestArchiveOfChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is not short")
	}
	f := newFixturePage(t)
	archive := saved(t, f)
	if keep := os.Getenv("WAYBILL_SAVE_HAR"); keep != "" {
		text, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keep, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus.tape")
	config := filepath.Join(dir, "waybill.toml")
	site := strings.TrimPrefix(f.site.URL, "http://")
	if err := os.WriteFile(config, fmt.Appendf(nil, `version = 1
[corpus]
path = "corpus.tape"
[doors.portal]
channel = "http"
[sinks.outside]
channel = "http"
[production]
doors = { portal = %q }
quiet = { settle = "20ms" }
[staging]
doors = { portal = %q }
quiet = { settle = "20ms" }
`, site, strings.TrimPrefix(f.elsewhere.URL, "http://")), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) {
		t.Helper()
		var out, errs strings.Builder
		if code := waybill.Run(append([]string{"waybill"}, args...), strings.NewReader(""), &out, &errs); code != gate.ExitPass {
			t.Fatalf("waybill %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
		}
	}
	call("import", "--config", config, "--keep-identities", "--out", corpus, archive)

	var stimuli []*gate.Stimulus
	var messages []*gate.Message
	for r, err := range tape.All(corpus) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Stimulus != nil:
			stimuli = append(stimuli, r.Stimulus)
		case r.Message != nil:
			messages = append(messages, r.Message)
		case r.Gap != nil:
			t.Errorf("gap %+v", *r.Gap)
		}
	}
	seen := map[string]*gate.Stimulus{}
	for _, s := range stimuli {
		line, _, _ := strings.Cut(string(s.Head), "\r\n")
		seen[line] = s
		if s.Door != "portal" || s.Status != http.StatusOK {
			t.Errorf("%s goes to door %s and was answered with %d", line, s.Door, s.Status)
		}
	}
	ask := seen["POST /ask HTTP/1.1"]
	if len(stimuli) != 3 || seen["GET / HTTP/1.1"] == nil || seen["POST /api/seen HTTP/1.1"] == nil || ask == nil {
		t.Fatalf("stimuli %v", seen)
	}
	if !strings.HasSuffix(string(ask.Body), "question=May+I+run%3F") {
		t.Errorf("the form brought %q", ask.Body)
	}
	places := map[string]bool{}
	for _, b := range ask.Bindings {
		places[b.Place] = true
	}
	if !places["cookie/session"] || !places["input/csrf"] {
		t.Errorf("the session and the token of the form are not bound: %+v", ask.Bindings)
	}
	_, elsewhere, _ := net.SplitHostPort(strings.TrimPrefix(f.elsewhere.URL, "http://"))
	if len(messages) != 1 || messages[0].Sink != "outside" || messages[0].Host != "127.0.0.1:"+elsewhere || !strings.HasPrefix(string(messages[0].Head), "GET /pixel.gif?page=ask&visitor=77 ") {
		t.Errorf("messages %+v", messages)
	}

	run := filepath.Join(dir, "run.tape")
	call("replay", "--role", "production", "--out", run, config)
	answered := map[string]int{}
	for r, err := range tape.All(run) {
		if err != nil {
			t.Fatal(err)
		}
		if o := r.Outcome; o != nil {
			answered[o.Stimulus] = o.Status
		}
	}
	for _, s := range stimuli {
		if answered[s.ID] != s.Status {
			t.Errorf("%s was answered with %d, and in the replay with %d", s.ID, s.Status, answered[s.ID])
		}
	}
	if len(f.asked) != 2 || f.asked[0] != f.asked[1] {
		t.Errorf("the site was asked %q", f.asked)
	}
}
