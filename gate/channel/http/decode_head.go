package http

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	layers "github.com/waybill-dev/waybill/gate/decode"
	"github.com/waybill-dev/waybill/gate/fields"
)

// header adds one field line.
func (r *request) header(f field) {
	lower := strings.ToLower(f.name)
	part := "header/" + lower
	switch kind := fields.Of(lower).Kind; kind {
	case fields.Credential:
		r.credential(part, f.value)
	case fields.Cookies:
		for c := range strings.SplitSeq(f.value, ";") {
			if k, v, ok := strings.Cut(strings.Trim(c, " \t"), "="); ok || k != "" {
				r.field("cookie/"+k, gate.Value, v)
			}
		}
	case fields.Link:
		r.field(part, gate.Link, f.value)
	case fields.Date:
		r.hideIf(fields.IsHTTPDate(f.value), gate.Hidden{Rule: "date", Part: part, Value: f.value})
	case fields.Hop:
		r.hop(lower, part, f.value)
	case fields.Trace:
		id, ok := fields.TraceID(lower, f.value)
		r.hideIf(ok, gate.Hidden{Rule: "trace-id", Part: part, Value: f.value})
		if id != "" && !slices.Contains(r.plain.Traces, id) {
			r.plain.Traces = append(r.plain.Traces, id)
		}
	case fields.MAC:
		r.hideIf(fields.IsMAC(f.value) || fields.AWSDate(f.value), gate.Hidden{Rule: "signature", Part: part, Value: f.value})
	case fields.Key:
		r.hideIf(fields.FreshID(f.value), gate.Hidden{Rule: "idempotency-key", Part: part, Value: f.value})
	default:
		switch {
		case lower == "host" && r.saysParty(f.value):
			// the recipient
		case lower == "content-type":
			r.contentType(part, f.value)
		case lower == "content-length":
			r.hideIf(isDigits(f.value), gate.Hidden{Rule: "content-length", Part: part, Value: f.value})
		case r.isBodyDigest(f.value):
			r.mask("body-digest", part) // the body says it
			if names := digestNames(f.value); names != "" {
				r.keep("body-digest", part, names)
			}
		default:
			r.field(part, gate.Value, f.value)
		}
	}
}

// hideIf hides a value that has the shape which its rule is for, and else adds it.
func (r *request) hideIf(shaped bool, h gate.Hidden) {
	if shaped {
		r.hide(h.Rule, h.Part, h.Value)
		return
	}
	r.field(h.Part, gate.Value, h.Value)
}

// hopWords are what fields between neighbours say (RFC 9110, 7.6.1, 10.1.1 and 12.5.3;
// RFC 9112): few words, none of which is anybody's.
var hopWords = map[string]string{
	"connection":        "close keep-alive upgrade te http2-settings transfer-encoding",
	"proxy-connection":  "close keep-alive",
	"te":                "trailers gzip deflate compress",
	"transfer-encoding": "chunked gzip deflate compress identity",
	"upgrade":           "h2c websocket",
	"accept-encoding":   "gzip x-gzip deflate br zstd compress identity dcb dcz *",
	"content-encoding":  "gzip x-gzip deflate br zstd compress identity aws-chunked",
	"expect":            "100-continue",
}

// hop adds a field between neighbours where it says anything but what such fields do.
func (r *request) hop(name, part, value string) {
	shaped := false
	switch name {
	case "keep-alive":
		shaped = eachItem(value, func(item string) bool {
			k, n, _ := strings.Cut(item, "=")
			return (k == "timeout" || k == "max") && isDigits(n)
		})
	case "trailer":
		shaped = eachItem(value, func(item string) bool { return isToken(item) })
	case "http2-settings":
		_, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(value, "="))
		shaped = err == nil
	default:
		words := strings.Fields(hopWords[name])
		if eachItem(value, func(item string) bool {
			word, weight, weighed := strings.Cut(item, ";")
			return slices.Contains(words, strings.Trim(word, " ")) && (!weighed || isWeight(strings.Trim(weight, " ")))
		}) {
			r.mask("hop-by-hop", part)
			r.keep("hop-by-hop", part, value)
			return
		}
	}
	r.hideIf(shaped, gate.Hidden{Rule: "hop-by-hop", Part: part, Value: value})
}

// eachItem reports whether is holds of each item of a list, in lower case.
func eachItem(list string, is func(string) bool) bool {
	for item := range strings.SplitSeq(strings.ToLower(list), ",") {
		if item = strings.Trim(item, " \t"); item != "" && !is(item) {
			return false
		}
	}
	return true
}

// isWeight reports whether s is a weight (RFC 9110, 12.4.2).
func isWeight(s string) bool {
	n, ok := strings.CutPrefix(s, "q=")
	if whole, rest, dot := strings.Cut(n, "."); dot {
		return ok && (whole == "0" && len(rest) <= 3 && isDigits(rest) || whole == "1" && strings.Trim(rest, "0") == "" && len(rest) <= 3)
	}
	return ok && (n == "0" || n == "1")
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// contentType adds a media type without the boundary of a multipart, which is made anew
// for each body, and without the charset of JSON and of
// forms, which have one alone (RFC 8259, 8.1 and 11; WHATWG URL, 5.2).
func (r *request) contentType(part, value string) {
	if t, params, err := mime.ParseMediaType(value); err == nil && (t == "application/json" || strings.HasSuffix(t, "+json") || t == "application/x-www-form-urlencoded") && strings.EqualFold(params["charset"], "utf-8") {
		charset := params["charset"]
		delete(params, "charset")
		if s := mime.FormatMediaType(t, params); s != "" {
			r.hide("charset", part, charset)
			value = s
		}
	}
	if len(value) >= len("multipart/") && strings.EqualFold(value[:len("multipart/")], "multipart/") {
		t, params, err := mime.ParseMediaType(value)
		if err == nil && fields.IsBoundary(params["boundary"]) {
			boundary := params["boundary"]
			delete(params, "boundary")
			if s := mime.FormatMediaType(t, params); s != "" {
				r.hide("boundary", part+"/boundary", boundary)
				value = s
			}
		}
	}
	r.field(part, gate.Value, value)
}

// extensions adds what the chunks of the body carried besides.
func (r *request) extensions() {
	count, texts := 0, 0
	for _, e := range r.message.Events {
		if n, ok := strings.CutPrefix(e, extensionEvent); ok {
			count, _ = strconv.Atoi(n)
		} else if text, ok := strings.CutPrefix(e, extensionTextEvent); ok {
			texts++
			r.field("chunk-extension", gate.Value, text)
		}
	}
	if count > texts {
		r.gap(gate.GapNotDecoded, fmt.Sprintf("%d chunk extensions were not kept", count-texts))
	}
}

// credential states a credential: by its scheme, if it has one, by whom it names, where
// that can be told from the secret, and by the digest of the secret.
func (r *request) credential(part, value string) {
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || !isToken(scheme) {
		scheme, rest = "", value
	}
	scheme, rest = strings.ToLower(scheme), strings.Trim(rest, " ")
	switch {
	case scheme == "basic":
		if plain, err := base64.StdEncoding.DecodeString(rest); err == nil {
			if user, password, ok := strings.Cut(string(plain), ":"); ok {
				r.field(part+"/user", gate.Value, user)
				rest = password
			}
		}
	case (scheme == "aws4-hmac-sha256" || scheme == "aws4-ecdsa-p256-sha256") && r.awsSignature(part, scheme, rest):
		return
	case scheme == "vapid" && r.vapid(part, rest):
		return
	case isJWT(rest):
		// Its claims are compared one by one, and its signature is hidden.
		r.field(part, gate.Value, strings.Trim(scheme+" "+rest, " "))
		return
	}
	r.field(part, gate.Binary, digest(rest, scheme))
}

// vapid adds what identifies who sends to a push service (RFC 8292, 3): a token, whose claims
// are compared one by one and whose signature is hidden, and the key that it is signed with.
func (r *request) vapid(part, rest string) bool {
	var token, key string
	for item := range strings.SplitSeq(rest, ",") {
		switch k, v, _ := strings.Cut(strings.Trim(item, " "), "="); k {
		case "t":
			token = v
		case "k":
			key = v
		default:
			return false
		}
	}
	if !isJWT(token) || key == "" {
		return false
	}
	r.field(part+"/t", gate.Value, token)
	r.field(part+"/k", gate.Value, key)
	return true
}

// isJWT reports whether s is a JWT (RFC 7519) and nothing besides, which canonical forms
// take apart, so that it is not shown.
func isJWT(s string) bool {
	for l := range layers.Layers(s) {
		return l.Name == "jwt" && l.Sure && l.Start == 0 && l.End == len(s)
	}
	return false
}

// awsSignature adds what signs a request to AWS (Signature Version 4): whose key, for which
// region and service, and over which fields. The date and the signature are hidden. One for
// several regions (Version 4A) has these in a field of their own.
func (r *request) awsSignature(part, scheme, rest string) bool {
	var credential, signed, signature string
	for range fields.Uneven(rest, ',') {
		r.mask("spelling", part)
	}
	for item := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.Trim(item, " "), "=")
		switch {
		case ok && k == "Credential":
			credential = v
		case ok && k == "SignedHeaders":
			signed = v
		case ok && k == "Signature":
			signature = v
		default:
			return false
		}
	}
	scope := strings.Split(credential, "/") // of the key, date, region, service and a constant
	want, shaped := 5, isHex(signature, 64)
	if scheme != "aws4-hmac-sha256" { // a signature of ECDSA in DER, and no region
		want, shaped = 4, len(signature) >= 132 && len(signature) <= 144 && isHex(signature, len(signature))
	}
	if len(scope) != want || len(scope[1]) != 8 || !isDigits(scope[1]) || scope[want-1] != "aws4_request" || !shaped {
		return false
	}
	r.field(part, gate.Value, scheme+" "+scope[0]+" "+strings.Join(scope[2:want-1], " "))
	r.field(part+"/signed", gate.Value, signed)
	r.hide("signature", part+"/date", scope[1])
	r.hide("signature", part+"/signature", signature)
	return true
}

// isBodyDigest reports whether a value is the digest of the body as it was sent, so that
// it says nothing that the body does not: bare, or by its algorithm (RFC 3230, 4.3.2; RFC
// 9530, 2), in hexadecimal or base64.
func (r *request) isBodyDigest(value string) bool {
	if r.message.Cut > 0 || len(value) < 22 || len(value) > 512 {
		return false
	}
	found := false
	for item := range strings.SplitSeq(value, ",") {
		item = strings.Trim(item, " ")
		if k, v, ok := strings.Cut(item, "="); ok && len(k) <= 8 && v != "" && isToken(k) {
			item = strings.Trim(v, ":")
		}
		if !fields.IsDigest(item) || !r.digests(item) {
			return false
		}
		found = true
	}
	return found
}

// digestNames returns what a digest says of how it was made and is written.
func digestNames(value string) string {
	var names []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.Trim(item, " ")
		if k, v, ok := strings.Cut(item, "="); ok && len(k) <= 8 && v != "" && isToken(k) {
			names, item = append(names, k+strings.Repeat(":", strings.Count(v, ":"))), strings.Trim(v, ":")
		}
		if len(item)%4 != 0 {
			names = append(names, "unpadded")
		}
	}
	return strings.Join(names, " ")
}

// digests reports whether s is a digest of the body in hexadecimal or base64.
func (r *request) digests(s string) bool {
	sum, err := hex.DecodeString(s)
	if err != nil {
		enc := base64.StdEncoding
		if !strings.HasSuffix(s, "=") {
			enc = base64.RawStdEncoding
		}
		sum, err = enc.Strict().DecodeString(s)
		if err != nil {
			return false
		}
	}
	body := r.message.Body
	var want []byte
	switch len(sum) {
	case md5.Size:
		h := md5.Sum(body)
		want = h[:]
	case sha1.Size:
		h := sha1.Sum(body)
		want = h[:]
	case sha256.Size:
		h := sha256.Sum256(body)
		want = h[:]
	case sha512.Size:
		h := sha512.Sum512(body)
		want = h[:]
	}
	return want != nil && string(sum) == string(want)
}
