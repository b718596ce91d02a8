// 60 requests a second, each with a deadline, a timer and a goroutine that ends within two seconds.
// expect: quiet
package main

import (
	"context"
	"math/rand"
	"strings"
	"time"
)

func work(ctx context.Context, text string) int {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(rand.Intn(2000)) * time.Millisecond):
	}
	return len(text)
}

func handleRequest(int) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		work(ctx, strings.Repeat("body ", 1000))
	}()
}

func main() {
	verdictStart()
	verdictEvery(60, handleRequest)
}
