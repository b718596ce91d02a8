// Every event is decoded and appended to a slice of the package: about 350 KiB a second.
// expect: leak of go_heap
package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

type event struct {
	Number int
	Text   string
	Tags   []string
}

var events []event

func decode(line string) (event, error) {
	var found event
	err := json.Unmarshal([]byte(line), &found) // LEAK HERE: what the events hold
	return found, err
}

func handleRequest(number int) {
	line := fmt.Sprintf(`{"Number":%d,"Text":"%s","Tags":["a","b"]}`, number, strings.Repeat("x", 1500))
	if found, err := decode(line); err == nil {
		events = append(events, found) // LEAK HERE: the slice
	}
}

func main() {
	verdictStart()
	verdictEvery(200, handleRequest)
}
