// Ten kinds of callers of a service; most share a client, two dial for each call and do not close. A call of theirs a second.
// expect: leak of socket goroutine
package main

import (
	"net"
	"net/rpc"
)

type Stock struct{}

func (Stock) Count(article int, count *int) error {
	*count = article % 7
	return nil
}

func serveStock(listener net.Listener) {
	_ = rpc.Register(Stock{})
	rpc.Accept(listener)
}

var shared *rpc.Client

func dial(address string) *rpc.Client {
	client, err := rpc.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	return client
}

func count(client *rpc.Client, article int) (found int) {
	_ = client.Call("Stock.Count", article, &found)
	return found
}

func listArticles(address string, article int) int { return count(shared, article) }

func addToCart(address string, article int) int {
	client := dial(address) // LEAK HERE
	return count(client, article)
}

func checkOut(address string, article int) int {
	client := dial(address) // LEAK HERE
	return count(client, article)
}

func handleRequest(address string, number int) {
	switch number % 10 {
	case 3:
		addToCart(address, number)
	case 7:
		checkOut(address, number)
	default:
		listArticles(address, number)
	}
}

func main() {
	address := verdictPeer(serveStock)
	shared = dial(address)
	verdictStart()
	verdictEvery(5, func(number int) { handleRequest(address, number) })
}
