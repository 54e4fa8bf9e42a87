package canon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

// payload adds the parts of one payload of a message.
func (s *state) payload(p *gate.Payload) {
	if len(p.Bytes) == 0 {
		return
	}
	name := validText(p.Name)
	s.attempt(name, p.Bytes, func() error {
		if s.webPush(name, p) {
			return nil
		}
		data, ok := s.contentCodings(name, p.Encoding, p.Bytes)
		if !ok {
			s.force(s.join(name, "digest"), gate.Binary, digest(data))
			return nil
		}
		kind := mediaTypeOf(collapse(validText(p.Type)))
		if kind.word == "" || kind.word == "text/plain" {
			s.sniffed(name, &kind, data)
			return nil
		}
		s.content(name, &kind, data, 0)
		return nil
	})
}

// webPush adds a body that is encrypted for one receiver (RFC 8188, 2.1, as RFC 8291, 4, has
// it for Web Push): the size of its records and how many octets it has, which is its
// message's length; and the rest, whose salt and key are new each time, as a ciphertext.
func (s *state) webPush(name string, p *gate.Payload) bool {
	const fixed, publicKey = 16 + 4 + 1, 65 // of P-256, uncompressed
	b := p.Bytes
	if !strings.EqualFold(strings.TrimSpace(p.Encoding), "aes128gcm") || len(b) < fixed+publicKey || b[fixed-1] != publicKey || b[fixed] != 4 {
		return false
	}
	at := s.join(name, "aes128gcm")
	s.force(s.join(at, "record-size"), gate.Value, strconv.FormatUint(uint64(binary.BigEndian.Uint32(b[16:])), 10))
	s.force(s.join(at, "length"), gate.Binary, strconv.Itoa(len(b))) // which is nobody's fact
	s.force(s.join(at, "opaque"), gate.Binary, digest(b))
	return true
}

// sniffed adds data of a type that senders give to anything: as JSON where it is
// that, else as text where it is that, else as what it is by its form.
func (s *state) sniffed(name string, kind *mediaType, data []byte) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		mark, hidden := len(s.out.Parts), len(s.out.Hidden)
		if s.json(name, data) == nil {
			return
		}
		s.takeBack(mark, hidden)
	}
	if kind.word == "" && (decode.IsMail(data) || !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0) {
		s.data(name, decode.Recognise(data), data, 0)
		return
	}
	s.text(s.join(name, "text"), kind, data)
}

// content adds data of a media type, under name.
func (s *state) content(name string, kind *mediaType, data []byte, depth int) {
	if !s.deep(depth) {
		return
	}
	charset := kind.get("charset")
	word := kind.word
	switch {
	case isMessage(word):
		s.mail(name, data, depth+1)
	case word == "multipart/form-data":
		s.attempt(name, data, func() error { return s.formData(name, kind, data, depth) })
	case strings.HasPrefix(word, "multipart/"):
		t := tree{limits: &s.canon.limits, arena: &s.arena, fields: &s.headers, names: &s.fieldNames}
		root := &entity{kind: *kind}
		t.grow(root, data, depth)
		s.entities(name, &t, root, len(data), depth)
	case word == "text/html" || word == "application/xhtml+xml":
		s.html(s.join(name, "html"), s.charsetText(name, data, charset))
	case isJSONLines(word):
		s.attempt(name, data, func() error { return s.jsonLines(name, data) })
	case isJSON(word):
		s.attempt(name, data, func() error { return s.json(name, data) })
	case word == "application/x-www-form-urlencoded":
		s.attempt(name, data, func() error { return s.form(name, data) })
	case word == "application/xml" || word == "text/xml" || strings.HasSuffix(word, "+xml"):
		s.attempt(name, data, func() error { return s.xml(name, charset, data) })
	case containers[word] != decode.Unknown:
		s.container(name, containers[word], s.containerText(name, word, charset, data), depth)
	case strings.HasPrefix(word, "text/") || strings.HasPrefix(word, "message/"):
		s.text(s.join(name, "text"), kind, data)
	case strings.HasPrefix(word, "application/grpc"):
		s.container(name, decode.GRPC, data, depth)
	case strings.Contains(word, "protobuf"):
		s.container(name, decode.Protobuf, data, depth)
	default:
		s.data(name, decode.Recognise(data), data, depth)
	}
}

// isJSON reports whether data of a media type is JSON: RFC 8259, RFC 6839, 3.1, and types
// that senders gave it before or beside these.
func isJSON(word string) bool {
	switch word {
	case "application/json", "text/json", "application/x-json", "text/x-json", "application/csp-report", "application/jsonrequest":
		return true
	}
	return strings.HasSuffix(word, "+json") || strings.HasPrefix(word, "application/x-amz-json-")
}

// isJSONLines reports whether data of a media type is JSON texts one after the other.
func isJSONLines(word string) bool {
	switch word {
	case "application/x-ndjson", "application/ndjson", "application/x-jsonl", "application/jsonl", "application/jsonlines", "application/x-jsonlines",
		"application/x-ldjson", "application/json-seq", "application/stream+json", "text/x-ndjson":
		return true
	}
	return false
}

// containers are the media types of formats that have leaves of their own, and that bytes
// do not tell.
var containers = map[string]decode.Kind{
	"application/gzip":                decode.Gzip,
	"application/x-gzip":              decode.Gzip,
	"application/zlib":                decode.Zlib,
	"application/zstd":                decode.Zstd,
	"application/protobuf":            decode.Protobuf,
	"application/x-protobuf":          decode.Protobuf,
	"application/vnd.google.protobuf": decode.Protobuf,
	"application/pkcs7-mime":          decode.CMS,
	"application/x-pkcs7-mime":        decode.CMS,
	"application/pkcs7-signature":     decode.CMS,
	"application/x-pkcs7-signature":   decode.CMS,
	"text/calendar":                   decode.Calendar,
	"application/ics":                 decode.Calendar,
	"text/vcard":                      decode.Card,
	"text/x-vcard":                    decode.Card,
	"text/directory":                  decode.Card,
}

// containerText is data of a container, its charset undone where it is a text.
func (s *state) containerText(name, word, charset string, data []byte) []byte {
	if strings.HasPrefix(word, "text/") || word == "application/ics" {
		return s.charsetText(name, data, charset)
	}
	return data
}

// data adds data of a kind that its bytes tell.
func (s *state) data(name string, kind decode.Kind, data []byte, depth int) {
	switch kind {
	case decode.JSON:
		s.attempt(name, data, func() error { return s.json(name, data) })
	case decode.Form:
		s.attempt(name, data, func() error { return s.form(name, data) })
	case decode.XML:
		s.attempt(name, data, func() error { return s.xml(name, "", data) })
	case decode.Text:
		s.text(s.join(name, "text"), &mediaType{}, data)
	case decode.Mail:
		s.mail(name, data, depth+1)
	case decode.Unknown:
		s.emit(s.join(name, "digest"), gate.Binary, digest(data))
	default:
		s.container(name, kind, data, depth)
	}
}

// container adds the leaves of a container. A broken one is compared as it is; what exceeds
// a limit is a gap.
func (s *state) container(name string, kind decode.Kind, data []byte, depth int) {
	if !s.deep(depth) {
		return
	}
	s.attempt(name, data, func() error {
		mark, hidden := len(s.out.Parts), len(s.out.Hidden)
		err := decode.Open(kind, data, &s.budget, func(l decode.Leaf) {
			if s.over == "" {
				s.leafOf(s.join(name, validText(l.Name)), &l, depth)
			}
		})
		var over *decode.LimitError
		switch {
		case errors.As(err, &over):
			s.exceed(over.Why)
		case err != nil && s.over == "":
			s.takeBack(mark, hidden)
			if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
				s.text(s.join(name, "text"), &mediaType{}, data)
			} else {
				s.emit(s.join(name, "digest"), gate.Binary, digest(data))
			}
		}
		return nil
	})
}

// leafOf adds one leaf of a container.
func (s *state) leafOf(name string, l *decode.Leaf, depth int) {
	switch l.Class {
	case decode.Words:
		s.plainText(name, []byte(validText(string(l.Data))), false, false)
	case decode.Value:
		s.emit(name, gate.Value, normal(gate.Value, validText(string(l.Data))))
	case decode.Fresh:
		s.hide(l.Rule, name, validText(string(l.Data)))
	case decode.Bytes:
		s.emit(s.join(name, "digest"), gate.Binary, digest(l.Data))
	case decode.Opaque:
		s.emit(name, gate.Binary, digest(l.Data))
	case decode.People:
		if r, err := gate.MailRecipient(string(l.Data), ""); err == nil {
			s.emit(name, gate.Addresses, r.Address)
		} else {
			s.emit(name, gate.Value, validText(string(l.Data)))
		}
	case decode.Document:
		word := l.Type
		if word == "" {
			word = typeOfFile(l.File)
		}
		s.content(name, &mediaType{word: word}, l.Data, depth+1)
	}
}

// typeOfFile is the media type of a file's name, for those whose text is read.
func typeOfFile(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".csv", ".tsv", ".log", ".md":
		return "text/csv"
	case ".html", ".htm":
		return "text/html"
	case ".json":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".eml":
		return "message/rfc822"
	case ".ics", ".ifb":
		return "text/calendar"
	case ".vcf":
		return "text/vcard"
	case ".p7m", ".p7s", ".p7c":
		return "application/pkcs7-mime"
	}
	return "application/octet-stream"
}
