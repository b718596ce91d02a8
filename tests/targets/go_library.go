// go_library: Go code that a program in another language loads.
package main

import "C"

//export go_library_answer
func go_library_answer() C.int { return 42 }

func main() {}
