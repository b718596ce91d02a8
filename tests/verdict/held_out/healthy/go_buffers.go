// Buffers from a sync.Pool, JSON in and out, and a number of goroutines that goes up and down.
// expect: quiet
package main

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"sync"
	"time"
)

type message struct {
	Number int
	Values []float64
}

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 64<<10)) }}

func encode(number int) int {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	_ = json.NewEncoder(buffer).Encode(message{number, make([]float64, rand.Intn(300))})
	time.Sleep(time.Duration(rand.Intn(100)) * time.Millisecond)
	return buffer.Len()
}

func handleWave(number int) {
	var wave sync.WaitGroup
	for i := rand.Intn(20); i >= 0; i-- {
		wave.Add(1)
		go func() {
			defer wave.Done()
			encode(number)
		}()
	}
	wave.Wait()
}

func main() {
	verdictStart()
	verdictEvery(5, handleWave)
}
