// Package gate is the vocabulary of Waybill: its nouns, one word each, and the
// rules that hold of them. It is pure: no files, no network, no clock, no chance.
//
//	stimulus    one recorded inbound message that made production act
//	corpus      stimuli on disk, with what production sent because of them where
//	            that was recorded too; pinned by digest
//	build       a version of the software under test, in a role
//	message     one transmission that a build attempted: one SMTP transaction,
//	            one HTTP request
//	recipient   a typed, canonical identity with a role
//	delivery    one message to one recipient: the unit that is compared
//	part        one addressable piece of a payload: header/subject, text,
//	            query/dl, json/$.user.name
//	fact        a value inside a part that identifies or belongs to somebody
//	run         the evidence of one replay against one build
//	gap         something that was not seen, or not seen whole
//	mask        a volatile value hidden before comparison, with the rule that hid it
//	change      a stated difference between two runs, without opinion
//	finding     a check's opinion of one or many changes
//	approval    a person's recorded acceptance of one finding
//	verdict     pass, blocked or undecided
//
// A message goes through three forms, each made from the one before it and
// nothing else: [Message] is evidence, bytes as they came; [Decoded] is what its
// protocol says of it, who was addressed and which payloads were carried;
// [Canonical] is what is compared, recipients and parts with encodings undone.
//
// What is not guaranteed here: that a value belongs to the person that an
// [Exposure] names. An owner is who alone had the value in production, which is
// evidence, weighed in bits, and not proof.
package gate
