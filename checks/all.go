// Package checks lists every check. Adding one is a folder here and a line in [All].
package checks

import (
	attachmentchanged "github.com/waybill-dev/waybill/checks/attachment-changed"
	cacheabilitychanged "github.com/waybill-dev/waybill/checks/cacheability-changed"
	classvanished "github.com/waybill-dev/waybill/checks/class-vanished"
	constantchanged "github.com/waybill-dev/waybill/checks/constant-changed"
	cookiescopechanged "github.com/waybill-dev/waybill/checks/cookie-scope-changed"
	deliveryduplicated "github.com/waybill-dev/waybill/checks/delivery-duplicated"
	destinationswapped "github.com/waybill-dev/waybill/checks/destination-swapped"
	factsdisclosed "github.com/waybill-dev/waybill/checks/facts-disclosed"
	factsmixed "github.com/waybill-dev/waybill/checks/facts-mixed"
	fanoutcollapsed "github.com/waybill-dev/waybill/checks/fanout-collapsed"
	linkchanged "github.com/waybill-dev/waybill/checks/link-changed"
	newfield "github.com/waybill-dev/waybill/checks/new-field"
	newparty "github.com/waybill-dev/waybill/checks/new-party"
	orderreversed "github.com/waybill-dev/waybill/checks/order-reversed"
	owndataadded "github.com/waybill-dev/waybill/checks/own-data-added"
	personalcontentchanged "github.com/waybill-dev/waybill/checks/personal-content-changed"
	recipientadded "github.com/waybill-dev/waybill/checks/recipient-added"
	recipientremoved "github.com/waybill-dev/waybill/checks/recipient-removed"
	recipientswapped "github.com/waybill-dev/waybill/checks/recipient-swapped"
	replypathchanged "github.com/waybill-dev/waybill/checks/reply-path-changed"
	replystatuschanged "github.com/waybill-dev/waybill/checks/reply-status-changed"
	replyswapped "github.com/waybill-dev/waybill/checks/reply-swapped"
	rolechanged "github.com/waybill-dev/waybill/checks/role-changed"
	sendingchanged "github.com/waybill-dev/waybill/checks/sending-changed"
	transportdowngraded "github.com/waybill-dev/waybill/checks/transport-downgraded"
	uncausedeffect "github.com/waybill-dev/waybill/checks/uncaused-effect"
	unstablerecipients "github.com/waybill-dev/waybill/checks/unstable-recipients"
	wordingchanged "github.com/waybill-dev/waybill/checks/wording-changed"
	"github.com/waybill-dev/waybill/gate"
)

// All is every check, by family.
func All() []*gate.Check {
	return []*gate.Check{
		// routing
		recipientadded.Check,
		recipientremoved.Check,
		recipientswapped.Check,
		deliveryduplicated.Check,
		rolechanged.Check,
		fanoutcollapsed.Check,
		sendingchanged.Check,
		classvanished.Check,
		orderreversed.Check,
		replyswapped.Check,
		replystatuschanged.Check,

		// content
		factsdisclosed.Check,
		factsmixed.Check,
		owndataadded.Check,
		personalcontentchanged.Check,
		constantchanged.Check,
		wordingchanged.Check,
		attachmentchanged.Check,
		linkchanged.Check,
		replypathchanged.Check,

		// egress
		newparty.Check,
		newfield.Check,
		destinationswapped.Check,
		transportdowngraded.Check,
		cacheabilitychanged.Check,
		cookiescopechanged.Check,

		// evidence
		unstablerecipients.Check,
		uncausedeffect.Check,
	}
}
