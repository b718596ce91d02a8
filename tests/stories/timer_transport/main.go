// timer_transport: a timer job that makes an http.Transport for each run and asks two hosts over TLS. Each run leaves two idle
// connections behind, with two goroutines each: four more every period.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var shared = newClient()

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// refreshPrices is the job.
func refreshPrices(server string, fixed bool) {
	client := shared
	if !fixed {
		client = newClient()
	}
	for _, url := range []string{"https://" + server + "/prices", "https://" + strings.Replace(server, "127.0.0.1", "localhost", 1) + "/stock"} {
		response, err := client.Get(url)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func main() {
	server := flag.String("server", "", "address of the HTTPS server")
	fixed := flag.Bool("fixed", false, "use one transport for all runs")
	period := flag.Duration("period", 5*time.Second, "between two runs")
	flag.Parse()
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	timer := time.NewTicker(*period)
	for i := 0; ; i++ {
		refreshPrices(*server, *fixed)
		if i == 0 {
			fmt.Println("DONE ready")
		}
		select {
		case <-ended:
			return
		case <-timer.C:
		}
	}
}
