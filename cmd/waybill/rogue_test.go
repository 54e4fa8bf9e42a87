package main_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const mib = 1 << 20

// rogue is a build that is asked over HTTP, as the portal is, and sends what no
// sink and no reader of mail likes. What it sends is chosen by -send, a key of
// loads; each holds the address of the member who asked, and with -alter that of
// another.
//
// It writes a line to the file of -log for every message that was acknowledged,
// so that nothing acknowledged can be lost unseen. With -swap the answer to
// member03 goes to member04. With -late the last of -of questions is answered once
// more, so long after it was.
func rogue(args []string) int {
	fs := flag.NewFlagSet("rogue", flag.ContinueOnError)
	listen := fs.String("listen", "", "address of the build")
	server := fs.String("smtp", "", "address of the mail server")
	send := fs.String("send", "answer", "what is sent")
	alter := fs.Bool("alter", false, "send it a little otherwise")
	swap := fs.Bool("swap", false, "send one member's answer to another")
	logs := fs.String("log", "", "file for what was acknowledged")
	late := fs.Duration("late", 0, "answer the last question once more, so long after; 0 is never")
	of := fs.Int64("of", 0, "how many questions there are")
	held := fs.Bool("hold", false, "do nothing, without end")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	load, ok := loads[*send]
	if !ok {
		fmt.Fprintf(os.Stderr, "rogue: nothing is called %s\n", *send)
		return 2
	}
	if *held {
		hold()
	}
	var acknowledged io.Writer = io.Discard
	if *logs != "" {
		// One write a line: what was written survives a kill of this process.
		f, err := os.OpenFile(*logs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Fprintln(os.Stderr, "rogue:", err)
			return 1
		}
		defer f.Close()
		acknowledged = f
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rogue:", err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var mu sync.Mutex
	var answered atomic.Int64
	handler := http.NewServeMux()
	handler.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		q := question{from: r.FormValue("from"), about: r.FormValue("question")}
		q.to, q.mark = q.from, q.from
		if *alter {
			q.mark = strings.NewReplacer("member00", "member01", "member01", "member00").Replace(q.from)
		}
		if *swap {
			q.to = strings.Replace(q.from, "member03@", "member04@", 1)
		}
		m := load(q)
		if err := m.deliver(*server); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		log := func() {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(acknowledged, "%s\t%s\t%s\n", os.Getenv("WAYBILL_ROLE"), m.to[0], q.about)
		}
		log()
		if answered.Add(1) == *of && *late > 0 {
			time.AfterFunc(*late, func() {
				if m.deliver(*server) == nil {
					log()
				}
			})
		}
	})
	go func() { _ = http.Serve(l, handler) }() // until the process ends
	<-stop
	return 0
}

// hold tells ROGUE_NOTIFY that it has come here, and stays until it is killed.
func hold() {
	signal.Ignore(syscall.SIGTERM)
	conn, err := net.Dial("tcp", os.Getenv("ROGUE_NOTIFY"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "rogue: hold:", err)
		os.Exit(1)
	}
	for {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			os.Exit(1)
		}
	}
}

// A question is what a member asked, whom to answer, and the address that the
// answer holds.
type question struct{ from, to, about, mark string }

// A letter is one mail as rogue sends it. lines are sent as they stand.
type letter struct {
	to      []string
	header  string
	body    string
	broken  bool // the connection ends within it
	endless bool // it never ends
}

// loads are the letters that rogue can send.
var loads = map[string]func(question) letter{
	"answer": func(q question) letter {
		return letter{to: []string{q.to}, header: "Subject: Your question\r\n", body: "we answer your " + q.about + "\r\n"}
	},
	"large": func(q question) letter {
		line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
		return letter{to: []string{q.to}, body: strings.Repeat(line, 64*mib/len(line)) + "for " + q.mark + "\r\n"}
	},
	"many-recipients": func(q question) letter {
		m := letter{to: []string{q.to}, body: "to all\r\n"}
		for i := range 9_998 {
			m.to = append(m.to, fmt.Sprintf("m%05d@members.example.org", i))
		}
		m.to = append(m.to, "copy-of-"+q.mark)
		return m
	},
	"long-header": func(q question) letter {
		return letter{to: []string{q.to}, header: "X-Long: " + strings.Repeat("x", mib) + " " + q.mark + "\r\n", body: "short\r\n"}
	},
	"nul": func(q question) letter {
		return letter{to: []string{q.to}, header: "Subject: a\x00b\r\n", body: "before\x00after for " + q.mark + "\r\n"}
	},
	"invalid-utf8": func(q question) letter {
		return letter{to: []string{q.to}, header: "Subject: \xff\xfe caf\xe9\r\nContent-Type: text/plain; charset=utf-8\r\n", body: "\xc3\x28 \xff " + q.mark + "\r\n"}
	},
	"malformed-mime": func(q question) letter {
		return letter{to: []string{q.to}, header: "no colon here\r\nContent-Type: multipart/mixed; boundary\r\nContent-Transfer-Encoding: base64\r\n",
			body: "--\r\nContent-Type: ;;;\r\n\r\n!!!! " + q.mark + "\r\n--x--\r\n"}
	},
	"deep-multipart": func(q question) letter {
		m := letter{to: []string{q.to}, header: "Content-Type: multipart/mixed; boundary=b0\r\n"}
		var b strings.Builder
		for i := range 1_000 {
			fmt.Fprintf(&b, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
		}
		m.body = b.String() + "--b1000\r\n\r\n" + q.mark + "\r\n"
		return m
	},
	"gzip-bomb": func(q question) letter {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(append(make([]byte, 32*mib), q.mark...))
		_ = z.Close()
		return attached(q, "application/gzip", "log.gz", b.Bytes())
	},
	"zip-bomb": func(q question) letter {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, _ := z.Create("log")
		_, _ = w.Write(append(make([]byte, 32*mib), q.mark...))
		_ = z.Close()
		return attached(q, "application/zip", "log.zip", b.Bytes())
	},
	"endless": func(q question) letter {
		return letter{to: []string{q.to}, body: strings.Repeat("and so on\r\n", 1000), endless: true}
	},
	"nothing": func(question) letter {
		hold()
		return letter{}
	},
	"half": func(q question) letter {
		return letter{to: []string{q.to}, body: "it ends in the mid", broken: true}
	},
}

func attached(q question, mediaType, name string, content []byte) letter {
	text := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for len(text) > 0 {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return letter{to: []string{q.to}, header: "Content-Type: " + mediaType + "\r\nContent-Disposition: attachment; filename=" + name + "\r\nContent-Transfer-Encoding: base64\r\n", body: b.String()}
}

var errBrokenOff = errors.New("broken off, as it should be")

// deliver sends m over a connection of its own. Nothing of it is checked or put
// right on the way, as net/smtp would.
func (m *letter) deliver(server string) error {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := textproto.NewConn(conn)
	ask := func(code int, format string, args ...any) error {
		if format != "" {
			if err := c.PrintfLine(format, args...); err != nil {
				return err
			}
		}
		_, _, err := c.ReadResponse(code)
		return err
	}
	err = errors.Join(ask(220, ""), ask(250, "EHLO rogue.example.org"), ask(250, "MAIL FROM:<%s>", portalFrom))
	for _, to := range m.to {
		if err == nil {
			err = ask(250, "RCPT TO:<%s>", to)
		}
	}
	if err == nil {
		err = ask(354, "DATA")
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "From: %s\r\nTo: %s\r\n%s\r\n%s", portalFrom, m.to[0], m.header, m.body); err != nil {
		return err
	}
	for m.endless {
		if _, err := io.WriteString(conn, m.body); err != nil {
			return err
		}
	}
	if m.broken {
		return errBrokenOff
	}
	if err := ask(250, "."); err != nil {
		return err
	}
	return ask(221, "QUIT")
}
