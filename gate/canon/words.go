package canon

import "github.com/waybill-dev/waybill/gate/decode"

// What canonical form has its own short words for stands in gate/decode.

func decodeWords(s string) string   { return decode.EncodedWords(s) }
func decodePhrases(s string) string { return decode.EncodedPhrases(s) }
func collapse(s string) string      { return decode.Collapse(s) }
func latin1(raw []byte) []byte      { return decode.Latin1(raw) }

func latin(raw []byte) (text []byte, lossy bool) { return decode.Latin(raw) }

func decodeCharset(raw []byte, label string) (text []byte, lossy, known bool) {
	return decode.Charset(raw, label)
}
