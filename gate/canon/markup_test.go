package canon_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// oracle is the document as package golang.org/x/net/html cuts it, in the form of
// canon.MarkupTokens.
func oracle(doc []byte) (tokens []string) {
	// A line end is one thing wherever it stands, but the oracle leaves it as it is in a rest.
	z := html.NewTokenizer(bytes.NewReader(bytes.ReplaceAll(bytes.ReplaceAll(doc, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return append(tokens, fmt.Sprintf("end %q", z.Raw()))
		case html.TextToken:
			tokens = append(tokens, fmt.Sprintf("text %q", z.Text()))
		case html.CommentToken:
			tokens = append(tokens, fmt.Sprintf("comment %q", z.Text()))
		case html.DoctypeToken:
			tokens = append(tokens, "doctype")
		case html.EndTagToken:
			name, _ := z.TagName()
			tokens = append(tokens, fmt.Sprintf("close %q", name))
		default:
			name, more := z.TagName()
			tag := fmt.Sprintf("start %q", name)
			switch string(name) {
			case "noscript", "noembed", "noframes", "iframe":
				z.NextIsNotRawText()
			}
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				tag += fmt.Sprintf(" %q=%q", key, value)
			}
			if kind == html.SelfClosingTagToken {
				tag += " closed"
			}
			tokens = append(tokens, tag)
		}
	}
}

func sameTokens(t *testing.T, doc []byte) {
	t.Helper()
	got, repeated := canon.MarkupTokens(doc)
	want := oracle(doc)
	if repeated {
		// Whether a tag is closed is, for the oracle, a matter of the attributes that it keeps.
		for _, tokens := range [][]string{got, want} {
			for i := range tokens {
				tokens[i] = strings.TrimSuffix(tokens[i], " closed")
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q is\n%s\nand must be\n%s", doc, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// oddMarkup is where tokenisers differ.
var oddMarkup = []string{
	"", "<", "</", "<!", "<?", "a<", "a</", "a<b", "<b", "<b ", "<b a", "<b a=", "<b a='", "<b a='x", "<b a=x", "<b/", "</b", "</b ", "</>", "</ x>", "<1>", "a<b>c</b>d",
	"<!>", "<!x", "<!x>", "<!d", "<!doctype", "<!DOCTYPE>", "<!DocType  html >", "<!doctypehtml", "<![CDATA[x]]>", "<?xml version='1'?>", "<?",
	"<!-->", "<!--->", "<!---->", "<!-- x -->", "<!--x--!>", "<!--x--!-->", "<!--x--!", "<!--x--", "<!--x-", "<!--x", "<!--", "<!---", "<!----", "<!----!", "<!--!>", "<!--->x-->", "<!--a>b-->", "<!--a--b-->", "<!--\x00-->",
	"<b/>", "<b />", "<b a/>", "<b a=/>", "<b a='/'/>", "<b a=x/>", "<b a=x />", "<b //>", "<b / a / b>", "<b =x=y>", "<b a==x>", "<b a = x >", "<b a\n=\r\n'x'>", "<b a'=\"x>", "<b a=x'y>", "<B A=X a=y>",
	"<b a=&amp>", "<b a=&ampx>", "<b a=&amp=>", "<b a='&amp;&lt&copy=1&copy;&copyx;&semi;&fjlig;&nosuch;&#65;&#x41&#x80;&#0;&#xd800;&#99999999;&#;&#x;&'>",
	"&amp;&lt&copy=1&copy;&copyx;&notit;&semi;&fjlig;&NotEqualTilde;&nosuch;&#65;&#x41&#x80;&#0;&#xd800;&#99999999999999999999;&#;&#x;&;&", "&nbsp;&nbsp&quot;&gt;",
	"<script>a<b</script>", "<script></script>", "<script>", "<SCRIPT>x</Script >", "<script>x</scriptx></script>", "<script>x</script", "<script>x</", "<script/>x</script>",
	"<script><!--</script>-->x", "<script><!--<script></script>--></script>", "<script><!--<script>--></script>x", "<script><!--<script></script></script>", "<script><!-</script>", "<script><!--<b</script>", "<script><!-- < </script>", "<script><!--x<scriptx</script>", "<script><!----></script>", "<script><!--<script><script></script>--></script>", "<script><!--<script></scriptx></script></script>",
	"<title>a&amp;b<b></title>x", "<title></title>", "<textarea>\x00&lt;</TEXTAREA>", "<style>a&amp;b</style>", "<xmp>&amp;<b></xmp>", "<plaintext>&amp;</plaintext>", "<plaintext>", "<iframe><b></iframe>", "<noscript><b></noscript>", "<title>x</titlex></title",
	"a\x00b", "<a\x00b c\x00=\x00>", "a\rb\r\nc\n\rd", "<b a='x\r\ny\rz'>", "<pre>\r\nx</pre>", "\xff<\xff>\xff", "<b \xff=\xff>", "<b é=ü>",
}

func TestMarkup(t *testing.T) {
	for _, doc := range oddMarkup {
		sameTokens(t, []byte(doc))
		sameTokens(t, []byte(doc+">x"))
		sameTokens(t, []byte("<div>"+doc+"</div>"))
	}
}

func FuzzMarkup(f *testing.F) {
	for _, doc := range oddMarkup {
		f.Add([]byte(doc))
	}
	f.Fuzz(sameTokens)
}

// The tokeniser that came with a library left out the second of two attributes of
// one name before it could be compared, so that a release could change it unseen: a
// reader that is not a browser may well follow the second link.
func TestRepeatedAttributesAreCompared(t *testing.T) {
	for _, tag := range []string{`<a href="/x" href="%s">`, `<a href="/x" HREF="%s">`, `<img src=/x src="%s">`, `<p style="color:red" style="background:url(%s)">`, `<form action=/x action='%s'>`, `<a href=/x data-a=1 data-a=%s>`} {
		form := func(value string) gate.Canonical {
			return message(newCanon(t, canon.Options{}), payload("text/html", "", fmt.Appendf(nil, tag, value)))
		}
		production, staging := form("/one"), form("/two")
		if production.ContentDigest() == staging.ContentDigest() {
			t.Errorf("%s: a changed second value is not seen: %+v", tag, production.Parts)
		}
		if strings.Contains(fmt.Sprint(production.Parts), "hidden") {
			t.Errorf("%s: %+v", tag, production.Parts)
		}
	}
	// What readers drop hides nothing.
	shown := message(newCanon(t, canon.Options{}), payload("text/html", "", []byte(`<p style="color:red" style="display:none">text</p>`)))
	if !slices.Contains(shown.Parts, gate.Part{Name: "body/html", Kind: gate.Text, Value: "text"}) {
		t.Errorf("a style that readers drop hides text: %+v", shown.Parts)
	}
}
