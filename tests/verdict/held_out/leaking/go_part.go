// The first bytes of each upload are kept, and with them all of it: 400 KiB a second.
// expect: leak of go_heap
package main

import (
	"bytes"
	"io"
	"strings"
)

var magicNumbers [][]byte

func readUpload(body io.Reader) []byte {
	var upload bytes.Buffer
	upload.Grow(40 << 10)        // LEAK HERE
	_, _ = upload.ReadFrom(body) // LEAK HERE
	return upload.Bytes()
}

func handleUpload(int) {
	upload := readUpload(strings.NewReader(strings.Repeat("%PDF", 9000)))
	magicNumbers = append(magicNumbers, upload[:4])
}

func main() {
	verdictStart()
	verdictEvery(10, handleUpload)
}
