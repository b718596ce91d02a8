// go_target: a Go program with as many goroutines and heap stacks as it is told to have, and one worker that counts what it does.
// Commands on standard input: `goroutines N`, `stacks N`, `work`, `count`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
)

var (
	kept  [][]byte
	block = make(chan int)
	done  atomic.Int64
)

//go:noinline
func even(way, depth int) {
	if depth == 0 {
		kept = append(kept, make([]byte, 128))
		return
	}
	next(way, depth)
}

//go:noinline
func odd(way, depth int) {
	if depth == 0 {
		kept = append(kept, make([]byte, 256))
		return
	}
	next(way, depth)
}

// The bits of way choose the functions: as many stacks as ways.
func next(way, depth int) {
	if way&1 == 0 {
		even(way>>1, depth-1)
	} else {
		odd(way>>1, depth-1)
	}
}

//go:noinline
func wait(depth int) {
	if depth == 0 {
		<-block
		return
	}
	wait(depth - 1)
}

func work() {
	value := map[string]any{"name": "somebody", "count": 3, "list": []int{1, 2, 3, 4}}
	for {
		text, _ := json.Marshal(value)
		var back map[string]any
		json.Unmarshal(text, &back)
		done.Add(1)
	}
}

func main() {
	runtime.MemProfileRate = 1
	if len(os.Args) > 100 {
		pprof.Lookup("heap").WriteTo(os.Stdout, 0) // so that the linker keeps the profile
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var command string
		var count int
		fmt.Sscan(input.Text(), &command, &count)
		switch command {
		case "goroutines":
			for i := 0; i < count; i++ {
				go wait(i % 8)
			}
		case "stacks":
			for i := 0; i < count; i++ {
				next(i, 16)
			}
			runtime.MemProfileRate = 512 * 1024
			runtime.GC()
			runtime.GC()
		case "work":
			go work()
		}
		fmt.Println("DONE", done.Load())
	}
}
