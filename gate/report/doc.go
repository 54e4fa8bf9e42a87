// Package report renders a verdict for people and for machines.
//
// Everything in a verdict that came from a message is hostile: addresses,
// subjects, paths, payloads. [Terminal] and [Explain] print none of it as it
// came. Whatever a terminal might obey or hide (control characters, escape
// sequences, bidirectional and zero-width characters, piles of combining marks,
// invalid UTF-8, newlines) is shown as a Go escape, and no line can be read as a
// command by the log of a continuous integration service. [JSON] keeps values
// whole and escapes the same characters by JSON's own means.
//
// Where [Options.Names] is false nobody is named: people become and so
// on, outside parties P-1, P-2, and text that came out of a message is left out.
// What is not guaranteed then: that the name of a JSON key or of a form field,
// which is the software's own word, is not also somebody's name.
package report

// Options say how to render.
type Options struct {
	Color bool // ANSI colours; meaning never rests on them alone
	Width int  // runes in a line; 0 is 100, less than 40 is read as 40

	// Names shows recipients and text of messages. Without it every recipient is
	// masked and text of messages is left out.
	Names bool

	// People are names and addresses by [gate.Recipient.ID], shown behind ids where Names is true.
	People map[string]string

	// Key makes masks that stay the same over reports: R- and 6 hexadecimal digits
	// of HMAC-SHA256, more where two would be the same. Without it masks are
	// numbered in the order of the verdict's findings, so that a person has one
	// label in every kind of report.
	Key []byte

	// AllowDomains are domains whose hosts, and those below them, are shown as
	// outside parties although Names is false.
	AllowDomains []string

	Verbose    bool // everything, and not one screen of it
	ReportOnly bool // a release that is blocked is only reported
	Budget     int  // characters of Markdown; 0 is [DefaultBudget]

	Limit int      // names in a list before "and N more"; 0 is 5
	Next  []string // commands to type next
}

func (o *Options) width() int {
	switch {
	case o.Width == 0:
		return 100
	case o.Width < 40:
		return 40
	}
	return o.Width
}

func (o *Options) limit() int {
	if o.Limit <= 0 {
		return 5
	}
	return o.Limit
}
