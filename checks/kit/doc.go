// Package kit is what checks share: whose business an edit group is, how changes
// are gathered into findings, and how counts are worded.
//
// Every edit group of a comparison belongs to exactly one check ([Territory]),
// and [PersonalContent] and [Wording] between them own what nobody else does. So
// no edit is judged by nobody, whatever its part is called.
package kit
