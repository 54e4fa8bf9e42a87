package canon_test

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// page is the canonical form of an HTML document.
func page(c *canon.Canon, doc string) gate.Canonical {
	return message(c, payload("text/html; charset=utf-8", "", []byte(doc)))
}

// kept reports whether a form holds a text: in a part, or in a value that a mask hid.
func kept(form *gate.Canonical, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(form.Parts, func(p gate.Part) bool { return strings.Contains(strings.ToLower(p.Value), text) }) ||
		slices.ContainsFunc(form.Hidden, func(h gate.Hidden) bool { return strings.Contains(strings.ToLower(h.Value), text) })
}

// places are where something can stand in a document: "%s" is it.
var places = []string{
	"%s", "<p>%s</p>", "<title>%s</title>", "<pre>%s</pre>", "<textarea>%s</textarea>", "<xmp>%s</xmp>", "<select><option>%s</select>",
	"<button>%s</button>", "<iframe>%s</iframe>", "<noscript>%s</noscript>", "<noframes>%s</noframes>", "<object>%s</object>", "<video>%s</video>",
	"<template>%s</template>", "<datalist><option>%s</datalist>", "<dialog>%s</dialog>", "<details>%s</details>", "<rp>%s</rp>", "<ruby>x<rt>%s</rt></ruby>",
	"<script>%s</script>", "<script type='application/ld+json'>{\"x\":\"%s\"}</script>", "<p hidden>%s</p>", "<p style='display:none'>%s</p>",
	"<svg><text>%s</text></svg>", "<svg><title>%s</title></svg>", "<svg><desc>%s</desc></svg>", "<svg><style>%s</style></svg>", "<math><mtext>%s</mtext></math>",
	"<meter>%s</meter>", "<head>%s</head>", "<frameset>%s</frameset>", "<table>%s</table>", "<plaintext>%s",

	"<!-- %s -->", "<!--%s", "<!-- a -- %s -->", "<!--[if mso]>%s<![endif]-->", "<!--[if mso]><!-- %s --><![endif]-->", "<!--[if %s]>x<![endif]-->",
	"<!--[if mso]>x<![endif] %s-->", "<!--[if mso]><p title='%s'>x<![endif]-->", "<![if %s]>x<![endif]>", "<![endif %s]>", "<!%s>", "</%s>", "</ %s>", "<%s>",
	"<!doctype %s>", "<!doctype html %s>", "<!doctype html public '%s'>", "<!doctype html public \"-//W3C//DTD HTML 4.01//EN\" \"%s\">", "<!doctype html system '%s'>",
	"<?%s>", "<?xml version='1.0' %s?>", "<?xml-stylesheet href='%s'?>", "<![CDATA[%s]]>", "<svg><![CDATA[%s]]></svg>", "</p %s>", "</p title='%s'>", "<p title='%s", "<p %s", "<p %s=x>", "<o:p>%s</o:p>",

	"<style>%s</style>", "<style>/* %s */</style>", "<style>%s{color:red}</style>", "<style>.%s{color:red}</style>", "<style>p{%s}</style>", "<style>p{%s:red}</style>",
	"<style>p{color:%s}</style>", "<style>p{color:red;%s</style>", "<style>p{content:'%s'}</style>", "<style>p::after{content:\"a\" '%s'}</style>", "<style>p{--x:%s}</style>",
	"<style>p{--x:'%s'}</style>", "<style>p{font-family:'%s'}</style>", "<style>p{quotes:'%s' 'b'}</style>", "<style>p{background:url(%s)}</style>", "<style>p{background:url('%s')}</style>",
	"<style>p{background:image-set('%s' 1x)}</style>", "<style>p{background:src('%s')}</style>", "<style>p{background:image(\"%s\")}</style>", "<style>p{cursor:url(%s),auto}</style>",
	"<style>p{list-style:url(%s)}</style>", "<style>p{list-style-type:'%s'}</style>", "<style>p{counter-reset:%s}</style>", "<style>ol{counter-increment:x 90514426;color:%s}</style>",
	"<style>@import '%s';</style>", "<style>@import url(%s) screen;</style>", "<style>@import url(x) %s;</style>", "<style>@media %s{p{color:red}}</style>", "<style>@media screen{p{%s}}</style>",
	"<style>@%s{p{color:red}}</style>", "<style>@%s;</style>", "<style>@charset '%s';</style>", "<style>@font-face{font-family:x;src:url(%s)}</style>", "<style>@font-face{font-family:%s}</style>",
	"<style>@namespace x '%s';</style>", "<style>@keyframes %s{from{color:red}}</style>", "<style>@page %s{margin:0}</style>", "<style>a[href='%s']{color:red}</style>", "<style>a[data-x=%s]{color:red}</style>",
	"<style>p{filter:progid:X(src='%s')}</style>", "<style>p{color:red}}%s</style>", "<style>p{color:red}%s{</style>", "<style>p{a{%s}}</style>", "<style>p{color:'%s</style>", "<style><!-- %s --></style>",
	"<style>p:not(%s){color:red}</style>", "<style>p{color:attr(%s)}</style>", "<style>p{color:var(--x, %s)}</style>", "<style>p{*color:%s}</style>", "<style>p{%s!important}</style>", "<style>p{color:red!%s}</style>",
	"<style>{%s}</style>", "<style>;%s;</style>", "<style>p{background:url( %s x)}</style>", "<style>p{unicode-range:%s}</style>", "<style title='%s'>p{color:red}</style>", "<style type='%s'>p{color:red}</style>",

	"<link rel='%s' href=x>", "<link rel=icon href='%s'>", "<link media='%s'>", "<meta name=x content='%s'>", "<meta name='%s' content=x>", "<meta name=generator content='%s'>", "<meta name=viewport content='%s'>",
	"<meta http-equiv='%s' content=x>", "<meta http-equiv=content-type content='text/html; charset=%s'>", "<meta http-equiv=refresh content='0; url=%s'>", "<meta http-equiv=refresh content='%s'>", "<meta charset='%s'>",
	"<meta property='%s' content=x>", "<meta name=x property='%s' content=x>", "<meta name=x http-equiv=y content='%s'>", "<meta name='%s' http-equiv=content-type>", "<meta itemprop=x content='%s'>", "<meta name='%s'>",
	"<base href='%s'>", "<base target='%s'>", "<a href='%s'>x</a>", "<a href='data:text/plain,x' download='%s'>x</a>", "<a ping='x %s'>x</a>", "<a name='%s'>x</a>", "<a rel='%s'>x</a>", "<a target='%s'>x</a>",
	"<img srcset='a 1x, %s 2x'>", "<img usemap='%s'>", "<img name='%s'>", "<img src=x alt='%s'>", "<iframe srcdoc='%s'></iframe>", "<iframe srcdoc='&lt;p title=%s>'></iframe>", "<iframe srcdoc='&lt;!-- %s -->'></iframe>",
	"<iframe srcdoc='&lt;iframe srcdoc=\"&amp;lt;b>%s\">'></iframe>", "<iframe name='%s'></iframe>", "<param name=x value='%s'>", "<object data='%s'></object>", "<object type='%s'></object>",
	"<input value='%s'>", "<input name='%s'>", "<input type='%s'>", "<input checked='%s'>", "<input pattern='%s'>", "<input list='%s'>", "<input formmethod='%s'>", "<form action='%s'></form>", "<form method='%s'></form>",
	"<option value='%s'>x</option>", "<option selected='%s'>x</option>", "<optgroup label='%s'></optgroup>", "<li value='%s'>x</li>", "<ol start='%s'></ol>", "<ol reversed='%s'></ol>", "<ol type='%s'></ol>",
	"<data value='%s'>x</data>", "<meter value='%s'></meter>", "<progress max='%s'></progress>", "<time datetime='%s'>x</time>", "<q cite='%s'>x</q>", "<bdo dir='%s'>x</bdo>", "<td colspan='%s'>x</td>", "<th scope='%s'>x</th>",
	"<font color='%s'>x</font>", "<font face='%s'>x</font>", "<body text='%s'>", "<p text='%s'>", "<track label='%s'>", "<svg viewBox='%s'></svg>", "<path d='%s'>", "<svg xmlns='%s'></svg>", "<html xmlns:o='%s'>", "<a xlink:href='%s'>x</a>",
	"<p aria-label='%s'>", "<p aria-valuenow='%s'>", "<p aria-describedby='%s'>", "<p aria-x='%s'>", "<p data-x='%s'>", "<p data-%s=x>", "<p onclick='%s'>", "<p style='%s'>", "<p style='color:%s'>", "<p style='--x:\"%s\"'>", "<p style='background:url(%s)'>",
	"<p style='color:red' style='%s'>", "<p class='%s'>", "<p class=x class='%s'>", "<p id='%s'>", "<p title='%s'>", "<p lang='%s'>", "<p role='%s'>", "<p itemprop='%s'>", "<p nonce='%s'>", "<p hidden='%s'>", "<p align='%s'>", "<p width='%s'>",
	"<p unknown='%s'>", "<p accesskey='%s'>", "<p tabindex='%s'>", "<p contenteditable='%s'>", "<p dir='%s'>", "<p content='%s'>", "<p value='%s'>", "<p start='%s'>", "<p xml:lang='%s'>", "<p x:y='%s'>",
}

// TestNothingVanishes puts somebody's address in each place of a document: it is in
// a part, or in a value that was hidden and that others can ask for facts.
func TestNothingVanishes(t *testing.T) {
	c := newCanon(t, canon.Options{})
	for _, place := range places {
		for _, secret := range []string{"bob-90514426@x.example", "90514426", "Jones"} {
			form := page(c, fmt.Sprintf(place, secret))
			if !kept(&form, secret) {
				t.Errorf("%s: %s is nowhere: %s\n%+v", place, secret, show(&form), form.Hidden)
			}
			if len(form.Gaps) > 0 {
				t.Errorf("%s: gaps %v", place, form.Gaps)
			}
		}
		// An address is not of the shape of anything that only styles.
		one, other := page(c, fmt.Sprintf(place, "bob-90514426@x.example")), page(c, fmt.Sprintf(place, "eve-90514426@x.example"))
		if one.ContentDigest() == other.ContentDigest() {
			t.Errorf("%s: another address is not seen:\n%s", place, show(&one))
		}
	}
}

// Escapes of CSS and of HTML hide nothing.
func TestNothingVanishesEscaped(t *testing.T) {
	c := newCanon(t, canon.Options{})
	for _, doc := range []string{
		`<style>p::after{content:"\62 ob\40 x.example"}</style>`, `<style>.\62ob\@x\.example{color:red}</style>`, `<p style="color:\62 ob\40x.example">`,
		`<p class="bob&#64;x.example">`, `<p title=bob&commat;x.example>`, `<style>p{\63ontent:'bob@x.example'}</style>`, `<style>@\69mport 'bob@x.example';</style>`,
	} {
		if form := page(c, doc); !kept(&form, "bob@x.example") {
			t.Errorf("%s: nowhere in %s\n%+v", doc, show(&form), form.Hidden)
		}
	}
}

// Wherever pieces of markup are put together, no word of them vanishes.
func TestNothingVanishesAnywhere(t *testing.T) {
	c := newCanon(t, canon.Options{})
	rapid.Check(t, func(t *rapid.T) {
		var doc strings.Builder
		var words []string
		for i := range rapid.IntRange(1, 12).Draw(t, "pieces") {
			word := fmt.Sprintf("word%d0%d", i, rapid.IntRange(1000, 9999).Draw(t, "word"))
			place := rapid.SampledFrom(places).Draw(t, "place")
			doc.WriteString(fmt.Sprintf(place, word))
			words = append(words, word)
		}
		form := page(c, doc.String())
		for _, word := range words {
			if !kept(&form, word) {
				t.Fatalf("%s: %s is nowhere: %s\n%+v", doc.String(), word, show(&form), form.Hidden)
			}
		}
	})
}

// Pairs of documents that readers see otherwise.
var seenOtherwise = [][2]string{
	{`<input type=checkbox checked> yes`, `<input type=checkbox> yes`},
	{`<input type=checkbox checked>A<input type=checkbox>B`, `<input type=checkbox>A<input type=checkbox checked>B`},
	{`<input type=radio checked>A<input type=radio>B`, `<input type=radio>A<input type=radio checked>B`},
	{`<input type=hidden value=x>`, `<input type=text value=x>`},
	{`<select><option selected>A<option>B</select>`, `<select><option>A<option selected>B</select>`},
	{`<ol start=3><li>a</ol>`, `<ol start=5><li>a</ol>`}, {`<ol><li>a<li>b</ol>`, `<ol reversed><li>a<li>b</ol>`}, {`<ol><li>a</ol>`, `<ol type=a><li>a</ol>`},
	{`<ol><li>a</ol>`, `<ul><li>a</ul>`}, {`<ol><li value=2>a</ol>`, `<ol><li value=7>a</ol>`}, {`<ul style="list-style:decimal"><li value=2>a</ul>`, `<ul style="list-style:decimal"><li value=7>a</ul>`},
	{`<ol><li>a</ol>`, `<ol style="counter-reset:list-item 7"><li>a</ol>`},
	{`10<sup>3</sup>`, `103`}, {`10<sup>3</sup>`, `10<sub>3</sub>`}, {`10<sup>2</sup>3`, `10<sup>23</sup>`}, {`10<span style="vertical-align:super">3</span>`, `103`}, {`<sup>1 2</sup> 3`, `<sup>1</sup> 2 3`},
	{`<math><msup><mn>10</mn><mn>3</mn></msup></math>`, `<math><mn>10</mn><mn>3</mn></math>`}, {`<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>`, `<math><mn>1</mn><mn>2</mn></math>`},
	{`<del>10</del> 20`, `10 20`}, {`<s>10</s> 20`, `10 <s>20</s>`}, {`<strike>10</strike>`, `10`}, {`<ins>10</ins>`, `<del>10</del>`}, {`<p style="text-decoration:line-through">10</p>`, `<p>10</p>`},
	{`<style>.x{text-decoration:line-through}</style><b class=x>10</b>`, `<style>.y{text-decoration:line-through}</style><b class=x>10</b>`},
	{`<bdo dir=rtl>123</bdo>`, `<bdo dir=ltr>123</bdo>`}, {`<q>fine</q>`, `fine`}, {`<ruby>10<rt>3</rt></ruby>`, `103`},
	{`<meter value=0.2></meter>`, `<meter value=0.9></meter>`}, {`<progress value=1 max=9></progress>`, `<progress value=8 max=9></progress>`}, {`<details open>a</details>`, `<details>a</details>`},
	{`<td colspan=2>a</td><td>b</td>`, `<td>a</td><td>b</td>`}, {`<dialog open>a</dialog>`, `<dialog>a</dialog>`}, {`<p>a</p>`, `<template>a</template>`}, {`<p dir=rtl>1 - 2</p>`, `<p>1 - 2</p>`},
	{`<a download=a.pdf href=x>y</a>`, `<a download=b.pdf href=x>y</a>`}, {`<p>10</p>`, `<p style="-webkit-text-security:disc">10</p>`},

	{`<p class=d>10</p>`, `<style>.d{display:none}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<p class=d>10</p><style>.d{display:none}</style>`}, {`<p id=d>10</p>`, `<style>#d{visibility:hidden}</style><p id=d>10</p>`},
	{`<p>10</p>`, `<style>p{opacity:0}</style><p>10</p>`}, {`<p class="a d">10</p>`, `<style>p.d.a{font-size:0}</style><p class="a d">10</p>`}, {`<p class=d>10</p>`, `<style>a,.d{max-height:0;overflow:hidden}</style><p class=d>10</p>`},
	{`<div class=a><p class=d>10</p></div>`, `<style>.a .d{display:none}</style><div class=a><p class=d>10</p></div>`}, {`<div class=a><p>10</p></div>`, `<style>.a>p{display:none}</style><div class=a><p>10</p></div>`},
	{`<p class=d>10</p>`, `<style>@media screen{.d{display:none}}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>@media print{.d{display:none}}</style><p class=d>10</p>`},
	{`<p class=d>10</p>`, `<style>@media (max-width:600px){.d{display:none!important}}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style media="(max-width:9px)">.d{display:none}</style><p class=d>10</p>`},
	{`<style>.d{display:none}</style><p class=d>10</p>`, `<style>.d{display:none}@media (max-width:600px){.d{display:block}}</style><p class=d>10</p>`},
	{`<p class=d>10</p>`, `<style>.d{position:absolute;left:-9999px}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>.d{text-indent:-9999px}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>.d{position:absolute;clip:rect(0,0,0,0)}</style><p class=d>10</p>`},
	{`<p class=d>10</p>`, `<style>.d{mso-hide:all}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>[class=d]{display:none}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>*{display:none}</style><p class=d>10</p>`},
	{`<p class=d>10</p>`, `<style>body .d{display:none}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>p:first-child{display:none}</style><p class=d>10</p>`}, {`<p class=d>10</p>`, `<style>.\64{display:none}</style><p class=d>10</p>`},
	{`<p>10</p>`, `<p style="color:#fff;background:white">10</p>`}, {`<p>10</p>`, `<p style="color:transparent">10</p>`}, {`<p>10</p>`, `<p style="width:0;overflow:hidden">10</p>`}, {`<p>10</p>`, `<p style="transform:scale(0)">10</p>`},
	{`<p style="max-height:0">10</p>`, `<p style="max-height:0;overflow:hidden">10</p>`}, {`<p style="font-size:0">10 <b style="font-size:9px">20</b></p>`, `<p style="font-size:0">10 <b>20</b></p>`},
	{`<p class=d>10</p>`, `<style>p::after{content:" not"}</style><p class=d>10</p>`}, {`<style>.a::after{content:"-"}</style>`, `<style>.b::after{content:"-"}</style>`},
}

// Pairs of documents that are one to readers.
var seenAlike = [][2]string{
	{`<input type=checkbox checked> yes`, `<INPUT checked="checked" type=CHECKBOX> yes`}, {`<ol><li>a<li>b</ol>`, `<ol start="1"><li>a</li> <li>b</li></ol>`}, {`<ol reversed><li>a<li>b</ol>`, `<ol start=2 reversed><li>a</li><li>b</li></ol>`},
	{`<p>10<sup>3</sup> a</p>`, "<p>10<sup>3</sup>\n a</p>"}, {`<p><del>10 </del>20</p>`, `<p><del>10</del> 20</p>`}, {`<del>a</del><del>b</del>`, `<del>ab</del>`}, {`a<del></del>b`, `ab`}, {`<s>10</s>`, `<span style="text-decoration:line-through">10</span>`},
	{`<ruby>x<rp>(</rp><rt>y</rt><rp>)</rp></ruby>`, `<ruby>x<rt>y</rt></ruby>`}, {`<p>a</p>`, `<style>.b{display:none}</style><p>a</p>`}, {`<p class=b>a</p>`, `<style>.b{display:none}.b{display:block}</style><p class=b>a</p>`},
	{`<p class=b>a</p>`, `<style>.b{display:none}p.b{display:block}</style><p class=b>a</p>`}, {`<p class=b style="display:block">a</p>`, `<style>.b{display:none}</style><p class=b style="display:block">a</p>`},
	{`<p>a</p>`, `<p style="color:red;margin:0 auto">a</p>`}, {`<p>a</p>`, `<p class=x id=y align=center width="100%" bgcolor="#ffffff">a</p>`}, {`<p>a</p>`, `<!doctype html><html lang=en><body><p>a</p></body></html>`},
	{`<p>a`, `<style>@media (max-width:600px){p{padding:0}} @font-face{font-family:"Open Sans"} a:hover{color:red} td,th{font:12px/1.5 "Segoe UI",Arial}</style><p>a`},
	{`<ul><li hidden>a<li>b</ul>`, `<ul><li hidden>a</li><li>b</li></ul>`}, {`<p hidden>a<br>b</p>c`, `<p hidden>a<br/>b</p>c`}, {`<a href=x target=_blank>y</a>`, `<a href=x>y</a>`}, {`<p hidden>a<p>b`, `<p hidden>a</p><p>b</p>`},
	{`<table><tr><td hidden>a<td>b</table>`, `<table><tr><td hidden>a</td><td>b</td></tr></table>`}, {`<p>a <span hidden>x</span> b</p>`, `<p>a b</p><p hidden>x</p>`}, {`<!--[if mso]></div><![endif]--><div hidden>a</div>b`, `<div hidden>a</div>b`},
	{`<style>p{content:""}</style>a`, `a`}, {`<td colspan=1>a</td>`, `<td>a</td>`}, {`<q>a</q>`, `“a”`}, {`<p>a</p>`, `<p style="font-size:0"><span style="font-size:12px">a</span></p>`}, {`<svg xmlns="http://www.w3.org/2000/svg"></svg>a`, `a`},
	{`<meta http-equiv=Content-Type content="text/html; charset=utf-8">a`, `<meta charset=utf-8>a`}, {`<p class="md:w-1/2 [&>p]:m-0">a`, `<p class="md:w-1/2">a`},
}

func TestReadersSee(t *testing.T) {
	c := newCanon(t, canon.Options{})
	for _, pair := range seenOtherwise {
		before, after := page(c, pair[0]), page(c, pair[1])
		if before.ContentDigest() == after.ContentDigest() {
			t.Errorf("%s and %s are one to the comparison:\n%s", pair[0], pair[1], show(&after))
		}
	}
	for _, pair := range seenAlike {
		before, after := page(c, pair[0]), page(c, pair[1])
		if before.ContentDigest() != after.ContentDigest() {
			t.Errorf("%s and %s differ:\n%s\n%s", pair[0], pair[1], show(&before), show(&after))
		}
	}
}

// A document in an attribute is one.
func TestFrame(t *testing.T) {
	inner := `<a href="https://clinic.example/x">go</a><img src="https://t.example/p.png"><p hidden>secret</p>`
	form := page(newCanon(t, canon.Options{}), `<p>a</p><iframe srcdoc="`+html.EscapeString(inner)+`"></iframe>`)
	for _, want := range []gate.Part{
		{Name: "body/html/frame", Kind: gate.Text, Value: "go"}, {Name: "body/html/frame/link", Kind: gate.Link, Value: "https://clinic.example/x"},
		{Name: "body/html/frame/load", Kind: gate.Load, Value: "https://t.example/p.png"}, {Name: "body/html/frame/hidden", Kind: gate.Text, Value: "secret"},
	} {
		if !slices.Contains(form.Parts, want) {
			t.Errorf("no part %+v in %s", want, show(&form))
		}
	}
}

// Nothing of an XML document is left out either.
func TestNothingVanishesXML(t *testing.T) {
	c := newCanon(t, canon.Options{})
	const secret, other = "bob-90514426@x.example", "eve-90514426@x.example"
	for _, place := range []string{
		"<!-- %s --><a>x</a>", "<a><!--%s-->x</a>", "<a>x</a><!-- %s -->", "<?p %s?><a/>", "<a><?p %s?></a>", "<!DOCTYPE a SYSTEM '%s'><a/>", "<a><![CDATA[%s]]></a>",
		"<a b='%s'/>", "<a xmlns='%s'/>", "<a xmlns:b='%s'/>", "<a xmlns:b='%s'><b:c/></a>", "<a xmlns:b='%s' b:c='d'/>", "<a>%s</a>", "<a>%s<b/></a>",
	} {
		of := func(text string) gate.Canonical {
			return message(c, payload("application/xml", "", []byte(strings.ReplaceAll(place, "%s", text))))
		}
		one, two := of(secret), of(other)
		if !kept(&one, secret) || one.ContentDigest() == two.ContentDigest() {
			t.Errorf("%s: not seen in %s\n%+v", place, show(&one), one.Hidden)
		}
	}
	one := message(c, payload("application/xml", "", []byte(`<?xml version="1.0" encoding="utf-8"?><s:a xmlns:s="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>`)))
	two := message(c, payload("application/xml", "", []byte(`<t:a xmlns:t="urn:x"/>`)))
	if one.ContentDigest() != two.ContentDigest() || !kept(&one, "xsi=http") || !kept(&one, "s=urn:x") {
		t.Errorf("prefixes matter, or vanish: %s\n%s\n%+v", show(&one), show(&two), one.Hidden)
	}
}

// What a style sheet hides is kept as browsers read it, without the escapes of CSS.
func TestEscapesOfStyles(t *testing.T) {
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{
		`<p style="--u:bob\40 example.org">x</p>`, `<p style="--u:bob\000040example.org">x</p>`, `<style>p{--u:b\6f b@example.org}</style>`,
		`<style>.bob\@example\.org{color:red}</style>`,
	} {
		if form := page(c, doc); !kept(&form, "bob@example.org") {
			t.Errorf("%s: it is kept in none of %+v and %+v", doc, form.Parts, form.Hidden)
		}
	}
}
