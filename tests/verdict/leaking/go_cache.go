// A map as a cache, four of five lookups find something, nothing is ever dropped: about 200 KiB a second. The program offers
// Go's profiles, as servers often do.
// expect: leak of go_heap
package main

import (
	"fmt"
	"math/rand"
	_ "net/http/pprof"
	"strings"
)

type page struct {
	text  string
	views int
}

var pages = map[string]*page{}

func render(path string) *page {
	return &page{text: strings.ToUpper(path) + strings.Repeat("<li>", 1200)} // LEAK HERE
}

func findOrRender(path string) *page {
	found, ok := pages[path]
	if !ok {
		found = render(path)
		pages[path] = found
	}
	found.views++
	return found
}

func handleRequest(number int) {
	newest := number / 5
	article := newest
	if number%5 != 0 {
		article = rand.Intn(newest + 1)
	}
	if findOrRender(fmt.Sprintf("/article/%d", article)).text == "" {
		fmt.Println("empty")
	}
}

func main() {
	verdictStart()
	verdictEvery(200, handleRequest)
}
