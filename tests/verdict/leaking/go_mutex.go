// An error path returns without Unlock, and from then on every request that writes statistics waits for the lock.
// expect: leak of goroutine
package main

import (
	"encoding/json"
	"sync"
)

type statistics struct {
	mutex  sync.Mutex
	counts map[string]int
}

var total = statistics{counts: map[string]int{}}

func (s *statistics) add(line []byte) error {
	var event struct{ Name string }
	s.mutex.Lock()
	if err := json.Unmarshal(line, &event); err != nil {
		return err
	}
	s.counts[event.Name]++
	s.mutex.Unlock()
	return nil
}

func handleRequest(number int) {
	line := []byte(`{"name":"view"}`)
	if number == 50 {
		line = line[:7]
	}
	go total.add(line) // LEAK HERE
}

func main() {
	verdictStart()
	verdictEvery(10, handleRequest)
}
