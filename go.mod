module github.com/waybill-dev/waybill

go 1.26.0

// Required by the project's brief.
require (
	github.com/BurntSushi/toml v1.6.0 // waybill.toml and approvals: positions in errors, undecoded keys
	github.com/google/go-github/v60 v60.0.0 // comments, check runs and reviews: typed errors of rate limits
	github.com/sergi/go-diff v1.4.0 // text differences where they are shown, never where equality is decided
	github.com/urfave/cli/v2 v2.27.7 // verbs, flags and their help
)

// Decoding what builds send.
require (
	github.com/andybalholm/brotli v1.3.0 // content coding br, which the standard library lacks
	github.com/emersion/go-message v0.18.2 // charsets of mail, and nothing else of it
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // jsontext: keeps number text, refuses duplicate names
	github.com/itchyny/gojq v0.12.20 // fan-out rules: users know jq
	github.com/nyaruka/phonenumbers v1.8.1 // plans of telephone numbers by region, for those written in national format
	golang.org/x/net v0.62.0 // html tokens, idna, http2 for the sink
	golang.org/x/text v0.43.0 // normal form C of text, charsets by name
)

// Evidence on disk.
require (
	filippo.io/age v1.3.2 // tapes encrypted to people and plugins, in a format with other readers
	github.com/klauspost/compress v1.20.3 // zstd frames that zstdcat reads
)

// Importing.
require github.com/gopacket/gopacket v1.7.7 // captures and their TCP streams, without libpcap

// Terminal.
require (
	github.com/mattn/go-isatty v0.0.24 // colour and bars only on a terminal
	github.com/mattn/go-runewidth v0.0.31 // columns side by side stay columns where characters are wide
	github.com/schollz/progressbar/v3 v3.19.1 // progress of a replay
	golang.org/x/sys v0.49.0 // process groups, and which processes a build left
	golang.org/x/term v0.47.0 // single keys and lines of a reviewer, over any terminal
)

// Tests.
require (
	github.com/chromedp/cdproto v0.159.0 // events of the browser
	github.com/chromedp/chromedp v0.23.0 // a real Chromium, clicked through and recorded
	github.com/google/go-cmp v0.7.0 // differences between structs, readable
	github.com/rhysd/actionlint v1.7.12 // what GitHub understands of a workflow, and its tree
	github.com/rogpeppe/go-internal v1.16.0 // testscript: whole-program stories in txtar
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // holds verdicts to the published schema
	google.golang.org/protobuf v1.36.11 // protowire: messages that the reader of the wire format must read
	pgregory.net/rapid v1.3.0 // properties of the comparison
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	filippo.io/hpke v0.4.0 // indirect
	filippo.io/nistec v0.0.4 // indirect
	github.com/bmatcuk/doublestar/v4 v4.10.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/fatih/color v1.19.0 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/itchyny/timefmt-go v0.1.9 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-shellwords v1.0.12 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/xrash/smetrics v0.0.0-20240521201337-686a1a2994c1 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.3 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)
