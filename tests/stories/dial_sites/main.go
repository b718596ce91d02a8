// dial_sites: ten call sites that ask services over gRPC; three of them dial for each call, and close nothing.
package main

import (
	"flag"
	"net/http"
	"time"

	"example.com/stories/dial_sites/backends"
	"example.com/stories/internal/load"
)

func main() {
	server := flag.String("server", "", "address of the services")
	fixed := flag.Bool("fixed", false, "reuse connections everywhere")
	period := flag.Duration("period", 25*time.Millisecond, "between two requests")
	flag.Parse()
	mux := http.NewServeMux()
	paths := backends.New(*server, *fixed).Register(mux)
	load.Run(mux, paths, *period)
}
