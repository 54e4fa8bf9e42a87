package http_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

func TestConformance(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	channeltest.Run(t, channeltest.Suite{
		Protocol: http.Protocol(),
		Settings: settings(`fanout = [{ match = "POST /fan", each = ".p[]", mail = [".to"] }]`),
		Sample: func(i int, body []byte) gate.Stimulus {
			path := fmt.Sprintf("/v1/items/%d?i=%d", i, i)
			if bytes.HasPrefix(body, []byte("{")) {
				path = "/fan"
			}
			return gate.Stimulus{
				Channel: http.Name,
				Head:    []byte("POST " + path + " HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\nAuthorization: Bearer t\r\n"),
				Body:    body,
			}
		},
		Bodies: [][]byte{
			[]byte("one line\r\n"),
			every,
			bytes.Repeat(every, 4096),
			[]byte(`{"p":[{"to":"a@b.example"},{"to":"c@d.example"}]}`),
		},
		Open: []byte("POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 10\r\n\r\nhalf"),
	})
}
