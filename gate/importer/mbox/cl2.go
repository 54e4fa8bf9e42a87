package mbox

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// measured reads the dialect whose mails have a Content-Length.
func (r *reader) measured() error {
	err := r.lead()
	for err == nil {
		if err = r.measuredMail(); err == nil && r.stopped {
			return nil
		}
	}
	return endOf(err)
}

// measuredMail reads the mail that was begun and begins the next one. Its error is
// io.EOF where there is none.
func (r *reader) measuredMail() error {
	n, err := r.headerSection()
	if err != nil {
		return err
	}
	got, err := io.CopyN(r.mail, r.in, n)
	r.offset += got
	if err == io.EOF {
		return fmt.Errorf("import %s: the mail at byte %d declares %d bytes of body and the file ends after %d", r.path, r.start, n, got)
	}
	if err != nil {
		return err
	}
	r.open = false
	// One blank line may part the mails; the From_ line, or the end, must follow.
	end := r.offset
	err = r.next()
	if err == nil && isBlank(r.piece) {
		end = r.offset
		err = r.next()
	}
	if err != nil && err != io.EOF {
		return err
	}
	if err == io.EOF {
		r.finish(end)
		return io.EOF
	}
	sender, ok := r.fromLine()
	if !ok {
		return fmt.Errorf("import %s: the mail at byte %d declares %d bytes of body and no From_ line follows them", r.path, r.start, n)
	}
	if r.finish(end) {
		r.begin(sender)
	}
	return nil
}

// headerSection reads the mail up to the blank line that ends its header section and
// returns its Content-Length.
func (r *reader) headerSection() (int64, error) {
	length := int64(-1)
	for {
		err := r.next()
		if err == io.EOF {
			return 0, fmt.Errorf("import %s: the mail at byte %d ends within its header section", r.path, r.start)
		}
		if err != nil {
			return 0, err
		}
		r.mail.Write(r.piece)
		if !r.begins {
			continue
		}
		if isBlank(r.piece) {
			break
		}
		name, value, _ := bytes.Cut(r.piece, []byte(":"))
		if !strings.EqualFold(string(name), "Content-Length") {
			continue
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		if err != nil || n < 0 || length >= 0 && n != length {
			return 0, fmt.Errorf("import %s: the Content-Length of the mail at byte %d is not one number of bytes", r.path, r.start)
		}
		length = n
	}
	if length < 0 {
		return 0, fmt.Errorf("import %s: the mail at byte %d has no Content-Length; try format mbox", r.path, r.start)
	}
	return length, nil
}
