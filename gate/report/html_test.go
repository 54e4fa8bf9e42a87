package report_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// A browser is a tab of a real Chromium, and what it noticed.
type browser struct {
	t        *testing.T
	ctx      context.Context
	mu       sync.Mutex
	requests []string // that are not for the page itself
	errors   []string // of its script, and of its policy
}

// browse opens a page. Where there is no Chromium the test is skipped, but not in
// continuous integration.
func browse(t *testing.T, page []byte) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1200, 900))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), o...)
	t.Cleanup(stop)
	ctx, done := chromedp.NewContext(ctx)
	t.Cleanup(done)
	b := &browser{t: t, ctx: ctx}
	address := (&url.URL{Scheme: "file", Path: file}).String()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	err = chromedp.Listen(ctx, func(e any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := e.(type) {
		case *network.EventRequestWillBeSent:
			if u, _, _ := strings.Cut(e.Request.URL, "#"); u != address {
				b.requests = append(b.requests, e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			b.errors = append(b.errors, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			b.errors = append(b.errors, fmt.Sprintf("console %s", e.Type))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(address), chromedp.WaitVisible("#main > *")); err != nil {
		t.Fatal(err)
	}
	return b
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression)); err != nil {
		b.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

func (b *browser) click(selector string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(selector)); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

func (b *browser) press(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("press %q: %v", keys, err)
	}
}

// keep leaves a picture where go test -artifacts looks for it.
func (b *browser) keep(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// quiet fails where the page asked for anything, or its script or policy complained.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) > 0 {
		b.t.Errorf("the page asked for %q", b.requests)
	}
	if len(b.errors) > 0 {
		b.t.Errorf("the page complained: %q", b.errors)
	}
}

func page(t *testing.T, v *gate.Verdict, load report.Loader, o report.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, v, load, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHTMLIsReadInABrowser(t *testing.T) {
	v, load := readCase(t, "testdata/blocked")
	b := browse(t, page(t, v, load, report.Options{Names: true}))
	if got := ask[string](b, `document.querySelector("h1").textContent`); !strings.HasPrefix(got, "Blocked: 3 people would receive ") {
		t.Errorf("its first line is %q", got)
	}
	if got := ask[int](b, `document.querySelectorAll("main > div > details").length`); got != len(v.Findings) {
		t.Errorf("%d findings are shown, want %d", got, len(v.Findings))
	}
	if got := ask[int](b, `document.querySelectorAll("main > div > details[open]").length`); got != 1 {
		t.Errorf("%d findings are open, want the most harmful alone", got)
	}
	b.until(`document.querySelector("#f-0[open] .sides ins") !== null && document.querySelector("#f-0 .sides del") !== null`)
	b.keep("finding")

	// A name leads to what became of that person, and a cell of the plot to a message.
	who := ask[string](b, `document.querySelector("#f-0 dd a").textContent`)
	b.click("#f-0 dd a")
	b.until(`location.hash.startsWith("#people?who=") && document.querySelector("[aria-current]").dataset.view === "people"`)
	if got := ask[string](b, `document.querySelector("main summary b").textContent`); got != who || !strings.Contains(who, "@") {
		t.Errorf("the link of %q led to %q", who, got)
	}
	b.keep("recipient")
	b.press("4")
	b.until(`document.querySelectorAll("svg .cell").length > 0`)
	b.keep("matrix")
	ask[bool](b, `document.querySelector("svg .cell").dispatchEvent(new MouseEvent("click"))`)
	b.until(`location.hash.startsWith("#messages?n=") && document.querySelector("main details[open] .sides") !== null`)
	b.keep("message")

	// The filter narrows, Escape takes it back, and j and Enter open.
	b.press("3")
	b.until(`document.querySelector("[aria-current]").dataset.view === "messages"`)
	all := ask[int](b, `document.querySelectorAll("main > div > details").length`)
	b.press("/")
	b.press("added")
	b.until(fmt.Sprintf(`document.querySelectorAll("main > div > details").length < %d`, all))
	b.press("\x1b")
	b.until(fmt.Sprintf(`document.querySelectorAll("main > div > details").length === %d`, all))
	b.press("j")
	b.press("\r")
	b.until(`document.querySelector("main details[open]") !== null`)
	b.press("5")
	b.until(`document.querySelector("main").textContent.includes("Masked before comparison")`)
	b.keep("run")
	b.quiet()
}

// Findings are chosen by person, class and check, from the keyboard or by the address; and the page
// is as wide as a telephone where that is what it is read on.
func TestHTMLChoosesAndFits(t *testing.T) {
	v, load := readCase(t, "testdata/blocked")
	b := browse(t, page(t, v, load, report.Options{Names: true}))
	shown := func() string {
		return ask[string](b, `[...document.querySelectorAll("main > div > details > summary b")].map((e) => e.textContent).join(" ")`)
	}
	whole := shown()
	for _, c := range []struct{ choice, value, want string }{
		{"check", "disclosure", "disclosure"},
		{"class", "GET /collect", "new-outside-party"},
		{"who", "bela@members.example.org", "disclosure"},
	} {
		ask[bool](b, fmt.Sprintf(`(() => { const s = document.getElementById("choose-%s"); s.value = %q; return s.dispatchEvent(new Event("change")) })()`, c.choice, c.value))
		b.until(fmt.Sprintf(`location.hash.startsWith("#findings?%s=")`, c.choice))
		b.until(fmt.Sprintf(`[...document.querySelectorAll("main > div > details > summary b")].map((e) => e.textContent).join(" ") === %q`, c.want))
		ask[bool](b, `(() => { location.hash = "#findings"; return true })()`)
		b.until(fmt.Sprintf(`[...document.querySelectorAll("main > div > details > summary b")].map((e) => e.textContent).join(" ") === %q && document.getElementById("choose-%s").value === ""`, whole, c.choice))
	}
	ask[bool](b, `(() => { location.hash = "#findings?check=wording-changed"; return true })()`)
	b.until(`document.getElementById("choose-check").value === "wording-changed"`)
	if got := shown(); got != "wording-changed" {
		t.Errorf("the address chose %q", got)
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(400, 800)); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"findings", "people", "messages", "matrix", "run"} {
		ask[bool](b, fmt.Sprintf(`(() => { location.hash = "#%s"; return true })()`, view))
		b.until(fmt.Sprintf(`document.querySelector("[aria-current]").dataset.view === %q`, view))
		ask[int](b, `document.querySelectorAll("main details").forEach((d) => { d.open = true }), 0`)
		b.until(`[...document.querySelectorAll("main > div > details")].every((d) => d.children.length > 1)`)
		if wide := ask[int](b, `document.documentElement.scrollWidth`); wide > 400 {
			t.Errorf("view %s is %d pixels wide", view, wide)
		}
		b.keep("narrow-" + view)
	}
	b.quiet()
}

// Whatever stands in a message is text, and reaches nothing.
func TestHTMLObeysNobody(t *testing.T) {
	const attack = `</script><script>window.owned=1</script><img src=http://127.0.0.1:1/x onerror="window.owned=1"><a href="javascript:window.owned=1">x</a>{{.}}`
	v, load := readCase(t, "testdata/hostile")
	v.Notes = append(v.Notes, attack)
	for i := range v.Comparisons {
		for j := range v.Comparisons[i].Changes {
			c := &v.Comparisons[i].Changes[j]
			c.Edits = append(c.Edits, gate.Edit{Part: attack, Before: attack, After: attack + " " + attack})
			if c.After != nil {
				c.After.Title, c.After.Recipient.Address = attack, attack
			}
		}
	}
	for i := range v.Findings {
		v.Findings[i].Title, v.Findings[i].Gained = attack, append(v.Findings[i].Gained, "mail:"+attack)
	}
	p := page(t, v, load, report.Options{Names: true})
	if bytes.Contains(p, []byte(attack)) {
		t.Error("it stands in the page as it came")
	}
	b := browse(t, p)
	for _, view := range []string{"1", "2", "3", "4", "5"} {
		b.press(view)
		ask[int](b, `document.querySelectorAll("main details").forEach((d) => { d.open = true }), 0`)
		if ask[bool](b, `window.owned !== undefined || document.querySelector("img, iframe, form, main script, a[href^='javascript']") !== null`) {
			t.Errorf("view %s obeyed", view)
		}
	}
	b.quiet()
}

func TestHTMLNamesNobody(t *testing.T) {
	for _, dir := range []string{"testdata/blocked", "testdata/undecided"} {
		v, load := readCase(t, dir)
		p := string(page(t, v, load, report.Options{Key: []byte("key")}))
		for _, secret := range secretsOf(v) {
			if strings.Contains(p, secret) {
				t.Errorf("%s: the page holds %q", dir, secret)
			}
		}
	}
}

// A page stays below 10 MB whatever the size of the run, and says what it left out.
func TestHTMLKeepsItsSize(t *testing.T) {
	long := strings.Repeat("words of a letter <& ", 19)
	c := gate.Comparison{Scenario: "steady"}
	for i := range 40_000 {
		to := gate.Recipient{Kind: gate.Mail, Address: fmt.Sprintf("member%06d@example.org", i), Role: gate.Envelope}
		d := gate.Delivery{Channel: "smtp", Sink: "mail", Recipient: to, Title: "Your letter"}
		c.Changes = append(c.Changes, gate.Change{Kind: gate.Altered, Rule: gate.ByRecipient, Before: &d, After: &d, Edits: []gate.Edit{{Part: "text", Before: long, After: long + "more"}}})
	}
	v := &gate.Verdict{Decision: gate.Blocked, Reasons: []gate.Reason{{Code: gate.ExitBlocked, Text: "x"}}, Comparisons: []gate.Comparison{c}}
	f := gate.Finding{Check: "content-changed", Severity: gate.Block, Title: "40,000 letters", Scenarios: []string{"steady"}, Count: 40_000}
	for i := range c.Changes {
		f.Changes = append(f.Changes, i)
		f.Gained = append(f.Gained, c.Changes[i].After.Recipient.ID())
	}
	for range 3000 {
		v.Findings = append(v.Findings, gate.Judged{Finding: f, State: gate.Open})
	}
	p := page(t, v, nil, report.Options{Names: true})
	if len(p) > 10<<20 {
		t.Errorf("%d bytes", len(p))
	}
	if !regexp.MustCompile(`"dropped":\["[0-9,]+ changes","1,000 findings"\]`).Match(p) {
		t.Error("it does not say what it left out")
	}
}
