package gate

// An Ask says of an [Outcome] that it answers no stimulus of the corpus: the gate asked by
// itself, for a link that the build had sent, or once more for what a stimulus asked for.
type Ask struct {
	Door    string      `json:"door,omitempty"`
	Request string      `json:"request,omitempty"` // the request line
	As      string      `json:"as,omitempty"`      // id of a stimulus with whose session it was asked
	To      []Recipient `json:"to,omitempty"`      // who is shown the answer, without roles, where no stimulus says it
	Link    string      `json:"link,omitempty"`    // as it was sent; of the answer to a redirect, the link that led there

	// Of links that were not asked for.
	Skipped string `json:"skipped,omitempty"` // why; names nobody
	Channel string `json:"channel,omitempty"` // of the messages that held them
	Sink    string `json:"sink,omitempty"`
	Class   string `json:"class,omitempty"`
	Count   uint64 `json:"count,omitempty"` // how many
}
