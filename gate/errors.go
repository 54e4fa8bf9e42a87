package gate

import "strconv"

// An InvalidError says which kind of value was given a wrong one.
type InvalidError struct{ What, Value string }

func (e *InvalidError) Error() string { return "invalid " + e.What + " " + strconv.Quote(e.Value) }
