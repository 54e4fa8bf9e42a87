package main_test

import (
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

// linksHost is what the links in its mails are of.
const linksHost = "members.example.org"

// links is a build whose mails hold links with a token that is new in each run. Its mode is the
// kind of link that leads member03 and member04 to what is the other's:
//
//	reset     a page that says whose password is set
//	track     a redirect to what the mail was about
//	magic     a redirect that signs in; only the page behind it says as whom
//	invoice   a page that only the person it is of may see, who has signed in
//
// In mode form, the page behind each link is the same for everybody.
func links(args []string) int {
	fs := flag.NewFlagSet("links", flag.ContinueOnError)
	listen := fs.String("listen", "", "address of the portal")
	server := fs.String("smtp", "", "address of the mail server")
	mode := fs.String("mode", "", "what is wrong with this release")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "links:", err)
		return 1
	}
	go http.Serve(l, (&linked{server: *server, mode: *mode, tokens: map[string][2]string{}, used: map[string]bool{}, signed: map[string]string{}}).mux())
	<-stop
	return 0
}

type linked struct {
	server, mode string

	mu     sync.Mutex
	tokens map[string][2]string // kind and member
	used   map[string]bool
	signed map[string]string // member, by session
}

// fresh makes a link of a kind for a member.
func (b *linked) fresh(kind, member string) string {
	if b.mode == kind {
		switch member {
		case "member03":
			member = "member04"
		case "member04":
			member = "member03"
		}
	}
	token := madeAnew()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[token] = [2]string{kind, member}
	return "https://" + linksHost + "/" + kind + "?t=" + token
}

func madeAnew() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}

// signIn lets whoever is answered be a member from now on.
func (b *linked) signIn(w http.ResponseWriter, member string) {
	sid := madeAnew()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signed[sid] = member
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: sid})
}

// who returns the member who asks; "" where nobody has signed in.
func (b *linked) who(r *http.Request) string {
	sid, err := r.Cookie("sid")
	if err != nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.signed[sid.Value]
}

func (b *linked) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		to := r.FormValue("from")
		member, _, _ := strings.Cut(to, "@")
		mail := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: Your links\r\n"+
			"List-Unsubscribe: <%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"+
			"Dear member,\r\nyour password: %s\r\nread on: %s\r\nsign in: %s\r\nyour invoice: %s\r\nnot you? https://%s/logout?all=1\r\nours: https://other.example.net/\r\n",
			portalFrom, to, b.fresh("unsubscribe", member), b.fresh("reset", member), b.fresh("track", member), b.fresh("magic", member), b.fresh("invoice", member), linksHost)
		if err := deliver(b.server, to, []byte(mail)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		b.signIn(w, member)
	})
	for _, kind := range []string{"reset", "track", "magic", "invoice"} {
		mux.HandleFunc("GET /"+kind, b.open)
	}
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		who := b.who(r)
		if who == "" {
			http.Error(w, "Who are you?", http.StatusUnauthorized)
			return
		}
		page(w, "Welcome, "+who)
	})
	for _, never := range []string{"/unsubscribe", "/logout"} {
		mux.HandleFunc("GET "+never, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(os.Stderr, "links: was asked for", r.URL)
			os.Exit(3)
		})
	}
	return mux
}

// open is where a fresh link leads, once.
func (b *linked) open(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("t")
	b.mu.Lock()
	of, known := b.tokens[token]
	again := b.used[token]
	b.used[token] = true
	b.mu.Unlock()
	switch kind, member := of[0], of[1]; {
	case !known || again || r.Host != linksHost:
		http.Error(w, "This link is used up", http.StatusGone)
	case b.mode == "form":
		page(w, "Choose a new password")
	case kind == "track":
		http.Redirect(w, r, "https://shop.example.net/about/"+member, http.StatusFound)
	case kind == "magic":
		b.signIn(w, member)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case kind == "invoice":
		if b.who(r) != member {
			http.Error(w, "Not yours", http.StatusForbidden)
			return
		}
		page(w, "Invoice of "+member)
	default:
		page(w, "A new password for "+member)
	}
}

func page(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<html><body><p>%s</p></body></html>", text)
}
