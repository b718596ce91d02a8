// A producer feeds a channel; whoever reads it stops at the first bad line, and the producer stays.
// expect: leak of goroutine
package main

import (
	"bufio"
	"errors"
	"strings"
)

func lines(text string) <-chan string {
	found := make(chan string, 2)
	go func() { // LEAK HERE
		defer close(found)
		for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
			found <- scanner.Text()
		}
	}()
	return found
}

func parse(text string) (int, error) {
	count := 0
	for line := range lines(text) {
		if strings.HasPrefix(line, "bad") {
			return count, errors.New(line)
		}
		count++
	}
	return count, nil
}

func handleRequest(number int) {
	text := strings.Repeat("good\n", 20)
	if number%10 == 0 {
		text = "bad\n" + text
	}
	_, _ = parse(text)
}

func main() {
	verdictStart()
	verdictEvery(20, handleRequest)
}
