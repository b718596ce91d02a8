// A loop that never ends, with a deferred Close in it: the files stay open. Two a second.
// expect: leak of fd
package main

import (
	"bufio"
	"os"
	"time"
)

func firstLine(file *os.File) string {
	line, _ := bufio.NewReader(file).ReadString('\n')
	return line
}

func watchLoad(path string) {
	for {
		file, err := os.Open(path) // LEAK HERE
		if err != nil {
			return
		}
		defer file.Close()
		if firstLine(file) == "" {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func main() {
	verdictStart()
	watchLoad("/proc/loadavg")
}
