// go_types_puppet: a Go program that holds known numbers of objects of known types in each way that types allow, for comparison
// with what is read from outside. The cases of obey() are its commands.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type session struct {
	name string
	id   int64
	back *registry
}

type node struct {
	next  *node
	value [3]int64
}

type shape interface{ area() int64 }
type circle struct {
	radius int64
	owner  *registry
}
type square struct{ side [7]int64 }

func (c *circle) area() int64 { return c.radius }
func (s square) area() int64  { return s.side[0] }

type job struct {
	id   int64
	next *job
	pad  [5]int64
}
type box[T any] struct {
	value T
	self  *box[T]
	pad   [9]int64
}
type cell struct {
	owner *registry
	pad   [11]int64
}
type bigObject struct {
	owner *registry
	pad   [130]int64
}
type wide struct { // too large for the entries of a map
	owner *registry
	pad   [17]int64
}
type captured struct {
	owner *registry
	pad   [13]int64
}
type kept struct {
	owner *registry
	pad   [15]int64
}
type record struct { // no pointers
	values [20]int64
}
type late struct {
	owner *registry
	pad   [19]int64
}

type plainEntry struct {
	next *plainEntry
	pad  [6]int64
}
type plainItem struct {
	next *plainItem
	pad  [8]int64
}
type plainNode struct {
	next *plainNode
	pad  [10]int64
}
type plainJob struct {
	next *plainJob
	pad  [12]int64
}
type plainValue struct {
	next *plainValue
	pad  [14]int64
}
type otherValue struct {
	next *otherValue
	pad  [16]int64
}

// Nothing else leads to what they hold.
var (
	plainMap     = map[int64]*plainEntry{}
	plainList    []*plainItem
	plainFirst   *plainNode
	plainChannel chan *plainJob
	plainAny     interface{}
)

type registry struct {
	byName  map[string]*session
	list    *node
	shapes  []shape
	jobs    chan *job
	numbers chan int64
	hooks   []func() int64
	boxes   []*box[string]
	grid    [3][]*cell
	big     []*bigObject
	wides   map[int64]wide
	names   []string
	records []*record
	latest  []atomic.Pointer[late]
	any     []interface{}
}

// One that the compiler puts among the variables, and one that is on the heap.
var root interface{} = &registry{byName: map[string]*session{}, wides: map[int64]wide{}}
var all = root.(*registry)
var second interface{} = newRegistry()
var never = make(chan int)
var stop chan struct{}
var finished sync.WaitGroup
var sink interface{}

//go:noinline
func newRegistry() *registry { return &registry{} }

//go:noinline
func holdForever(value interface{}) {
	<-never
	runtime.KeepAlive(value)
}

//go:noinline
func hook(c *captured) func() int64 { return func() int64 { return c.pad[0] + int64(len(c.owner.list.value)) } }

var makers = map[string]func(int){
	"map": func(n int) {
		for i := 0; i < n; i++ {
			all.byName[fmt.Sprint("the name of session number ", i)] = &session{back: all}
		}
	},
	"list": func(n int) {
		for i := 0; i < n; i++ {
			all.list = &node{next: all.list}
		}
	},
	"shapes": func(n int) {
		for i := 0; i < n; i++ {
			all.shapes = append(all.shapes, &circle{owner: all}, square{[7]int64{int64(i) + 1}})
		}
	},
	"channel": func(n int) {
		all.jobs = make(chan *job, n+5)
		all.numbers = make(chan int64, 100)
		for i := 0; i < n; i++ {
			all.jobs <- &job{}
		}
	},
	"closures": func(n int) {
		for i := 0; i < n; i++ {
			all.hooks = append(all.hooks, hook(&captured{owner: all}))
		}
	},
	"boxes": func(n int) {
		for i := 0; i < n; i++ {
			all.boxes = append(all.boxes, &box[string]{})
		}
	},
	"grid": func(n int) {
		for i := 0; i < n; i++ {
			all.grid[i%3] = append(all.grid[i%3], &cell{owner: all})
		}
	},
	"big": func(n int) {
		for i := 0; i < n; i++ {
			all.big = append(all.big, &bigObject{owner: all})
		}
	},
	"wides": func(n int) {
		for i := 0; i < n; i++ {
			all.wides[int64(i)] = wide{owner: all}
		}
	},
	"records": func(n int) {
		for i := 0; i < n; i++ {
			all.records = append(all.records, &record{})
		}
	},
	"plain": func(n int) {
		plainChannel = make(chan *plainJob, n)
		for i := 0; i < n; i++ {
			plainMap[int64(i)] = &plainEntry{}
			plainList = append(plainList, &plainItem{})
			plainFirst = &plainNode{next: plainFirst}
			plainChannel <- &plainJob{}
		}
		plainAny = &otherValue{}
		plainAny = &plainValue{}
	},
	"latest": func(n int) {
		all.latest = make([]atomic.Pointer[late], n)
		for i := 0; i < n; i++ {
			all.latest[i].Store(&late{owner: all})
		}
	},
	"goroutines": func(n int) {
		for i := 0; i < n; i++ {
			go holdForever(&kept{owner: all})
		}
		time.Sleep(50 * time.Millisecond)
	},
	"megabytes": func(n int) { // so many, of sessions in a map, with names
		for i := 0; i < n*8192; i++ {
			all.list = &node{next: all.list}
			all.any = append(all.any, &circle{owner: all})
		}
	},
}

func churn() {
	defer finished.Done()
	for i := int64(0); ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		for j := 0; j < 100; j++ {
			sink = &job{id: i, next: &job{}}
			sink = fmt.Sprint("some text that does not last long ", i)
			sink = &circle{radius: i}
		}
	}
}

func obey(line string) bool {
	words := append(strings.Fields(line), "", "")
	count := 0
	fmt.Sscan(words[2], &count)
	switch words[0] {
	case "make": // make WHAT COUNT
		makers[words[1]](count)
	case "collect": // then no collection happens by itself
		debug.SetGCPercent(-1)
		runtime.GC()
		runtime.GC()
	case "busy": // busy start COUNT, busy stop
		if words[1] == "start" {
			stop = make(chan struct{})
			for i := 0; i < count; i++ {
				finished.Add(1)
				go churn()
			}
		} else {
			close(stop)
			finished.Wait()
		}
	case "quit":
		return false
	default:
		fmt.Println("FAIL unknown command")
		return true
	}
	fmt.Println("DONE")
	return true
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && obey(input.Text()) {
	}
}
