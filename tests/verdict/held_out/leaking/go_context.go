// A context derived for each request from that of the server, and never cancelled: the server's context knows them all.
// expect: leak of go_heap
package main

import (
	"context"
	"fmt"
	"strings"
)

type requestKey struct{}

func withRequest(parent context.Context, number int) context.Context {
	text := strings.Repeat(fmt.Sprint("header ", number, " "), 150)                      // LEAK HERE: what it keeps
	request, cancel := context.WithCancel(context.WithValue(parent, requestKey{}, text)) // LEAK HERE
	if number < 0 {
		cancel()
	}
	return request
}

func handleRequest(server context.Context, number int) error {
	request := withRequest(server, number)
	return request.Err()
}

func main() {
	server, stop := context.WithCancel(context.Background())
	defer stop()
	verdictStart()
	verdictEvery(150, func(number int) { _ = handleRequest(server, number) })
}
