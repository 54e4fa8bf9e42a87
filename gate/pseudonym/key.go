package pseudonym

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// MinKey is how many bytes a key has at the least.
const MinKey = 32

// ReadKey reads a key as it stands in a file or an environment variable: one line
// of base64 (RFC 4648, either alphabet, padded or not) or of hexadecimal, space
// around it left out, of at least [MinKey] bytes. The error tells nothing of it.
//
// A text of hexadecimal digits alone is hexadecimal, though it may be base64 too.
func ReadKey(b []byte) ([]byte, error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, errors.New("the key is empty")
	}
	key := make([]byte, len(b))
	n, err := hex.Decode(key, b)
	if err != nil {
		bare := bytes.TrimRight(b, "=")
		enc := base64.RawStdEncoding
		if bytes.ContainsAny(bare, "-_") {
			enc = base64.RawURLEncoding
		}
		if n, err = enc.Decode(key, bare); err != nil {
			return nil, errors.New("the key is neither one line of base64 nor one of hexadecimal")
		}
	}
	if n < MinKey {
		return nil, fmt.Errorf("the key has %d bytes, and must have at least %d", n, MinKey)
	}
	return key[:n], nil
}
