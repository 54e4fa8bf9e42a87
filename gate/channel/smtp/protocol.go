// Package smtp is mail over SMTP (RFC 5321): a sink that takes mail from a build,
// a driver that sends mail into a build, and the reading of what was taken.
//
// # Head and Body
//
// Head is the HELO or EHLO line, the MAIL line and the RCPT lines of one
// transaction, byte for byte as they came, each ended CRLF. Body is the message
// with its dot stuffing undone (RFC 5321, 4.5.2) and nothing else done to it: bare
// CR, bare LF, NUL and lines of any length stay.
//
// # Where data ends
//
// Only CRLF "." CRLF ends DATA. A dot between other line ends (LF "." LF,
// LF "." CRLF, CR "." CR and the like), at which some servers end a message and
// run what follows as commands, is text here. Dots are unstuffed after CRLF
// alone, and the driver stuffs after CRLF alone: what a sink took down and the
// driver sends again is the same run of bytes on the wire. The exception is a body
// without a final CRLF, which BDAT (RFC 3030) can carry and DATA cannot: the
// driver sends DATA, and ends such a body with CRLF.
//
// # What the driver leaves out
//
// Parameters of MAIL and RCPT are sent as they were recorded. Left out are only
// those that the build does not offer and that a client must then not send: SIZE
// (RFC 1870), BODY=7BIT and BODY=8BITMIME (RFC 6152), and RET, ENVID, NOTIFY and
// ORCPT (RFC 3461). Each is named in a line of Outcome.Head that begins with "#".
// None of them changes who receives the message; NOTIFY changes who receives
// notices about it. Every other parameter is sent, offered or not, and the build's
// refusal is its answer.
package smtp

import "github.com/waybill-dev/waybill/gate/channel"

// Name of the protocol, in Message.Channel and Stimulus.Channel.
const Name = "smtp"

// Protocol is SMTP with all its faces.
func Protocol() channel.Protocol {
	return channel.Protocol{
		Name:   Name,
		Doc:    "mail over SMTP: RFC 5321 with PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, SIZE, DSN, STARTTLS and AUTH",
		Drive:  openDriver,
		Listen: listen,
		Decode: newDecoder,
		Check:  checkSettings,
	}
}
