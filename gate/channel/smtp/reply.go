package smtp

import (
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// asked says what kind of stimulus a mail is: each is one transaction.
func asked(*gate.Stimulus) string { return "mail" }

// readReply takes apart what a build answered to a transaction: the code of the last reply, and,
// for each line of the replies in order, reply/code with its enhanced status code (RFC 2034). The
// words behind it, with names of queues and of servers, are hidden, and asked for people's facts.
func readReply(o *gate.Outcome) (gate.Decoded, error) {
	d := gate.Decoded{Fields: []gate.Part{{Name: "status", Kind: gate.Value, Value: strconv.Itoa(o.Status)}}}
	hidden := gate.Masked{Rule: "reply-text", Part: "reply/text"}
	for line := range strings.Lines(string(o.Head)) {
		line = strings.TrimRight(line, "\r\n")
		code, text := line, ""
		if len(line) > 3 {
			code, text = line[:3], line[4:]
		}
		if enhanced, rest, _ := strings.Cut(text, " "); isEnhanced(enhanced) {
			code, text = code+" "+enhanced, rest
		}
		d.Fields = append(d.Fields, gate.Part{Name: "reply/code", Kind: gate.Value, Value: code})
		text = strings.ToValidUTF8(text, "\uFFFD")
		hidden.Count, hidden.Bytes = hidden.Count+1, hidden.Bytes+uint64(len(text))
		d.Hidden = append(d.Hidden, gate.Hidden{Rule: hidden.Rule, Part: hidden.Part, Value: text})
	}
	if hidden.Count > 0 {
		d.Masks = []gate.Masked{hidden}
	}
	if o.Cut > 0 {
		d.Gaps = append(d.Gaps, gate.Gap{Kind: gate.GapCutBody, Where: "answer", Detail: strconv.FormatInt(o.Cut, 10) + " bytes of the answer were not kept", Stimulus: o.Stimulus})
	}
	return d, nil
}
