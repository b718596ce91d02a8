// go_target: a Go program with as many goroutines and heap stacks as it is told to have, and one worker that counts what it does.
// Commands on standard input: `goroutines N`, `stacks N`, `heap MIB`, `work`, `walk`,
// `count`.
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

// Work that allocates nothing, and waits for memory all the time.
func walk() {
	for total := 0; ; {
		for one := records; one != nil; one = one.next {
			if total++; total%1000 == 0 {
				done.Add(1)
			}
		}
	}
}

type payload struct {
	owner  *record
	values [40]*record
	text   string
}

type record struct {
	next    *record
	name    string
	any     any
	payload *payload
	list    []*record
}

var records *record

// Half of it is small objects, a fifth texts, the rest larger ones: nearly all have pointers.
func fill(bytes int) {
	var last [256]*record
	for used, i := 0, 0; used < bytes; i++ {
		one := &record{next: records, any: i}
		records, last[i%256] = one, one
		used += 96
		if i%4 == 0 {
			one.name = fmt.Sprint("the name of record ", i)
			used += 32
		}
		if i%8 == 1 {
			one.payload = &payload{owner: one, text: one.next.name}
			copy(one.payload.values[:], last[:])
			used += 384
		}
		if i%64 == 3 {
			one.list = append(make([]*record, 0, 256), last[:]...)
			used += 2048
		}
	}
	runtime.GC()
	runtime.GC()
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
		case "heap":
			runtime.MemProfileRate = 512 * 1024
			fill(count << 20)
		case "walk":
			go walk()
		case "work":
			go work()
		}
		fmt.Println("DONE", done.Load())
	}
}
