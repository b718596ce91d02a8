// Asks a service ten times a second; when it answers 404, one time of five, the body is not closed: the connection and its two
// goroutines stay.
// expect: leak of socket goroutine
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

func servePrices(listener net.Listener) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "0") || strings.HasSuffix(r.URL.Path, "5") {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprintln(w, strings.Repeat("price ", 100))
	})
	_ = http.Serve(listener, nil)
}

func fetchPrice(address string, article int) (string, error) {
	response, err := http.Get(fmt.Sprintf("http://%s/price/%d", address, article)) // LEAK HERE
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func main() {
	address := verdictPeer(servePrices)
	verdictStart()
	verdictEvery(10, func(number int) {
		if price, err := fetchPrice(address, number); err == nil && price == "" {
			fmt.Println("no price")
		}
	})
}
