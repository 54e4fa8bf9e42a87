package main

import (
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Bounds of what waits for the next append: records, and bytes of their bodies before
// the last.
const (
	batchRecords = 256
	batchBytes   = 4 << 20
)

// A batch appends records to a tape many at once.
type batch struct {
	w       *tape.Writer
	records []*gate.Record
	bytes   int
}

func (b *batch) append(r *gate.Record) error {
	b.records = append(b.records, r)
	switch {
	case r.Stimulus != nil:
		b.bytes += len(r.Stimulus.Body)
	case r.Message != nil:
		b.bytes += len(r.Message.Body)
	}
	if len(b.records) < batchRecords && b.bytes < batchBytes {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	err := b.w.Append(b.records...)
	clear(b.records)
	b.records, b.bytes = b.records[:0], 0
	return err
}
