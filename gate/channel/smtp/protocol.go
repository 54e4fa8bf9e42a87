// Package smtp is mail over SMTP (RFC 5321): a sink that takes mail from a build,
// a driver that sends mail into a build, a tap that passes mail on and copies it, and
// the reading of what was taken.
//
// # Head and Body
//
// Head is the HELO, EHLO or LHLO line, the MAIL line and the RCPT lines of one
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
// # What a sink notes
//
// It takes what other servers refuse, and says so in Message.Events. Their names
// are permanent; a number is how many, in the part of the body that was kept or cut
// alike, but for ambiguous-end, which is counted in what was kept:
//
//	ambiguous-end 1            a dot at which a lax server ends the message
//	bare-cr 1, bare-lf 1       CR without LF, LF without CR, in the message
//	bare-lf-command            a MAIL or RCPT line ended by LF alone
//	data-before-354            the message came before it was asked for
//	dot-unstuffed-loosely 1    lines that began with one dot, and not with two
//	events-not-listed 1        more distinct events than are kept
//	helo-without-name, mail-before-helo, nested-mail
//	missing-angle-brackets, space-before-path, source-route
//	recipient-without-domain   postmaster
//	unknown-parameter XFOO=1   of MAIL or RCPT
//	unreadable-path            it is not clear where the path ends
//	unreadable-recipient       the path names no mailbox
//
// A gap is: a transaction that broke off after MAIL; one that was taken back after
// some of its message had come; a MAIL line that says nothing; a command line
// beyond 64 KiB; commands beyond 64 MiB in one transaction; a failed TLS handshake;
// a body beyond the limit; and a connection that said something, came to no MAIL,
// and either left without QUIT or had a command refused. No gap is a connection
// that says nothing, or greets and quits, as probes do; nor what a script or a mood
// turned away, which is counted in Stats.Refused.
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

// Protocol is SMTP with three faces: drive, sink, decode.
//
// A door may have this setting:
//
//	starttls = true              STARTTLS is asked for before anything is sent
//	lmtp = true                  LMTP is spoken (RFC 2033): LHLO in place of what was recorded,
//	                             and one reply for each recipient, the worst of which counts
//
// A sink may have these:
//
//	hostname = "mx.x.example"    the name in its greeting
//	starttls = false             STARTTLS is not offered; it is if not given
//	implicit_tls = true          TLS begins with the connection
//	lmtp = true                  LMTP is spoken (RFC 2033)
//	auth = false                 AUTH is not offered; if not given it is, with PLAIN, LOGIN,
//	                             CRAM-MD5, XOAUTH2 and OAUTHBEARER, and any credentials do
//	refuse = ["550 bob@x.example", "550 5.1.1 eve@x.example",
//	          "451 *@y.example", "452 root@*", "550 *"]
//
// refuse answers RCPT with a reply code, and an enhanced status code where one is
// given. Local parts match byte for byte, domains in canonical form. The first
// rule that matches is used.
func Protocol() channel.Protocol {
	return channel.Protocol{
		Name:   Name,
		Doc:    "mail over SMTP: RFC 5321 with PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, SIZE, DSN, STARTTLS and AUTH, and LMTP (RFC 2033)",
		Drive:  openDriver,
		Listen: listen,
		Decode: newDecoder,
		Asked:  asked,
		Reply:  readReply,
		Check:  checkSettings,
		Tap:    openTap,
	}
}
