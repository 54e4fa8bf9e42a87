// Package eml reads one mail from a file of its own (RFC 5322), plain or in gzip.
// The whole file is the mail.
package eml

import (
	"bytes"
	"iter"
	"net/mail"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is one mail in one file.
var Format = importer.Format{
	Name:  "eml",
	Doc:   "one mail in one file (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

// telling are fields that mail has, and hardly anything else that begins with a header
// section: RFC 5322, section 3.6, RFC 2045, section 4, and what servers of mail add.
var telling = []string{
	"from", "to", "cc", "bcc", "subject", "sender", "reply-to", "message-id", "in-reply-to", "references", "mime-version",
	"resent-from", "resent-to", "resent-date", "resent-message-id",
	"received", "return-path", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-envelope-from",
	"x-mailer", "content-transfer-encoding", "dkim-signature", "arc-seal", "authentication-results", "received-spf", "list-id", "list-unsubscribe", "auto-submitted",
}

// sniff looks for a header section that has one of the fields that tell a mail, or a date as
// mail has it (RFC 5322, section 3.3). What stands before it by mistake is passed over, as
// [importer.Mail] does.
func sniff(_ string, head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if line, rest, _ := bytes.Cut(head, []byte("\n")); bytes.HasPrefix(line, []byte(">From ")) {
		head = rest
	}
	for name, value := range importer.Fields(head) {
		if slices.Contains(telling, strings.ToLower(name)) {
			return true
		}
		if strings.EqualFold(name, "Date") {
			if _, err := mail.ParseDate(string(bytes.TrimSpace(value))); err == nil {
				return true
			}
		}
	}
	return false
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		items, err := importer.ReadMail(path, 1, o)
		if err != nil {
			yield(importer.Item{}, err)
			return
		}
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
