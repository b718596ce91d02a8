// Part of the puppet go_tracing_puppet.go: functions whose handle is not the first word of what they take or return.
package main

import (
	"errors"
	"io"
	"strconv"
)

var used int

type Door struct{ name string }

//go:noinline
func (d *Door) Close() error { used++; return nil }

// The first word names the type that the interface holds.
//
//go:noinline
func NewDoor(fail bool) (io.Closer, error) {
	if fail {
		return nil, errors.New("no door")
	}
	return &Door{}, nil
}

//go:noinline
func NewAny() any { return &Door{} }

// An interface that is made of another one: its table of methods is found at run time, and may be anywhere.
//
//go:noinline
func NewConverted() io.Closer {
	var made any = &Door{}
	return made.(interface {
		Close() error
	})
}

//go:noinline
func CloseAny(what any) { used++ }

//go:noinline
func NewNumbered(number int) (int, *Door, error) { return number, &Door{}, nil }

//go:noinline
func NewNamed(name string) (string, *Door) { return name + "!", &Door{name} }

//go:noinline
func HandOn(name string) (*Door, error) {
	_, door := NewNamed(name)
	return door, nil
}

func handOnInlined(name string) *Door {
	_, door := NewNamed(name)
	return door
}

//go:noinline
func UseHandedOn() int {
	door := handOnInlined("front")
	return len(door.name)
}

type Wrapped struct{ door *Door }

//go:noinline
func NewWrapped() Wrapped { return Wrapped{&Door{}} }

//go:noinline
func (w Wrapped) End() { w.door.Close() }

type Several struct{ door, other *Door }

//go:noinline
func NewSeveral() Several { return Several{&Door{}, &Door{}} }

//go:noinline
func (s Several) End() { s.other.Close() }

type Odd struct {
	none  struct{}
	one   [1]*Door
	what  io.Closer
	speed float32
}

//go:noinline
func NewScattered() ([2]int, float64, Odd) { used++; return [2]int{}, 1, Odd{} }

//go:noinline
func OpenNumber(number int) int { return number }

//go:noinline
func CloseNumber(number int) { used += number }

type Pool[T any] struct{ given []*T }

//go:noinline
func (p *Pool[T]) Get() *T { return new(T) }

//go:noinline
func (p *Pool[T]) Put(what *T) { p.given = append(p.given, what) }

//go:noinline
func NewPool[T any]() *Pool[T] { return &Pool[T]{} }

//go:noinline
func (p *Pool[T]) Empty() { p.given = nil }

//go:noinline
func DropPool[T any](p *Pool[T]) { p.given = nil; used++ }

// Half of what each makes is given back.
//
//go:noinline
func useHandles(n int) {
	NewScattered()
	if n < 0 { // who hands on what is given is told from the file alone
		door, _ := HandOn("back")
		used += UseHandedOn() + len(door.name)
	}
	words, numbers := &Pool[string]{}, &Pool[int]{}
	for i := 1; i <= n; i++ {
		one, _ := NewDoor(false)
		two, _ := NewDoor(false)
		NewDoor(true)
		two.Close()
		three := NewAny()
		CloseAny(NewAny())
		four := NewConverted()
		NewConverted().Close()
		_, five, _ := NewNumbered(i)
		_, six, _ := NewNumbered(i)
		six.Close()
		name, seven := NewNamed(strconv.Itoa(i))
		_, eight := NewNamed(name)
		eight.Close()
		nine := NewWrapped()
		NewWrapped().End()
		ten := NewSeveral()
		NewSeveral().End()
		CloseNumber(OpenNumber(i))
		eleven := OpenNumber(100 + i)
		words.Put(words.Get())
		numbers.Put(numbers.Get())
		twelve, thirteen := words.Get(), numbers.Get()
		fourteen := NewPool[string]()
		DropPool(NewPool[string]())
		NewPool[int]().Empty()
		fifteen := NewPool[int]()
		kept = append(kept, one, three, four, five, seven, nine, ten, eleven, twelve, thirteen, fourteen, fifteen)
	}
}
