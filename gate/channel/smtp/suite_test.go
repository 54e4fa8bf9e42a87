package smtp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

func TestProtocol(t *testing.T) { suite(t, protocol, "", "EHLO") }

// LMTP is a door and a sink; a tap does not follow it.
func TestProtocolLMTP(t *testing.T) {
	p := protocol
	p.Tap = nil
	suite(t, p, "lmtp = true", "LHLO")
}

func suite(t *testing.T, p channel.Protocol, set, verb string) {
	channeltest.Run(t, channeltest.Suite{
		Protocol: p, Settings: settings(set), Drive: channel.DriveConfig{Settings: settings(set)},
		Sample: func(i int, body []byte) gate.Stimulus {
			head := fmt.Sprintf(verb+" c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<r%d@y.example> NOTIFY=NEVER\r\nRCPT TO:<s%d@y.example>\r\n", i, i)
			return gate.Stimulus{Channel: smtp.Name, Head: []byte(head), Body: body}
		},
		Bodies: [][]byte{
			[]byte("one line\r\n"), {}, []byte(".\r\n..\r\n\r\n.\r\n"), []byte("a\x00\xff\n\r.b\r\n"), []byte("a\n.\r\nb\r\n"),
			[]byte(strings.Repeat("line\r\n", 50_000)),
		},
		Open: []byte(verb + strings.TrimPrefix(envelope, "EHLO") + "DATA\r\nhalf a mess"),
	})
}
