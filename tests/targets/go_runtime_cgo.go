// Makes of go_runtime_puppet.go a program with C code in it, which is linked dynamically.
package main

import "C"
