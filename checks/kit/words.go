package kit

import (
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/gate"
)

// N words a count: "1 person", "2 people".
func N(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// People words a count of people.
func People(n int) string { return N(n, "person", "people") }

// Deliveries words a count of deliveries.
func Deliveries(n int) string { return N(n, "delivery", "deliveries") }

// Answers counts answers: "1 answer".
func Answers(n int) string { return N(n, "answer", "answers") }

// Lifetime ranks how long something is kept, by a word of [gate.Lifetimes]: at least 0. A word that
// is not known is longest.
func Lifetime(word string) int {
	words := gate.Lifetimes()
	if i := slices.Index(words, word); i >= 0 {
		return i
	}
	return len(words)
}

// Whom words who is meant: "2 people", "1 outside party", "2 people and 1 outside
// party", and "nobody" where there is neither.
func Whom(people, parties int) string {
	switch {
	case people == 0 && parties == 0:
		return "nobody"
	case parties == 0:
		return People(people)
	case people == 0:
		return N(parties, "outside party", "outside parties")
	}
	return People(people) + " and " + N(parties, "outside party", "outside parties")
}

// Is picks a verb's form for a count.
func Is(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
