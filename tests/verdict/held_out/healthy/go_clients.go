// One HTTP client for all, whose idle connections are closed every eight seconds; 20 requests a second, several at once.
// expect: quiet
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

func serveItems(listener net.Listener) {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(100 * time.Millisecond)
		fmt.Fprint(w, strings.Repeat("item ", 500))
	})
	_ = http.Serve(listener, nil)
}

func fetch(client *http.Client, address string) (int, error) {
	response, err := client.Get("http://" + address)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return len(text), err
}

func main() {
	address := verdictPeer(serveItems)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}}
	next := 8.0
	verdictStart()
	verdictEvery(20, func(int) {
		go func() { _, _ = fetch(client, address) }()
		if verdictTime() > next {
			client.CloseIdleConnections()
			next += 8
		}
	})
}
