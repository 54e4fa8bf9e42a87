// Package corpus does what is done with corpora as a whole: cut one in parts, join
// several, take a sample, remove what is old, find one stimulus, count what is in
// them. What comes out is a corpus again, whose header says what it was made of.
//
// Everything streams: a tape is read once to check it, which is when it is pinned by
// its digest, and then once or twice more. Memory grows with the sessions that are
// chosen by themselves and with the stimuli that others are bound to, by some tens of
// bytes for each, and not with the bytes of the tape.
//
// # Sessions
//
// Stimuli of one key are a session, and so are a stimulus and those that are bound to
// what the build answered to it. Where a part of a corpus is taken, sessions are kept
// whole or left out whole: the second half of one cannot be replayed.
//
// # What is never lost
//
// Gaps of a corpus go into everything that is made of it, added up: that something was
// not recorded is as true of each part. The people in a corpus stay what they were, at
// the worst; the day until which it may be kept is the earliest; and a corpus that
// cannot be read by everybody is not written so that it can, unless that is asked for.
package corpus
