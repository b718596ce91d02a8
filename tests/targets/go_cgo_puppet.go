// go_cgo_puppet: a Go program that calls the C library: `malloc SIZE COUNT` takes blocks in C while goroutines move their stacks.
package main

/*
#include <stdlib.h>
static void* __attribute__((noinline)) cgo_take(size_t size) {
	void* volatile block = malloc(size);
	return block;
}
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
	"sync"
)

func grow(depth int) int {
	var pad [256]byte
	pad[depth%len(pad)] = 1
	if depth == 0 {
		return int(pad[0])
	}
	return grow(depth-1) + int(pad[depth%len(pad)])
}

// take calls C from the bottom of a stack that has just been copied.
func take(depth int, size int) {
	var pad [256]byte
	if depth > 0 {
		pad[depth%len(pad)] = 1
		take(depth-1, size)
		return
	}
	C.cgo_take(C.size_t(size))
}

func main() {
	fmt.Println("DONE ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		size, count := 0, 0
		if n, _ := fmt.Sscanf(input.Text(), "malloc %d %d", &size, &count); n != 2 {
			fmt.Println("FAIL unknown command")
			continue
		}
		var all sync.WaitGroup
		for i := 0; i < count; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				take(i%300, size)
				grow(300)
			}()
		}
		all.Wait()
		fmt.Println("DONE")
	}
}
