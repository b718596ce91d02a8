// A server that answers 100 requests a second from its own client: a lot of garbage, a heap like a saw, nothing kept.
// expect: quiet
package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
)

type order struct {
	Number int
	Items  []string
}

func readOrder(body io.Reader) (order, error) {
	var found order
	err := json.NewDecoder(body).Decode(&found)
	return found, err
}

func serveOrders(listener net.Listener) {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(order{1, strings.Fields(strings.Repeat("shoes ", 800))})
	})
	_ = http.Serve(listener, nil)
}

func fetchOrder(address string) int {
	response, err := http.Get("http://" + address)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	found, _ := readOrder(response.Body)
	_, _ = io.Copy(io.Discard, response.Body)
	return len(found.Items)
}

func main() {
	address := verdictPeer(serveOrders)
	verdictStart()
	verdictEvery(100, func(int) { fetchOrder(address) })
}
