// Package tape keeps evidence on disk: a corpus or a run, one format for both.
//
// A tape is append-only. Its first record is a [gate.Header], its last a
// [gate.Footer] whose counts equal what stands between them. [Writer.Append]
// returns nil only for records that survive a kill of the process; a [Reader]
// ends in io.EOF only after a footer that agrees with what it read. A tape that
// ends early is a [TornError], bytes that are not as they were written are a
// [DamagedError], and both say where. Nothing is repaired and nothing is skipped.
//
// # Format, version 1
//
// All integers are little-endian. A tape is a prefix of 16 bytes and then frames:
//
//	prefix  u32 0x184D2A5B, u32 8, "waybill", u8 version
//	frame   header of 40 bytes, then one zstd frame (RFC 8878) of records
//	header  u32 0x184D2A5B, u32 32, u64 offset of this frame in the file,
//	        u32 bytes of the zstd frame, u32 bytes of its records undone,
//	        u32 how many records, u32 zero,
//	        u32 CRC-32C of the zstd frame, u32 CRC-32C of the 36 bytes before it
//	record  u32 bytes that follow the first 13, u8 kind, u32 bytes of meta,
//	        u32 bytes of head, meta, head, body
//	kind    1 header, 2 stimulus, 3 message, 4 outcome, 5 gap, 6 footer
//	meta    the record's value as JSON, without its Head and Body
//
// The prefix and the headers are skippable frames of RFC 8878, section 3.1.2, so
// that a tape is also a plain zstd stream: zstdcat prints its records, readable
// though not parseable, where there is no waybill at hand. [Cat] prints them as
// JSON Lines.
//
// # Format, version 2
//
// A tape that [Options].Recipients can read, and nobody else, differs in this. It is
// made of files of age (https://age-encryption.org/v1), which the age program opens
// where there is no waybill at hand. A block is a header as above that declares no
// records and, as its bytes of records, those of the block; then these bytes.
//
//	prefix   version 2
//	keys     block: u32 bytes of JSON, {"recipients":[fingerprints]}, then an age file
//	         for the recipients of 43 characters, which are the secret of this tape
//	         and of no other, "\n", and the JSON again
//	frame    header as above, then an age file, whose passphrase is the secret, of
//	         u64 offset of this frame in the file, and the zstd frame
//	trailer  block: {"stimuli":n,"messages":n,"outcomes":n,"gaps":n,"digest":"sha256:..."},
//	         then its HMAC-SHA256 under the HKDF-SHA256 of the secret (RFC 5869; no salt,
//	         info "waybill tape trailer", 32 bytes)
//
// The age file of a frame is complete when the frame is written, so that what was
// acknowledged can be decrypted whatever happens next. Only who knows the secret can
// make a frame or a trailer that is taken for one of this tape, and a frame holds for
// one place alone. Who can read a tape can therefore also forge it: of its recipients
// any may have written it.
//
// Without a key there shows: how many records each frame has and its bytes, the
// fingerprints of the recipients, and what the trailer claims ([Inspect]). The [Digest]
// is that of the same records in the clear. Who already has the records, or can guess
// them all, can confirm by it that it is these.
//
// A flipped bit is seen by a checksum, a frame that was moved or repeated by its
// offset, one that was removed by the offsets after it or by the footer's counts.
// Checksums are against accidents; against intent a tape is pinned by its [Digest].
//
// # Limits
//
// A record is at most [MaxRecord] bytes. Records share a frame up to 256 KiB, and
// a larger one has a frame of its own. A frame undoes to at most 64 KiB or 1,000 times
// its size: what compresses better is stored as it is. A reader checks all of these,
// and the size of the file, before it allocates.
//
// Strings of a record must be valid UTF-8; Head and Body may be any bytes. An
// empty slice or map reads back as nil.
//
// # What is not guaranteed
//
// Without [Options].Sync a record that Append acknowledged survives the end of the
// process in any way, but not a loss of power. Locks are flock(2): processes that
// do not ask for them, and some network file systems, are not held back by them.
package tape
