// Each request starts a watchdog that waits for the request's end, which is never told, or for an hour.
// expect: leak of goroutine
package main

import (
	"log"
	"time"
)

type request struct {
	number int
	done   chan struct{}
}

func watch(r *request) {
	select {
	case <-r.done:
	case <-time.After(time.Hour):
		log.Print("request ", r.number, " is slow")
	}
}

func begin(number int) *request {
	r := &request{number, make(chan struct{})}
	go watch(r) // LEAK HERE
	return r
}

func handleRequest(number int) {
	r := begin(number)
	if number%4 == 0 {
		close(r.done)
	}
}

func main() {
	verdictStart()
	verdictEvery(4, handleRequest)
}
