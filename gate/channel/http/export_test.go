package http

// ReadCapped is what limits every body, from either side.
var ReadCapped = readCapped

// ErrEndless is its error.
var ErrEndless = errEndless
