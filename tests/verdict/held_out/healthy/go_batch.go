// Rows are collected for ten seconds and then written: a slice that grows and is let go.
// expect: quiet
package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

var rows [][]string

func addRow(number int) {
	rows = append(rows, []string{fmt.Sprint(number), strings.Repeat("text ", 300)})
}

func writeRows() {
	_ = csv.NewWriter(io.Discard).WriteAll(rows)
	rows = nil
}

func main() {
	next := 10.0
	verdictStart()
	verdictEvery(200, func(number int) {
		addRow(number)
		if verdictTime() > next {
			writeRows()
			next += 10
		}
	})
}
