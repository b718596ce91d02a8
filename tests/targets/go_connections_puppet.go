// go_connections_puppet: a Go program that opens connections and files and holds each sort in a way of its own, to find out from outside
// who holds what was open before. The cases of obey() are its commands.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type backend struct {
	name string
	conn net.Conn
}

var (
	client   = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10_000}}
	kept     = map[string]*backend{}
	set      = map[string]map[string]*backend{}
	logs     []*os.File
	accepted []net.Conn
	requests []net.Conn
)

func check(err error) {
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}

func dial(port string) net.Conn {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(err)
	return conn
}

// Until the other side says something, which it never does.
//
//go:noinline
func readForever(conn net.Conn, started *sync.WaitGroup) {
	started.Done()
	_, err := io.ReadFull(conn, make([]byte, 1))
	check(err)
}

//go:noinline
func openAndRead(port string, count int) {
	var started sync.WaitGroup
	started.Add(count)
	for i := 0; i < count; i++ {
		go readForever(dial(port), &started)
	}
	started.Wait()
}

func get(by *http.Client, port string) {
	answer, err := by.Get("http://127.0.0.1:" + port)
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	check(answer.Body.Close())
}

// All at once, so that each needs a connection of its own: the server answers when it has them all.
//
//go:noinline
func fillPool(port string, count int) {
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			get(client, port)
		}()
	}
	all.Wait()
}

// What is forgotten here keeps its idle connection.
//
//go:noinline
func forgetTransports(port string, count int) {
	for i := 0; i < count; i++ {
		get(&http.Client{Transport: &http.Transport{}}, port)
	}
}

//go:noinline
func keepInMap(port string, count int) {
	for i := 0; i < count; i++ {
		name := fmt.Sprint("backend ", i)
		kept[name] = &backend{name: name, conn: dial(port)}
	}
}

// Only hands on what the library gave to it.
//
//go:noinline
func dialUpstream(port string) (net.Conn, error) {
	return net.Dial("tcp", "127.0.0.1:"+port)
}

//go:noinline
func handleRequest(port string) {
	conn, err := dialUpstream(port)
	check(err)
	requests = append(requests, conn)
}

//go:noinline
func handleRequests(port string, seconds int) {
	for i := 0; i < seconds*20; i++ {
		handleRequest(port)
		time.Sleep(time.Second / 20)
	}
}

// What is kept stays so, by another variable.
//
//go:noinline
func setAside() {
	set["aside"] = kept
	kept = map[string]*backend{}
}

//go:noinline
func closeWhatIsSetAside() {
	for _, one := range set["aside"] {
		check(one.conn.Close())
	}
}

//go:noinline
func openLogs(count int) {
	for i := 0; i < count; i++ {
		file, err := os.Open("/proc/self/status")
		check(err)
		logs = append(logs, file)
	}
}

// A port that accepts, and one that answers once so many ask.
func serve(together int) {
	quiet, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		for {
			conn, err := quiet.Accept()
			check(err)
			accepted = append(accepted, conn)
		}
	}()
	answering, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	var arrived sync.WaitGroup
	arrived.Add(together)
	var lock sync.Mutex
	left := together
	go http.Serve(answering, http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		lock.Lock()
		isCounted := left > 0
		left--
		lock.Unlock()
		if isCounted {
			arrived.Done()
			arrived.Wait()
		}
		fmt.Fprintln(out, "hello")
	}))
	fmt.Println("DONE", quiet.Addr().(*net.TCPAddr).Port, answering.Addr().(*net.TCPAddr).Port)
}

func obey(line string) bool {
	words := append(strings.Fields(line), "", "", "")
	port, count := words[1], 0
	fmt.Sscan(words[2], &count)
	switch words[0] {
	case "serve": // serve HOW_MANY_ASK_TOGETHER
		fmt.Sscan(words[1], &count)
		serve(count)
		return true
	case "read": // read PORT COUNT
		openAndRead(port, count)
	case "pool": // pool PORT COUNT
		fillPool(port, count)
	case "forget": // forget PORT COUNT
		forgetTransports(port, count)
	case "keep": // keep PORT COUNT
		keepInMap(port, count)
	case "requests": // requests PORT SECONDS
		handleRequests(port, count)
	case "aside":
		setAside()
	case "close":
		closeWhatIsSetAside()
	case "logs": // logs - COUNT
		openLogs(count)
	case "quit":
		return false
	default:
		fmt.Println("FAIL unknown command")
		return true
	}
	fmt.Println("DONE")
	return true
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && obey(input.Text()) {
	}
}
