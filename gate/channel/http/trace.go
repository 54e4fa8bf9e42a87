package http

import (
	"crypto/sha256"
	"encoding/hex"
)

// Trace is the trace id (W3C Trace Context, 3.2.2.3) that the driver gives to a
// stimulus that carries none: the first 16 bytes, in lower-case hex, of SHA-256
// over "waybill trace" and the stimulus id, joined by a zero byte. A build that
// carries it through to what it sends thereby names the cause of each message.
func Trace(stimulusID string) string {
	sum := traceSum(stimulusID)
	return hex.EncodeToString(sum[:16])
}

// appendTraceparent appends the header's value; the parent id is the next 8 bytes
// of the sum.
func appendTraceparent(b []byte, stimulusID string) []byte {
	sum := traceSum(stimulusID)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, sum[:16])
	b = append(b, '-')
	b = hex.AppendEncode(b, sum[16:24])
	return append(b, "-01"...)
}

func traceSum(stimulusID string) [sha256.Size]byte {
	b := append(make([]byte, 0, 128), "waybill trace\x00"...)
	return sha256.Sum256(append(b, stimulusID...))
}
