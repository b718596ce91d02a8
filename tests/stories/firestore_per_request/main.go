// firestore_per_request: a service of many call sites, one of which makes a Firestore client for each request and never closes it.
// Its users see memory, goroutines and connections climb inside of gRPC, far from that line.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"example.com/stories/firestore_per_request/api"
	"example.com/stories/internal/load"
)

func main() {
	server := flag.String("server", "", "address of the store")
	fixed := flag.Bool("fixed", false, "use one client everywhere")
	period := flag.Duration("period", 50*time.Millisecond, "between two requests")
	flag.Parse()
	service, err := api.New(context.Background(), *server, *fixed)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	paths := service.Register(mux)
	load.Run(mux, paths, *period)
}
