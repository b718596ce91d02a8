// What the Go programs of the verdict matrix share, see verdict.h. Each is built from its own file and this one.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const peerVariable = "VERDICT_PEER"

var (
	verdictBegin   time.Time
	verdictStretch = 1.0
)

func endWithInput() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
}

func verdictStart() {
	if len(os.Args) > 1 {
		if seconds, err := strconv.ParseFloat(os.Args[1], 64); err == nil && seconds > 0 {
			verdictStretch = seconds / 60
		}
	}
	endWithInput()
	verdictBegin = time.Now()
	fmt.Println("READY")
}

// verdictTime is the time since the start, as if the program were watched for a minute.
func verdictTime() float64 { return time.Since(verdictBegin).Seconds() / verdictStretch }

// verdictEvery calls work so many times a second, for ever, each time with the next number.
func verdictEvery(perSecond float64, work func(number int)) {
	next := time.Now()
	for number := 0; ; number++ {
		work(number)
		next = next.Add(time.Duration(float64(time.Second) / perSecond))
		if behind := time.Since(next); behind > time.Second {
			next = time.Now()
		}
		time.Sleep(time.Until(next))
	}
}

// verdictPeer starts this program a second time, as the other end of connections on loopback, and returns its address. In that
// second process it calls serve and does not return.
func verdictPeer(serve func(net.Listener)) string {
	if os.Getenv(peerVariable) != "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			os.Exit(3)
		}
		endWithInput()
		fmt.Println(listener.Addr())
		serve(listener)
		os.Exit(0)
	}
	peer := exec.Command("/proc/self/exe")
	peer.Env = append(os.Environ(), peerVariable+"=1")
	peer.Stdin = os.Stdin
	output, err := peer.StdoutPipe()
	if err == nil {
		err = peer.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	address, _ := bufio.NewReader(output).ReadString('\n')
	return strings.TrimSpace(address)
}
