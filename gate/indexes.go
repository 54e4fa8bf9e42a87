package gate

import "strings"

// WithoutIndexes returns the name of a part without the indexes of arrays in it:
// "body/$.items[3].id" is "body/$.items[].id".
func WithoutIndexes(part string) string {
	if strings.IndexByte(part, '[') < 0 {
		return part
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		b.WriteByte(part[i])
		if part[i] != '[' {
			continue
		}
		end := i + 1
		for end < len(part) && '0' <= part[end] && part[end] <= '9' {
			end++
		}
		if end < len(part) && part[end] == ']' {
			i = end - 1
		}
	}
	return b.String()
}
