package main_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

const portalFrom = "answers@portal.example.org"

func portalMail(to, about string) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Your question\r\n\r\nDear member,\r\nwe answer your %s.\r\n", portalFrom, to, about)
}

// portal is the smallest build: it is asked over HTTP and answers by mail. Its
// modes are the ways in which a release goes wrong:
//
//	swap      one member's answer goes to another
//	banner    a header that means nothing is new
//	silent    no mail is sent
//	tracker   an outside party is told of each question
//	exit      it ends with status 3 before it listens
//	deaf      it never listens
//	crash     it ends with status 3 at the sixth question
//	error     it answers 500
//	expired   it sends all but the first member to the log-in page, and writes to everybody of that alone
//	stubborn  it does not stop when it is asked to
//	flood     it sends without end
//	join      the drain sends all letters to the first address
func portal(args []string) int {
	fs := flag.NewFlagSet("portal", flag.ContinueOnError)
	listen := fs.String("listen", "", "address of the portal")
	server := fs.String("smtp", "", "address of the mail server")
	proxy := fs.String("proxy", "", "address of the proxy for web requests")
	mode := fs.String("mode", "", "what is wrong with this release")
	queue := fs.String("drain", "", "file of letters to send: an address and a text on each line")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if *queue != "" {
		if err := drain(*server, *queue, *mode == "join"); err != nil {
			fmt.Fprintln(os.Stderr, "portal:", err)
			return 1
		}
		return 0
	}
	stop := make(chan os.Signal, 1)
	if *mode == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(stop, syscall.SIGTERM)
	}
	switch *mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "portal: no such table: members")
		return 3
	case "deaf":
		<-stop
		return 0
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "portal:", err)
		return 1
	}
	var asked atomic.Int64
	crashed := make(chan struct{})
	var told sync.Once
	var notified net.Conn // held open for as long as the portal lives
	forever := make(chan struct{})
	defer func() {
		if notified != nil {
			notified.Close()
		}
	}()
	handler := http.NewServeMux()
	handler.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		to, about := r.FormValue("from"), r.FormValue("question")
		if address := os.Getenv("PORTAL_NOTIFY"); address != "" {
			told.Do(func() { notified, _ = net.Dial("tcp", address) })
			<-forever // until it is stopped
		}
		switch n := asked.Add(1); {
		case *mode == "error":
			http.Error(w, "no such table: members", http.StatusInternalServerError)
			return
		case *mode == "silent":
			return
		case *mode == "crash" && n == 6:
			close(crashed)
			<-r.Context().Done()
			return
		case *mode == "flood":
			for i := 0; ; i++ {
				if err := deliver(*server, to, portalMail(to, fmt.Sprintf("%s (%d)", about, i))); err != nil {
					return
				}
			}
		}
		body := portalMail(to, about)
		switch *mode {
		case "swap":
			to = strings.Replace(to, "member03@", "member04@", 1)
		case "tracker":
			if err := track(*proxy, about); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
		case "expired":
			body = bytes.Replace(body, []byte("Subject: "), []byte("Subject: Log in first. "), 1)
			if !strings.HasPrefix(to, "member00@") {
				w.Header().Set("Location", "/login")
				w.WriteHeader(http.StatusFound)
			}
		case "banner":
			body = append([]byte("X-Mailer: portal 2\r\n"), body...)
		}
		if err := deliver(*server, to, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		switch *mode {
		case "shared": // with the session of whoever asked before
			three, four := portalAbout(3), portalAbout(4)
			about = strings.NewReplacer(three, four, four, three).Replace(about)
			fallthrough
		case "page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, "<html><body><p>You asked: %s</p></body></html>", about)
		}
	})
	served := make(chan error, 1)
	go func() { served <- http.Serve(l, handler) }()
	select {
	case <-stop:
		return 0
	case <-crashed:
		fmt.Fprintln(os.Stderr, "portal: panic: index out of range")
		return 3
	case err := <-served:
		fmt.Fprintln(os.Stderr, "portal:", err)
		return 1
	}
}

// track tells an outside party what was asked.
// portalAbout is what member n asks.
func portalAbout(n int) string { return fmt.Sprintf("question %d about record %d", n, 770_000+7919*n) }

func track(proxy, about string) error {
	c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxy}), DisableKeepAlives: true}}
	r, err := c.Get("http://collect.tracker.example.net/g/collect?dl=" + url.QueryEscape("https://portal.example.org/ask?q="+url.QueryEscape(about)))
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// drain sends the letters of a file; joined, it sends them all to the first address.
func drain(server, queue string, joined bool) error {
	b, err := os.ReadFile(queue)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	first, _, _ := strings.Cut(lines[0], " ")
	var all strings.Builder
	for _, line := range lines {
		to, about, _ := strings.Cut(line, " ")
		if joined {
			all.WriteString(about + "\r\nwe answer your ")
			continue
		}
		if err := deliver(server, to, portalMail(to, about)); err != nil {
			return err
		}
	}
	if joined {
		return deliver(server, first, portalMail(first, all.String()))
	}
	return nil
}

// deliver sends one mail over a connection of its own.
func deliver(server, to string, body []byte) error {
	c, err := smtp.Dial(server)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := errors.Join(c.Hello("portal.example.org"), c.Mail(portalFrom), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
