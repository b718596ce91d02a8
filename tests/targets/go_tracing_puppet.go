// A Go program whose goroutines come and go as its standard input says. It keeps a ledger of its own, to compare with.
//
//	live COUNT       goroutines that stay
//	churn COUNT      goroutines that end at once
//	grow COUNT       goroutines that need more stack again and again, and end
//	chain COUNT      generations: a goroutine creates one that creates one that stays
//	respawn COUNT    one that creates its successor and ends, so many times; the last one stays
//	pingpong COUNT   the same with two functions that take turns
//	timer COUNT      goroutines that timers create, which stay
//	fetch COUNT      a client of its own for each request, whose connection stays
//	open COUNT       things that are made and closed again, and as many that are not
//	handles COUNT    of each kind in go_handles.go as many that are given back, and as many that are not
//	library COUNT    databases and tickers, of which half are closed and stopped
//	busy start, busy stop
//	ledger           how many were created and have ended since the start; all that are to end have ended
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	created int64
	ended   int64
	forever = make(chan struct{})
)

func count() { atomic.AddInt64(&created, 1) }

//go:noinline
func stay(ready *sync.WaitGroup) {
	ready.Done()
	<-forever
}

//go:noinline
func startLive(n int) {
	var ready sync.WaitGroup
	for i := 0; i < n; i++ {
		ready.Add(1)
		count()
		go stay(&ready)
	}
	ready.Wait()
}

//go:noinline
func runAndWait(n int, body func()) {
	var done sync.WaitGroup
	for i := 0; i < n; i++ {
		done.Add(1)
		count()
		go func() {
			defer done.Done()
			body()
			atomic.AddInt64(&ended, 1)
		}()
	}
	done.Wait()
}

//go:noinline
func recurse(depth int) byte {
	var room [512]byte
	room[depth%512] = byte(depth)
	if depth == 0 {
		return room[0]
	}
	return recurse(depth-1) + room[depth%512]
}

//go:noinline
func grandchild(ready *sync.WaitGroup) { stay(ready) }

//go:noinline
func child(ready *sync.WaitGroup) {
	count()
	go grandchild(ready)
	atomic.AddInt64(&ended, 1)
}

//go:noinline
func parent(ready *sync.WaitGroup) {
	count()
	go child(ready)
	atomic.AddInt64(&ended, 1)
}

//go:noinline
func startChain(n int) {
	var ready sync.WaitGroup
	for i := 0; i < n; i++ {
		ready.Add(1)
		count()
		go parent(&ready)
	}
	ready.Wait()
}

//go:noinline
func respawn(left int, ready *sync.WaitGroup) {
	if left == 0 {
		stay(ready)
		return
	}
	count()
	go respawn(left-1, ready)
	atomic.AddInt64(&ended, 1)
}

//go:noinline
func ping(left int, ready *sync.WaitGroup) {
	if left == 0 {
		stay(ready)
		return
	}
	count()
	go pong(left-1, ready)
	atomic.AddInt64(&ended, 1)
}

//go:noinline
func pong(left int, ready *sync.WaitGroup) {
	if left == 0 {
		stay(ready)
		return
	}
	count()
	go ping(left-1, ready)
	atomic.AddInt64(&ended, 1)
}

//go:noinline
func startRespawn(n int, first func(int, *sync.WaitGroup)) {
	var ready sync.WaitGroup
	ready.Add(1)
	count()
	go first(n, &ready)
	ready.Wait()
}

//go:noinline
func startTimers(n int) {
	var ready sync.WaitGroup
	for i := 0; i < n; i++ {
		ready.Add(1)
		count()
		time.AfterFunc(0, func() { stay(&ready) })
	}
	ready.Wait()
}

type Client struct{ address string }

//go:noinline
func (c *Client) Fetch() error {
	client := http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + c.address)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return err
}

//go:noinline
func handleJob(c *Client) error { return c.Fetch() }

var server net.Listener

func serve() {
	server, _ = net.Listen("tcp", "127.0.0.1:0")
	go http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") }))
}

type Thing struct{ data [64]byte }

var things []*Thing

//go:noinline
func NewThing(fail bool) (*Thing, error) {
	if fail {
		return nil, errors.New("no thing")
	}
	return &Thing{}, nil
}

//go:noinline
func (t *Thing) Close() { t.data[0]++ }

//go:noinline
func useThings(n int) {
	for i := 0; i < n; i++ {
		kept, _ := NewThing(false)
		things = append(things, kept)
		closed, _ := NewThing(false)
		closed.Close()
		NewThing(true)
	}
}

type noConnector struct{}

func (noConnector) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no connection") }
func (noConnector) Driver() driver.Driver                        { return nil }

var kept []any

//go:noinline
func useLibrary(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, sql.OpenDB(noConnector{}), time.NewTicker(time.Hour))
		sql.OpenDB(noConnector{}).Close()
		time.NewTicker(time.Hour).Stop()
	}
}

var stopBusy chan struct{}

func busy(start bool) {
	if !start {
		close(stopBusy)
		return
	}
	stopBusy = make(chan struct{})
	for i := 0; i < 2; i++ {
		go func() {
			for {
				select {
				case <-stopBusy:
					return
				default:
					runAndWait(20, func() { recurse(40) })
				}
			}
		}()
	}
}

func run(line string) string {
	var word string
	var n int
	fmt.Sscanf(line, "%s %d", &word, &n)
	switch word {
	case "live":
		startLive(n)
	case "churn":
		runAndWait(n, func() {})
	case "grow":
		runAndWait(n, func() { recurse(400) })
	case "chain":
		startChain(n)
	case "respawn":
		startRespawn(n, respawn)
	case "pingpong":
		startRespawn(n, ping)
	case "timer":
		startTimers(n)
	case "fetch":
		if server == nil {
			serve()
		}
		for i := 0; i < n; i++ {
			if err := handleJob(&Client{server.Addr().String()}); err != nil {
				return "FAILED " + err.Error()
			}
		}
	case "open":
		useThings(n)
	case "handles":
		useHandles(n)
	case "library":
		useLibrary(n)
	case "busy":
		busy(strings.HasSuffix(line, "start"))
	case "ledger":
		// The end of a goroutine is behind the last line of its code.
		for int64(runtime.NumGoroutine()) > 1+atomic.LoadInt64(&created)-atomic.LoadInt64(&ended) && server == nil {
			runtime.Gosched()
		}
		return fmt.Sprintf("DONE {\"created\":%d,\"ended\":%d}", atomic.LoadInt64(&created), atomic.LoadInt64(&ended))
	default:
		return "FAILED unknown command " + line
	}
	return "DONE"
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		fmt.Println(run(input.Text()))
	}
}
