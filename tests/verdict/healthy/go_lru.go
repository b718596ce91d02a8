// A cache of 4,000 pages, full after 20 seconds, which then drops what was not used for the longest time.
// expect: quiet
package main

import (
	"container/list"
	"fmt"
	"math/rand"
	"strings"
)

type page struct {
	path string
	text string
}

var (
	limit  = 4000
	order  = list.New()
	places = map[string]*list.Element{}
)

func render(path string) *page {
	return &page{path, strings.Repeat("<li>"+path, 100+rand.Intn(100))}
}

func findOrRender(path string) *page {
	if found, ok := places[path]; ok {
		order.MoveToFront(found)
		return found.Value.(*page)
	}
	if order.Len() >= limit {
		oldest := order.Remove(order.Back()).(*page)
		delete(places, oldest.path)
	}
	places[path] = order.PushFront(render(path))
	return places[path].Value.(*page)
}

func main() {
	verdictStart()
	limit = int(200 * 20 * verdictStretch)
	verdictEvery(400, func(number int) {
		newest := number / 2
		if number%2 != 0 {
			newest -= rand.Intn(newest/4 + 1)
		}
		findOrRender(fmt.Sprintf("/article/%d", newest))
	})
}
