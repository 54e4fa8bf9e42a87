package main_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// wild is a build that mails what it should, and whose answers are what its mode says: bytes that
// no library for servers would send.
func wild(args []string) int {
	fs := flag.NewFlagSet("wild", flag.ContinueOnError)
	listen := fs.String("listen", "", "address of the portal")
	server := fs.String("smtp", "", "address of the mail server")
	mode := fs.String("mode", "", "how it answers")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wild:", err)
		return 1
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go wildly(c, *server, *mode)
		}
	}()
	<-stop
	return 0
}

// wildly answers one request on a connection.
func wildly(c net.Conn, server, mode string) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	form, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	values, _ := url.ParseQuery(string(form))
	if err := deliver(server, values.Get("from"), portalMail(values.Get("from"), values.Get("question"))); err != nil {
		return
	}
	const page = "<p>Thank you</p>"
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	whole := func(more, body string) string {
		return fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n%s", head, more, len(body), body)
	}
	switch mode {
	case "good":
		io.WriteString(c, whole("", page))
	case "endless":
		io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n")
		repeated(c, "5\r\nAgain\r\n")
	case "slow":
		repeated(c, "H")
	case "interim":
		repeated(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	case "short":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(page)+100, page)
	case "long":
		io.WriteString(c, whole("", page)+"<p>Record 7 of member00@members.example.org</p>")
	case "body-after-204":
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n<p>Record 7 of member00@members.example.org</p>")
	case "second":
		io.WriteString(c, whole("", page)+whole("", page))
	case "two-lengths":
		io.WriteString(c, whole("Content-Length: 3\r\n", page))
	case "bomb":
		io.WriteString(c, whole("Content-Encoding: gzip\r\n", bomb()))
	case "cookie":
		io.WriteString(c, whole("Set-Cookie: sid=\x00\x1b[2J; Path=/\r\n", page))
	}
}

// repeated writes text again and again, until nobody listens.
func repeated(c net.Conn, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		time.Sleep(time.Millisecond) // so that a test is not a load
	}
}

// bomb is a page of 128 MiB, packed.
func bomb() string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	spaces := strings.Repeat(" ", 1<<20)
	for range 128 {
		io.WriteString(z, spaces)
	}
	z.Close()
	return packed.String()
}
