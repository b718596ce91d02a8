// go_leak_puppet: a Go service in small, without the runtime's heap profile: requests that allocate and forget, a cache that
// is bounded, and a list that is not. The cases of obey() are its commands.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

type entry struct {
	key   uint64
	name  string
	value []byte
}

type session struct {
	next *session
	data [75]uint64
}

const cacheEntries = 20_000

var (
	cache    [cacheEntries]*entry
	inserted int

	sessions       *session
	sessionsOpened int
	sink           [64]*[]byte
	random         = uint64(88172645463325252)
	large          [][]byte
)

func next() uint64 {
	random ^= random << 13
	random ^= random >> 7
	random ^= random << 17
	return random
}

//go:noinline
func handleRequest() {
	for i := 0; i < 40; i++ {
		body := make([]byte, 64+next()%1600)
		sink[next()%64] = &body
	}
}

// As many bytes as a session has, and forgotten: what leaks is not told by its size.
//
//go:noinline
func handleSmallRequest() {
	one := &session{}
	one.data[0] = next()
	scratch = one
}

var scratch *session

//go:noinline
func remember() {
	cache[inserted%cacheEntries] = &entry{key: next(), name: "entry", value: make([]byte, 100+next()%400)}
	inserted++
}

//go:noinline
func openSession() {
	one := &session{next: sessions}
	one.data[1] = next()
	sessions = one
	sessionsOpened++
}

//go:noinline
func keepLarge(count int) {
	for i := 0; i < count; i++ {
		large = append(large, make([]byte, 100_003))
	}
}

// Of 1,000 requests 35 MB are forgotten, 0.3 MB go through the cache, and 1.2 MB leak.
func serve(requests int, leaks bool) {
	for i := 0; i < requests; i++ {
		handleRequest()
		handleSmallRequest()
		remember()
		if leaks {
			openSession()
			openSession()
		}
	}
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// At so many MB of allocations a second; 0: as fast as it can.
func pace(megabytes, seconds float64, leaks bool) interface{} {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start, opened := cpuSeconds(), time.Now(), sessionsOpened
	for requests := 0.0; time.Since(start).Seconds() < seconds; requests += 100 {
		serve(100, leaks)
		if megabytes > 0 {
			time.Sleep(time.Duration((requests*0.036/megabytes - time.Since(start).Seconds()) * 1e9))
		}
	}
	wall := time.Since(start).Seconds()
	runtime.ReadMemStats(&after)
	return map[string]interface{}{"bytes": after.TotalAlloc - before.TotalAlloc, "cpu_s": cpuSeconds() - cpu,
		"wall_s": wall, "collections": after.NumGC - before.NumGC,
		"sessions": sessionsOpened - opened}
}

func answer(value interface{}) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println("DONE", string(text))
}

func obey(line string) bool {
	words := append(strings.Fields(line), "", "", "")
	var first, second float64
	fmt.Sscan(words[1], &first)
	fmt.Sscan(words[2], &second)
	switch words[0] {
	case "serve": // serve REQUESTS [leak]
		serve(int(first), words[2] == "leak")
		fmt.Println("DONE")
	case "fill": // the cache
		for i := 0; i < cacheEntries; i++ {
			remember()
		}
		fmt.Println("DONE")
	case "large": // large COUNT
		keepLarge(int(first))
		fmt.Println("DONE")
	case "pace": // pace MB_A_SECOND SECONDS [leak]
		answer(pace(first, second, words[3] == "leak"))
	case "collect":
		runtime.GC()
		fmt.Println("DONE")
	case "stats":
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		answer(stats)
	case "quit":
		return false
	default:
		fmt.Println("FAIL unknown command")
	}
	return true
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && obey(input.Text()) {
	}
}
