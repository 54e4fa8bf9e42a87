// Package fields is the one table of header fields, of mail and of HTTP, and the one
// reading of the values that are new each time by nature: ids, dates, digests.
//
// What a field is, who owns a change of it, and what a user's mask may not reach are
// properties of the field, and stand in its row. [Of] finds the row by the field's name,
// [Part] by the name of a part of a message. A field that the table does not hold is a
// [Value] with nothing special about it, so that it is compared.
//
// A name alone hides nothing. Whether a value may be left out of a comparison is asked of
// the value: see [TraceID], [MessageID] and the other shapes.
package fields
