// Each subscription starts a poller with a ticker; when it ends, nothing stops either of them. Three in two seconds.
// expect: leak of goroutine
package main

import (
	"bytes"
	"time"
)

type subscription struct {
	topic string
	seen  bytes.Buffer
}

func (s *subscription) poll(ticker *time.Ticker) {
	for now := range ticker.C {
		s.seen.Reset()
		s.seen.WriteString(now.Format(time.RFC3339))
	}
}

func subscribe(topic string) *subscription {
	s := &subscription{topic: topic}
	go s.poll(time.NewTicker(2 * time.Second)) // LEAK HERE
	return s
}

func handleRequest(int) {
	s := subscribe("prices")
	s.topic = ""
}

func main() {
	verdictStart()
	verdictEvery(1.5, handleRequest)
}
