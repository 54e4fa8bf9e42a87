//go:build ignore

// Standin runs one face of a protocol by itself, so that it can be measured beside
// other programs:
//
//	standin sink PROTOCOL ADDRESS TAPE      store what comes until it is told to terminate
//	standin durable PROTOCOL ADDRESS TAPE   the same, and acknowledge only what is synced
//	standin corpus COUNT KIB TAPE           write a corpus of that many mails of that size
//	standin forward ADDRESS UPSTREAM        pass the bytes of each connection on, and look at none
//	standin drive ADDRESS CONNECTIONS TIME  post 1,000 bytes over and over; prints requests per second
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/all"
	"github.com/waybill-dev/waybill/gate/tape"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "sink":
		return sink(args[1], args[2], args[3], tape.Options{})
	case len(args) == 4 && args[0] == "durable":
		return sink(args[1], args[2], args[3], tape.Options{Sync: true})
	case len(args) == 3 && args[0] == "forward":
		return forward(args[1], args[2])
	case len(args) == 4 && args[0] == "corpus":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		kib, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return corpus(n, kib, args[3])
	case len(args) == 4 && args[0] == "drive":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		d, err := time.ParseDuration(args[3])
		if err != nil {
			return err
		}
		return drive(args[1], n, d)
	}
	return errors.New("usage: standin sink|durable PROTOCOL ADDRESS TAPE, standin corpus COUNT KIB TAPE, standin forward ADDRESS UPSTREAM, or standin drive ADDRESS CONNECTIONS TIME")
}

func protocol(name string) (channel.Protocol, error) {
	protocols := all.Protocols()
	i := slices.IndexFunc(protocols, func(p channel.Protocol) bool { return p.Name == name })
	if i < 0 {
		return channel.Protocol{}, fmt.Errorf("there is no protocol %q", name)
	}
	return protocols[i], nil
}

// sink acknowledges what survives a kill of this process, as a replay's sink does,
// or what is synced, as a recorder does.
func sink(name, address, path string, options tape.Options) (err error) {
	p, err := protocol(name)
	if err != nil {
		return err
	}
	w, err := tape.Create(path, gate.Header{Content: gate.RunTape}, options)
	if err != nil {
		return err
	}
	var seq atomic.Uint64
	s, err := p.Listen(channel.SinkConfig{
		Name: "sink", Address: address,
		Keep: func(m *gate.Message) error {
			m.Seq = seq.Add(1)
			return w.Append(&gate.Record{Kind: gate.KindMessage, Message: m})
		},
		Gap: func(g gate.Gap) { fmt.Fprintln(os.Stderr, "standin: gap:", g.Kind, g.Detail) },
	})
	if err != nil {
		return err
	}
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	<-told.Done()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(s.Close(ctx), w.Close(gate.Footer{Accepted: seq.Load()}))
}

// forward is the least that anything which stands between two can do.
func forward(address, upstream string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", upstream)
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				io.Copy(server, client)
				server.(*net.TCPConn).CloseWrite()
			}()
			io.Copy(client, server)
		}()
	}
}

// corpus writes what smtp-source sends: each mail to one recipient, and all of one size.
func corpus(n, kib int, path string) error {
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		return err
	}
	body := strings.Repeat(strings.Repeat("X", 78)+"\r\n", kib<<10/80)
	for i := range n {
		s := &gate.Stimulus{
			ID: fmt.Sprintf("bench-%07d", i), Channel: "smtp", Door: "in", Status: 250,
			Head: []byte("HELO bench.example.org\r\nMAIL FROM:<sender@example.org>\r\nRCPT TO:<recipient@example.org>\r\n"),
			Body: fmt.Appendf(nil, "From: <sender@example.org>\r\nTo: <recipient@example.org>\r\nSubject: mail %d\r\n\r\n%s", i, body),
		}
		if err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: s}); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Close(gate.Footer{})
}

func drive(address string, connections int, d time.Duration) error {
	p, err := protocol("http")
	if err != nil {
		return err
	}
	driver, err := p.Drive(channel.DriveConfig{Door: "web", Address: address, Concurrency: connections})
	if err != nil {
		return err
	}
	defer driver.Close()
	stimulus := &gate.Stimulus{
		ID: "bench", Channel: "http", Door: "web", Body: []byte(strings.Repeat("x", 1000)),
		Head: []byte("POST /v1/x?a=b HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: bench\r\nContent-Type: text/plain\r\n"),
	}
	var done atomic.Uint64
	var failed atomic.Value
	start := time.Now()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for time.Since(start) < d {
				o := driver.Do(context.Background(), stimulus)
				if o.Error != "" || o.Status != 200 {
					failed.Store(fmt.Sprintf("status %d %s", o.Status, o.Error))
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if why := failed.Load(); why != nil {
		return fmt.Errorf("drive %s: %v", address, why)
	}
	fmt.Printf("%.0f\n", float64(done.Load())/time.Since(start).Seconds())
	return nil
}
