// Package shard replays a corpus in parts, on as many machines, and puts the runs
// together again: then they are judged as if one machine had replayed it all.
//
// A shard is told by the stimulus, never by a recipient: stimuli of one session,
// and of sessions that values are carried over between, stay together and in order.
// A shard leaves a folder with its runs and a [Manifest]. [Merge] takes the folders
// of all shards, and nothing less: a shard that is missing or there twice, a digest
// that differs, or counts that do not add up are a [MismatchError], and what was
// replayed is then not judged.
package shard
