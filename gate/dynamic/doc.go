// Package dynamic follows values that a build gives in its answers and that come
// back to it: a session cookie, a token against forgery, the id of something that
// was made. In a replay each is replaced by what the build under test gave in its
// place, so that two builds, each with values of its own, can be asked the same.
//
// # Places
//
// A place names where in an answer of HTTP a value stands:
//
//	cookie/session       the value of a cookie that Set-Cookie sets
//	header/x-csrf-token  a header field of the application's own; names in lower case
//	location/path[1]     a segment of the path of Location, from 0
//	location/query/id    a value in its query
//	input/csrf           the value of a hidden input of HTML
//	meta/csrf-token      the content of a meta element of HTML
//	json/$.order.id      a string or number of JSON, named as parts are
//	text                 a short answer of type text/plain, as a whole
//
// A cookie, input or meta that occurs again is input/csrf[1], input/csrf[2] and so on.
//
// # What is learnt
//
// A [Learner] remembers the values of answers, and binds those that a later stimulus
// holds. So that words and small numbers are not bound by accident, a value counts
// that looks made and not chosen: a cookie, hidden input, meta or header of eight
// characters; anywhere else, eight characters with a digit among them or letters of
// both cases inside, six where it has letters and digits, or a number of five digits.
// Dates, addresses, URLs and text with spaces are never learnt by themselves, nor is
// what the stimulus itself had sent. Places in Options.Learn are learnt however short
// their values are, and those in Options.Ignore never; a "*" at the end of either
// stands for anything.
//
// Of answers that gave a value, one to a stimulus of the same key is taken before
// any other, and of those the latest.
//
// # What is not guaranteed
//
// A value that a program computes from one that it was given, such as a signature,
// is not found. Values are looked for at the boundaries of words, so a number is not
// replaced within a longer one, but every place where the value itself stands is.
package dynamic
