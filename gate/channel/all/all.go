// Package all lists the protocols of Waybill.
package all

import (
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/exec"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

// Protocols returns every protocol, one for each folder beside this one that
// speaks one.
func Protocols() []channel.Protocol {
	return []channel.Protocol{
		smtp.Protocol(),
		http.Protocol(),
		exec.Protocol(),
	}
}
