package canon_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
)

// standardParse reads a mail with the standard library alone: its header, its tree,
// and each body with its transfer encoding undone, into memory. It gives how many
// bytes the bodies have. It is what canonical forms are measured beside.
func standardParse(raw []byte) (int, error) {
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	return standardBody(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

func standardBody(contentType, encoding string, body io.Reader) (int, error) {
	kind, params := "text/plain", map[string]string(nil)
	if contentType != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(contentType); err != nil {
			return 0, err
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		total := 0
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return total, nil
			}
			if err != nil {
				return total, err
			}
			n, err := standardBody(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
			if total += n; err != nil {
				return total, err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	data, err := io.ReadAll(body)
	if err == nil && kind == "message/rfc822" {
		return standardParse(data)
	}
	return len(data), err
}
