// Workers are started on demand, up to 32 within 16 seconds, and stay; 50 jobs a second, each with a goroutine of its own that ends.
// expect: quiet
package main

import (
	"crypto/sha256"
	"sync"
	"time"
)

const mostWorkers = 32

var (
	jobs    = make(chan []byte)
	done    sync.WaitGroup
	started int
)

func work(buffer []byte) {
	for job := range jobs {
		sum := sha256.Sum256(job)
		copy(buffer, sum[:])
	}
}

func submit(job []byte) {
	if started < mostWorkers && verdictTime() > float64(started)/2 {
		started++
		go work(make([]byte, 64<<10))
	}
	done.Add(1)
	go func() {
		defer done.Done()
		jobs <- job
		time.Sleep(20 * time.Millisecond)
	}()
}

func main() {
	verdictStart()
	verdictEvery(50, func(number int) {
		submit(make([]byte, 4096))
		if number%100 == 0 {
			done.Wait()
		}
	})
}
