// go_library: Go code that a program in another language loads (go_library_host.c). Its goroutines come and go as it is told.
package main

import "C"

import (
	"net"
	"sync"
	"sync/atomic"
)

var (
	created int64
	ended   int64
	forever = make(chan struct{})
	kept    []net.Listener
)

//export go_library_answer
func go_library_answer() C.int { return 42 }

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
		atomic.AddInt64(&created, 1)
		go stay(&ready)
	}
	ready.Wait()
}

//export go_library_live
func go_library_live(n C.int) { startLive(int(n)) }

// Each needs more stack than it began with.
//
//export go_library_churn
func go_library_churn(n C.int) {
	var done sync.WaitGroup
	for i := 0; i < int(n); i++ {
		done.Add(1)
		atomic.AddInt64(&created, 1)
		go func() {
			defer done.Done()
			recurse(200)
			atomic.AddInt64(&ended, 1)
		}()
	}
	done.Wait()
}

//go:noinline
func recurse(depth int) byte {
	var room [256]byte
	room[depth%256] = byte(depth)
	if depth == 0 {
		return room[0]
	}
	return recurse(depth-1) + room[depth%256]
}

//go:noinline
func listen() {
	var done sync.WaitGroup
	done.Add(1)
	atomic.AddInt64(&created, 1)
	go func() {
		defer done.Done()
		listener, _ := net.Listen("tcp", "127.0.0.1:0")
		kept = append(kept, listener)
		atomic.AddInt64(&ended, 1)
	}()
	done.Wait()
}

//export go_library_listen
func go_library_listen(n C.int) {
	for i := 0; i < int(n); i++ {
		listen()
	}
}

//export go_library_created
func go_library_created() C.long { return C.long(atomic.LoadInt64(&created)) }

//export go_library_ended
func go_library_ended() C.long { return C.long(atomic.LoadInt64(&ended)) }

func main() {}
