package canon

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// payload adds the parts of one payload of a message.
func (s *state) payload(p *gate.Payload) {
	if len(p.Bytes) == 0 {
		return
	}
	name := validText(p.Name)
	s.attempt(name, p.Bytes, func() error {
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

// sniffed adds data of a type that senders give to anything: as JSON where it is
// that, else as text where it is that, else by digest.
func (s *state) sniffed(name string, kind *mediaType, data []byte) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		mark := len(s.out.Parts)
		if s.json(name, data) == nil {
			return
		}
		s.out.Parts = s.out.Parts[:mark]
	}
	if kind.word == "" && (!utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0) {
		s.emit(s.join(name, "digest"), gate.Binary, digest(data))
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
	case word == "application/json" || word == "text/json" || strings.HasSuffix(word, "+json"):
		s.attempt(name, data, func() error { return s.json(name, data) })
	case word == "application/x-ndjson" || word == "application/ndjson" || word == "application/jsonl" || word == "application/jsonlines" || word == "application/x-jsonlines":
		s.attempt(name, data, func() error { return s.jsonLines(name, data) })
	case word == "application/x-www-form-urlencoded":
		s.attempt(name, data, func() error { return s.form(name, data) })
	case word == "application/xml" || word == "text/xml" || strings.HasSuffix(word, "+xml"):
		s.attempt(name, data, func() error { return s.xml(name, charset, data) })
	case strings.HasPrefix(word, "text/") || strings.HasPrefix(word, "message/"):
		s.text(s.join(name, "text"), kind, data)
	case word == "application/gzip" || word == "application/x-gzip":
		s.gunzip(name, data)
	case strings.HasPrefix(word, "application/") && bytes.HasPrefix(data, []byte("PK\x03\x04")):
		s.zip(name, data, depth, word == "application/zip" || word == "application/x-zip-compressed")
	default:
		s.emit(s.join(name, "digest"), gate.Binary, digest(data))
	}
}

// gunzip adds what a gzip file holds. A broken one is compared as it is; one that
// exceeds a limit is a gap.
func (s *state) gunzip(name string, data []byte) {
	plain, err := s.decompress("gzip", data)
	if err != nil {
		s.emit(s.join(name, "digest"), gate.Binary, digest(data))
		return
	}
	s.mask("archive-time", name, 1)
	s.sniffed(s.join(name, "gunzip"), &mediaType{}, plain)
}

// zip adds the members of a ZIP file: their names and what they hold, in order. Of
// files that are something else and packed as ZIP, such as documents, members are
// compared by digest alone. What is not listed in the file's directory is not
// compared, nor are time stamps. A broken file is compared as it is, and so is a
// member that is encrypted or packed in an unknown way.
func (s *state) zip(name string, data []byte, depth int, archive bool) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		s.emit(s.join(name, "digest"), gate.Binary, digest(data))
		return
	}
	s.mask("archive-time", name, 1)
	if r.Comment != "" {
		s.emit(s.join(name, "comment"), gate.Text, normal(gate.Text, collapse(validText(r.Comment))))
	}
	for i, f := range r.File {
		if s.over != "" {
			return
		}
		member := s.join(name, numbered("member", i))
		s.emit(s.join(member, "name"), gate.Value, normal(gate.Value, validText(f.Name)))
		plain, err := s.member(f)
		if s.over != "" {
			return
		}
		if err != nil {
			raw, err := rawMember(f)
			if err != nil {
				s.exceed("a member of its archive cannot be read")
				return
			}
			s.emit(s.join(member, "digest"), gate.Binary, digest(raw))
			continue
		}
		kind := mediaType{word: "application/octet-stream"}
		if archive {
			kind.word = typeOfFile(f.Name)
		}
		s.content(member, &kind, plain, depth+1)
	}
}

func (s *state) member(f *zip.File) ([]byte, error) {
	if f.Flags&1 != 0 {
		return nil, zip.ErrAlgorithm
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return s.inflate(r, int64(f.CompressedSize64), "zip")
}

func rawMember(f *zip.File) ([]byte, error) {
	r, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
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
	}
	return "application/octet-stream"
}
