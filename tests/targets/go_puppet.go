// go_puppet: a Go program whose goroutines move their stacks all the time: `work N` runs N of them to the end.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Recursion deep enough that the stack is copied to a larger place while frames are in use.
func grow(depth int) int {
	var pad [256]byte
	pad[depth%len(pad)] = 1
	if depth == 0 {
		return int(pad[0])
	}
	return grow(depth-1) + int(pad[depth%len(pad)])
}

func work(count int) {
	var all sync.WaitGroup
	for i := 0; i < count; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			kept := make([][]byte, 0, 16)
			for j := 0; j < 16; j++ {
				kept = append(kept, make([]byte, 1025+j))
				grow(200)
			}
			if len(kept) != 16 {
				panic("lost a slice")
			}
		}()
	}
	all.Wait()
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		count := 0
		switch line := input.Text(); {
		case strings.HasPrefix(line, "work "):
			fmt.Sscanf(line, "work %d", &count)
			work(count)
			fmt.Println("DONE")
		case line == "quit":
			return
		default:
			fmt.Println("FAIL unknown command")
		}
	}
}
