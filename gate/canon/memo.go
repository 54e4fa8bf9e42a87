package canon

import "strings"

// A memo remembers what was worked out of short strings, of which the same few come
// in message after message: names of header fields, addresses of senders.
type memo map[string]string

const (
	maxMemo     = 4096 // strings that are remembered
	maxMemoText = 128  // bytes of each
)

// put remembers that key gives value, and returns value. Neither memory is shared.
func (m *memo) put(key, value string) string {
	if len(key) > maxMemoText || len(value) > 2*maxMemoText {
		return value
	}
	if *m == nil || len(*m) >= maxMemo {
		*m = make(memo)
	}
	value = strings.Clone(value)
	(*m)[strings.Clone(key)] = value
	return value
}
