// Each query is sent to two replicas and the first answer is taken: the slower one blocks for ever on a channel without a reader.
// expect: leak of goroutine
package main

import (
	"fmt"
	"strings"
)

type answer struct {
	replica string
	rows    []string
}

func ask(replica string, query string, answers chan<- answer) {
	rows := strings.Fields(strings.Repeat(query+" ", 20))
	answers <- answer{replica, rows}
}

func firstAnswer(query string) answer {
	answers := make(chan answer)
	for _, replica := range []string{"a", "b"} {
		go ask(replica, query, answers) // LEAK HERE
	}
	return <-answers
}

func handleRequest(number int) {
	found := firstAnswer(fmt.Sprintf("select %d", number))
	if len(found.rows) == 0 {
		fmt.Println("nothing")
	}
}

func main() {
	verdictStart()
	verdictEvery(5, handleRequest)
}
