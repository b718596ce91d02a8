// Package load makes requests to a story's own handlers at a steady rate until the program's standard input ends.
package load

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Run serves handler on loopback and asks for one of paths after the other, `period` apart. It says DONE once all were asked for.
func Run(handler http.Handler, paths []string, period time.Duration) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, handler)
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	client := &http.Client{}
	for i := 0; ; i++ {
		if i == len(paths) {
			fmt.Println("DONE ready")
		}
		ask(client, "http://"+listener.Addr().String()+paths[i%len(paths)])
		select {
		case <-ended:
			return
		case <-time.After(period):
		}
	}
}

func ask(client *http.Client, url string) {
	response, err := client.Get(url)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		panic(url + ": " + string(text))
	}
}
