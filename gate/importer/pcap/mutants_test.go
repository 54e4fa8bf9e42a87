package pcap_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/pcap"
)

var (
	mutants    = flag.Int("mutants", 1500, "how many damaged captures are read")
	mutantSeed = flag.Uint64("mutant-seed", 1, "seed of the damage")
	mutantsOf  = flag.String("mutants-of", "", "damage the captures in this folder, and not those that are generated")
)

// Captures that are damaged anywhere are read without a panic, and either refused or
// accounted for, byte for byte.
func TestMutants(t *testing.T) {
	var seeds [][]byte
	if *mutantsOf != "" {
		paths, err := filepath.Glob(filepath.Join(*mutantsOf, "*.pcap*"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no captures in %s: %v", *mutantsOf, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) < 64<<10 && !bytes.HasPrefix(data, []byte("\x1f\x8b")) {
				seeds = append(seeds, data)
			}
		}
	} else {
		seeds = generated(t)
	}
	random := rand.New(rand.NewPCG(*mutantSeed, 0))
	path := filepath.Join(t.TempDir(), "x.pcap")
	refused, whole := 0, 0
	for range *mutants {
		data := damaged(random, seeds[random.IntN(len(seeds))])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var n int64
		var failed error
		for item, err := range pcap.Format.Read(path, importer.Options{MaxBody: 1000}) {
			n, failed = n+item.Bytes, err
		}
		switch {
		case failed != nil:
			refused++
		case n != int64(len(data)):
			t.Fatalf("seed %d: %d bytes are accounted for, of %d: %x", *mutantSeed, n, len(data), data)
		default:
			whole++
		}
	}
	if whole == 0 || refused == 0 {
		t.Errorf("%d captures were read and %d refused: the damage is not of both kinds", whole, refused)
	}
	t.Logf("of %d captures %d were read and %d refused", *mutants, whole, refused)
}

// generated are captures of every kind of link and tunnel, and of HTTP, SMTP and others.
func generated(t *testing.T) [][]byte {
	ether := before(append(make([]byte, 12), 8, 0), bare(t, false))
	seeds := [][]byte{
		capture(1, ether), capture(0, before([]byte{2, 0, 0, 0}, bare(t, false))), capture(229, extended(bare(t, true))),
		capture(101, carried(47, []byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, ether)),
		capture(101, inUDP(4789, []byte{8, 0, 0, 0, 0, 0, 7, 0}, ether)),
		capture(101, inUDP(6081, []byte{1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 0x80, 0}, ether)),
		capture(101, inUDP(2152, []byte{0x34, 255, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0}, bare(t, false))),
		interfaces([]int{101, 105, 228}, [][][]byte{bare(t, false), bare(t, false), bare(t, false)}),
	}
	for _, said := range [][2]string{
		{get + post("x") + "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok + ok + ok},
		{"EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", "220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 x\r\n221 x\r\n"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x00\x04\x01\x00\x00\x00\x00"},
		{"\x16\x03\x01\x00\x05\x01xxxx", "\x16\x03\x03\x00\x05\x02xxxx"},
	} {
		for _, opened := range []bool{true, false} {
			s := newScript(t)
			k := s.midstream(client, 4000, server, 80)
			if opened {
				k = s.connect(client, 4000, server, 80)
			}
			for a, b := said[0], said[1]; len(a)+len(b) > 0; {
				n, m := min(len(a), 23), min(len(b), 9)
				k.say(true, a[:n])
				k.say(false, b[:m])
				a, b = a[n:], b[m:]
			}
			k.end()
			seeds = append(seeds, s.pcap(), s.pcapng())
		}
	}
	return seeds
}

// damaged is data with some of its bytes changed, taken out, repeated or cut off.
func damaged(random *rand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	for range 1 + random.IntN(6) {
		if len(data) < 30 {
			break
		}
		at := random.IntN(len(data))
		if random.IntN(3) > 0 {
			at = min(len(data)-1, 24+random.IntN(len(data)-24)) // behind the header of the file
		}
		n := min(1+random.IntN(40), len(data)-at)
		switch random.IntN(8) {
		case 0:
			data = append(data[:at:at], data[at+n:]...)
		case 1:
			data = append(data[:at:at], append(bytes.Clone(data[at:at+n]), data[at:]...)...)
		case 2:
			data = data[:at]
		case 3:
			data[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[random.IntN(5)]
		default:
			data[at] ^= 1 << random.IntN(8)
		}
	}
	return data
}
