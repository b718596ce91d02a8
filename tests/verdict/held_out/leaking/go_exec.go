// Runs a program a second, reads its output and never waits for it: a pipe and a child stay.
// expect: leak of fd
package main

import (
	"bufio"
	"os/exec"
)

var running []*exec.Cmd

func firstLine(name string, arguments ...string) (string, error) {
	command := exec.Command(name, arguments...)
	output, err := command.StdoutPipe() // LEAK HERE
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil { // LEAK HERE: the child's handle
		return "", err
	}
	running = append(running, command)
	return bufio.NewReader(output).ReadString('\n')
}

func main() {
	verdictStart()
	verdictEvery(1, func(int) { _, _ = firstLine("cat", "/proc/loadavg") })
}
