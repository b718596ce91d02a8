// A job makes a client with a transport of its own for each run; each transport keeps its connection. One run a second.
// expect: leak of socket goroutine
package main

import (
	"encoding/json"
	"net"
	"net/http"
	"time"
)

type status struct {
	Healthy bool
	Detail  []string
}

func serveStatus(listener net.Listener) {
	http.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(status{true, make([]string, 20)})
	})
	_ = http.Serve(listener, nil)
}

func fetchStatus(address string) (status, error) {
	var result status
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 10}, Timeout: 5 * time.Second}
	response, err := client.Get("http://" + address + "/status") // LEAK HERE
	if err != nil {
		return result, err
	}
	defer response.Body.Close()
	return result, json.NewDecoder(response.Body).Decode(&result)
}

func runJob(address string) {
	if found, err := fetchStatus(address); err == nil && !found.Healthy {
		println("not healthy")
	}
}

func main() {
	address := verdictPeer(serveStatus)
	verdictStart()
	verdictEvery(1, func(int) { runJob(address) })
}
