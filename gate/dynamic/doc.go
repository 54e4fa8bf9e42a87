// Package dynamic follows values that a build gives in its answers and messages and that
// come back to it: a session cookie, a token against forgery, the id of something that was
// made, the key of a mailed link. In a replay each is replaced by what the build under test
// gave in its place, so that two builds, each with values of its own, can be asked the same.
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
//	link/reset?key       a value in the query of a link in a page, by the path that it leads to
//	link/confirm/#       a segment of its path; segments that look made are "#"
//	data/token           a data attribute of HTML
//	script/nonce         a member or an assignment in a script
//	xml/order/@id        a text or an attribute of XML, by the names of its elements
//
// and in a message, with its encodings undone, these and:
//
//	text/your code       a word that looks made, by the two words before it
//	field/x-ticket       a field of the mail's header
//	form/Body            a value of a form
//
// A cookie, input or meta that occurs again is input/csrf[1], input/csrf[2] and so on.
//
// # What is learnt
//
// A [Learner] remembers the values of answers and messages, and binds those that a later stimulus
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
// any other, and of those the latest. Where links, data, scripts or XML of pages repeat a
// value, the first answer counts. A message counts where no answer gave the value, and not
// for what a stimulus had brought before.
//
// # Messages
//
// Which message is meant is said by whom it goes to, by the words of its cause that it
// repeats, and by counting those of one kind: see [gate.Sent]. Its cause is the stimulus that
// was under way when it was sent, before others one that names who gets it. Where a release
// links or words otherwise, what stands at a place like the recorded one is taken.
//
// # What is not guaranteed
//
// A value that a program computes from one that it was given, such as a signature,
// is not found. Values are looked for at the boundaries of words, so a number is not
// replaced within a longer one, but every place where the value itself stands is.
package dynamic
