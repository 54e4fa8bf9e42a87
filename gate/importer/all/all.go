// Package all lists the formats that can be imported.
package all

import (
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/eml"
	"github.com/waybill-dev/waybill/gate/importer/gor"
	"github.com/waybill-dev/waybill/gate/importer/har"
	"github.com/waybill-dev/waybill/gate/importer/jsonl"
	"github.com/waybill-dev/waybill/gate/importer/maildir"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
	"github.com/waybill-dev/waybill/gate/importer/mitmproxy"
	"github.com/waybill-dev/waybill/gate/importer/pcap"
)

// Formats are all of them, by name.
func Formats() []importer.Format {
	return []importer.Format{eml.Format, gor.Format, har.Format, jsonl.Format, maildir.Format, mbox.Format, mbox.CL2, mitmproxy.Format, pcap.Format}
}
