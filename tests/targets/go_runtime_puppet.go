// go_runtime_puppet: a Go program that allocates and starts goroutines at known places, and tells what Go's own profiles say
// of it, for comparison with what is read from outside. The cases of obey() are its commands.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

type session struct {
	buffer []byte
	next   *session
}

var (
	sessions *session
	kept     [][]byte
	table    = map[string]*session{}
	block    = make(chan int)
	several  = [2]chan int{make(chan int), make(chan int)}
	mutex    sync.Mutex
	stopBusy chan struct{}
	finished sync.WaitGroup
)

// Inlined into its callers.
func newSession(size int) *session { return &session{buffer: make([]byte, size)} }

//go:noinline
func leakSessions(count int) {
	for i := 0; i < count; i++ {
		one := newSession(3000 + i%7)
		one.next = sessions
		sessions = one
	}
}

//go:noinline
func leakLarge(count int) {
	for i := 0; i < count; i++ {
		kept = append(kept, make([]byte, 100_003))
	}
}

//go:noinline
func leakInMap(count int) {
	for i := 0; i < count; i++ {
		table[fmt.Sprint("key ", len(table))] = &session{}
	}
}

// More frames than some tools keep.
//
//go:noinline
func leakBelow(depth int) {
	if depth > 0 {
		leakBelow(depth - 1)
		return
	}
	kept = append(kept, make([]byte, 50_001))
}

func leakDeep(count int) {
	for i := 0; i < count; i++ {
		leakBelow(100)
	}
}

var sink []byte

//go:noinline
func churn(count int) {
	for i := 0; i < count; i++ {
		sink = make([]byte, 700+i%900)
	}
}

//go:noinline
func receiveForever() { <-block }

//go:noinline
func nestedReceive(depth int) {
	if depth > 0 {
		nestedReceive(depth - 1)
		return
	}
	receiveForever()
}

type waiter struct{ depth int }

func (w *waiter) wait() { nestedReceive(w.depth) }

//go:noinline
func startReceivers(count int) {
	for i := 0; i < count; i++ {
		go receiveForever()
	}
}

//go:noinline
func startNested(count int) {
	for i := 0; i < count; i++ {
		go (&waiter{depth: i % 5}).wait()
	}
}

//go:noinline
func startLockers(count int) {
	for i := 0; i < count; i++ {
		go func() {
			mutex.Lock()
			defer mutex.Unlock()
		}()
	}
}

//go:noinline
func startSleepers(count int) {
	for i := 0; i < count; i++ {
		go time.Sleep(time.Hour)
	}
}

//go:noinline
func startSelectors(count int) {
	for i := 0; i < count; i++ {
		go func() {
			select {
			case <-several[0]:
			case <-several[1]:
			}
		}()
	}
}

// A goroutine that starts others.
//
//go:noinline
func startChildren(count int) {
	go func() {
		for i := 0; i < count; i++ {
			go receiveForever()
		}
		receiveForever()
	}()
}

var starters = map[string]func(int){
	"receivers": startReceivers,
	"nested":    startNested,
	"lockers":   startLockers,
	"sleepers":  startSleepers,
	"selectors": startSelectors,
	"children":  startChildren,
}

var leakers = map[string]func(int){
	"sessions": leakSessions,
	"large":    leakLarge,
	"map":      leakInMap,
	"churn":    churn,
	"deep":     leakDeep,
}

func busyLoop(stop chan struct{}) {
	defer finished.Done()
	for {
		select {
		case <-stop:
			return
		default:
		}
		churn(200)
		done := make(chan struct{})
		go func() {
			churn(5)
			close(done)
		}()
		<-done
	}
}

func startBusy(count int) {
	stopBusy = make(chan struct{})
	for i := 0; i < count; i++ {
		finished.Add(1)
		go busyLoop(stopBusy)
	}
}

// Waits until no other goroutine can run, so that those just started are where they stay.
func settle() {
	var before string
	for same := 0; same < 3; {
		runtime.Gosched()
		time.Sleep(5 * time.Millisecond)
		now := profileText("goroutine")
		if now == before {
			same++
		} else {
			same = 0
		}
		before = now
	}
}

func profileText(name string) string {
	var text bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&text, 1); err != nil {
		panic(err)
	}
	return text.String()
}

func answer(value interface{}) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println("DONE", string(text))
}

func facts() interface{} {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return map[string]interface{}{
		"procs":      runtime.GOMAXPROCS(0),
		"goroutines": runtime.NumGoroutine(),
		"rate":       runtime.MemProfileRate,
		"stats":      stats,
	}
}

func obey(line string) bool {
	words := append(strings.Fields(line), "", "")
	count := 0
	fmt.Sscan(words[2], &count)
	switch words[0] {
	case "leak": // leak WHAT COUNT
		leakers[words[1]](count)
		fmt.Println("DONE")
	case "start": // start WHAT COUNT
		starters[words[1]](count)
		settle()
		fmt.Println("DONE")
	case "busy": // busy start COUNT, busy stop
		if words[1] == "start" {
			startBusy(count)
		} else {
			close(stopBusy)
			finished.Wait()
		}
		fmt.Println("DONE")
	case "collect": // two collections publish all that was allocated before; then none happens by itself
		debug.SetGCPercent(-1)
		runtime.GC()
		runtime.GC()
		fmt.Println("DONE")
	case "profile": // profile heap, profile goroutine: the text of pprof
		answer(profileText(words[1]))
	case "facts":
		answer(facts())
	case "quit":
		return false
	default:
		fmt.Println("FAIL unknown command")
	}
	return true
}

func main() {
	if rate := os.Getenv("PUPPET_PROFILE_RATE"); rate != "" {
		fmt.Sscan(rate, &runtime.MemProfileRate)
	}
	mutex.Lock()
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && obey(input.Text()) {
	}
}
