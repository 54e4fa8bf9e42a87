// Package all lists the formats that can be imported.
package all

import (
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/eml"
	"github.com/waybill-dev/waybill/gate/importer/maildir"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

// Formats are all of them, by name.
func Formats() []importer.Format {
	return []importer.Format{eml.Format, maildir.Format, mbox.Format, mbox.CL2}
}
