// descriptors_puppet: a Go program that opens files and connections from known functions and keeps some of them. Commands are
// `leak SITE COUNT`, `cycle SITE COUNT` (opened and closed again), `mark` and `ledger`, which answers what became of them as JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

type counts struct {
	OpenedBefore uint64 `json:"opened_before"`
	ClosedBefore uint64 `json:"closed_before"`
	Opened       uint64 `json:"opened"`
	Closed       uint64 `json:"closed"`
}

type row struct {
	Function string `json:"function"`
	Kind     string `json:"kind"`
	counts
}

// Nothing that is kept may be found by the collector, whose finalizers close it.
var kept []io.Closer
var marked bool
var listener net.Listener
var server string

//go:noinline
func openFile() []io.Closer {
	file, err := os.Open("/dev/null")
	check(err)
	return []io.Closer{file}
}

//go:noinline
func openPipe() []io.Closer {
	reader, writer, err := os.Pipe()
	check(err)
	return []io.Closer{reader, writer}
}

//go:noinline
func dialUDP() []io.Closer {
	connection, err := net.Dial("udp", "127.0.0.1:9")
	check(err)
	return []io.Closer{connection}
}

//go:noinline
func listenTCP() []io.Closer {
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	return []io.Closer{listening}
}

// Its own listener does not accept these: they stay in its queue.
//
//go:noinline
func dialTCP() []io.Closer {
	connection, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	return []io.Closer{connection}
}

// dialTCP has connected before, so that this does not wait.
//
//go:noinline
func acceptTCP() []io.Closer {
	connection, err := listener.Accept()
	check(err)
	return []io.Closer{connection}
}

type response struct {
	body      io.Closer
	transport *http.Transport
}

func (r response) Close() error {
	err := r.body.Close()
	r.transport.CloseIdleConnections()
	return err
}

// A transport for each request, and nobody reads the body: each keeps its connection.
//
//go:noinline
func getPage() []io.Closer {
	transport := &http.Transport{}
	client := http.Client{Transport: transport}
	answer, err := client.Get(server)
	check(err)
	return []io.Closer{response{answer.Body, transport}}
}

var sites = []struct {
	row
	open func() []io.Closer
}{
	{row{Function: "main.openFile", Kind: "fd"}, openFile},
	{row{Function: "main.openPipe", Kind: "fd"}, openPipe},
	{row{Function: "main.dialUDP", Kind: "socket"}, dialUDP},
	{row{Function: "main.listenTCP", Kind: "socket"}, listenTCP},
	{row{Function: "main.dialTCP", Kind: "socket"}, dialTCP},
	{row{Function: "main.acceptTCP", Kind: "socket"}, acceptTCP},
	{row{Function: "net/http.(*Transport).dialConn", Kind: "socket"}, getPage},
}

func check(err error) {
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}

func add(before *uint64, after *uint64, count int) {
	if marked {
		*after += uint64(count)
	} else {
		*before += uint64(count)
	}
}

func run(leak bool, name string, count int) bool {
	for i := range sites {
		site := &sites[i]
		if site.Function != name {
			continue
		}
		for j := 0; j < count; j++ {
			opened := site.open()
			add(&site.OpenedBefore, &site.Opened, len(opened))
			if leak {
				kept = append(kept, opened...)
				continue
			}
			for _, one := range opened {
				check(one.Close())
			}
			add(&site.ClosedBefore, &site.Closed, len(opened))
		}
		return true
	}
	return false
}

func ledger() string {
	rows := []row{}
	for _, site := range sites {
		rows = append(rows, site.row)
	}
	text, err := json.Marshal(map[string][]row{"sites": rows})
	check(err)
	return string(text)
}

func answer(line string) string {
	words := strings.Fields(line)
	switch {
	case len(words) == 3 && (words[0] == "leak" || words[0] == "cycle"):
		count := 0
		fmt.Sscanf(words[2], "%d", &count)
		if run(words[0] == "leak", words[1], count) {
			return "DONE"
		}
		return "FAIL no such site"
	case line == "mark":
		marked = true
		return "DONE"
	case line == "ledger":
		return "DONE " + ledger()
	}
	return "FAIL unknown command"
}

func main() {
	var err error
	listener, err = net.Listen("tcp", "127.0.0.1:0")
	check(err)
	// The server is another process, so that its connections are not ours.
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		fmt.Println("DONE", listener.Addr().String())
		http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(make([]byte, 1<<16))
		}))
		return
	}
	if len(os.Args) > 1 {
		server = "http://" + os.Args[1] + "/"
	}
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && input.Text() != "quit" {
		fmt.Println(answer(input.Text()))
	}
}
