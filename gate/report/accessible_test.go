package report_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/waybill-dev/waybill/gate/report"
)

// axe returns axe-core, which looks for what keeps people from reading a page, installed as
// testdata/axe.npm pins it.
func axe(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("npm is not installed")
		}
		t.Skip("npm is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/axe.npm")); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// axe finds no obstacle in any view of the page, in light and in dark colours; and it finds one that is planted.
func TestHTMLIsAccessible(t *testing.T) {
	script := axe(t)
	v, load := readCase(t, "testdata/blocked")
	b := browse(t, page(t, v, load, report.Options{Names: true}))
	ask[bool](b, script+"; true")
	const run = `(window.found = undefined, axe.run().then((r) => { window.found = r.violations.map((v) => v.id + " at " + v.nodes.map((n) => n.target.join(" ") + ": " + n.failureSummary).join("; ")).join("\n") }, (e) => { window.found = String(e) }), true)`
	look := func() string {
		ask[bool](b, run)
		b.until(`window.found !== undefined`)
		return ask[string](b, `window.found`)
	}
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media)
			return err
		})); err != nil {
			t.Fatal(err)
		}
		for _, view := range []string{"findings", "people", "messages", "matrix", "run"} {
			ask[bool](b, fmt.Sprintf(`(() => { location.hash = "#%s"; return true })()`, view))
			b.until(fmt.Sprintf(`document.querySelector("[aria-current]").dataset.view === %q`, view))
			ask[int](b, `document.querySelectorAll("main details").forEach((d) => { d.open = true }), 0`)
			b.until(`[...document.querySelectorAll("main > div > details")].every((d) => d.children.length > 1)`)
			if found := look(); found != "" {
				t.Errorf("%s, %s: %s", view, scheme, found)
			}
		}
	}
	ask[bool](b, `(() => { document.querySelector("main").append(document.createElement("select")); return true })()`)
	if look() == "" {
		t.Error("a choice without a name is not found")
	}
}
