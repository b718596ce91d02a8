// go_goroutines_target: creates goroutines that do nothing, and says what they cost. Command on standard input: `go N`.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

//go:noinline
func create(count int) {
	const atOnce = 100
	for done := 0; done < count; done += atOnce {
		var all sync.WaitGroup
		all.Add(atOnce)
		for i := 0; i < atOnce; i++ {
			go all.Done()
		}
		all.Wait()
	}
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var count int
		fmt.Sscanf(input.Text(), "go %d", &count)
		before := cpu()
		create(count)
		fmt.Println("DONE", count, (cpu() - before).Nanoseconds())
	}
}
