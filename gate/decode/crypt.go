package decode

import (
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// pgp gives for whom an OpenPGP message (RFC 9580, 10.3) is encrypted, packet by packet,
// and its ciphertext, which is opaque. What is no such message, and what is no packet wholly,
// is opaque as a whole.
func (c *container) pgp(data []byte) error {
	data = Dearmor(data)
	var leaves []Leaf
	recipients, encrypted, ok := 0, false, true
	var secret []byte
	for b := data; len(b) > 0 && ok; {
		var tag byte
		var body []byte
		tag, body, b, ok = pgpPacket(b)
		if !ok {
			break
		}
		switch tag {
		case 1: // 5.1
			var of []Leaf
			of, ok = pgpRecipient(body, recipients)
			leaves = append(leaves, of...)
			secret = append(secret, body...)
			recipients++
		case 3: // 5.3: a password
			secret = append(secret, body...)
		case 9, 18, 20: // 5.7, 5.13, 5.16
			encrypted = true
			leaves = append(leaves, Leaf{Name: "packet", Class: Value, Data: fmt.Appendf(nil, "%d", tag)})
			secret = append(secret, body...)
		case 10, 21: // a marker, padding
		default:
			ok = false
		}
	}
	if !ok || !encrypted {
		return c.add(Leaf{Name: "opaque", Class: Opaque, Data: data})
	}
	for _, l := range leaves {
		if err := c.add(l); err != nil {
			return err
		}
	}
	return c.add(Leaf{Name: "opaque", Class: Opaque, Data: secret})
}

// pgpRecipient reads whose key a session key is encrypted to.
func pgpRecipient(body []byte, n int) ([]Leaf, bool) {
	name := fmt.Sprintf("recipient[%d]", n)
	if len(body) < 2 {
		return nil, false
	}
	var id string
	var algorithm byte
	switch body[0] {
	case 3: // 5.1.1
		if len(body) < 10 {
			return nil, false
		}
		id, algorithm = strings.ToUpper(hex.EncodeToString(body[1:9])), body[9]
	case 6: // 5.1.2
		size := int(body[1])
		if len(body) < size+3 {
			return nil, false
		}
		id = "anonymous"
		if size > 1 {
			id = strings.ToUpper(hex.EncodeToString(body[3 : size+2]))
		}
		algorithm = body[size+2]
	default:
		return nil, false
	}
	switch algorithm { // 9.1
	case 1, 2, 16, 18, 25, 26:
	default:
		return nil, false
	}
	return []Leaf{
		{Name: name, Class: Value, Data: []byte(id)},
		{Name: name + "/algorithm", Class: Value, Data: fmt.Appendf(nil, "%d", algorithm)},
	}, true
}

// pgpPacket reads the packet that b begins with (4.2).
func pgpPacket(b []byte) (tag byte, body, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, nil, nil, false
	}
	if b[0]&0x40 == 0 { // legacy
		tag = b[0] >> 2 & 15
		size, n := 0, 1<<(b[0]&3)
		if n == 8 { // to the end
			return tag, b[1:], nil, tag == 9
		}
		if len(b) < 1+n {
			return 0, nil, nil, false
		}
		for _, c := range b[1 : 1+n] {
			size = size<<8 | int(c)
		}
		b = b[1+n:]
		if size > len(b) {
			return 0, nil, nil, false
		}
		return tag, b[:size], b[size:], true
	}
	tag, b = b[0]&63, b[1:]
	for {
		if len(b) == 0 {
			return 0, nil, nil, false
		}
		size, n, partial := 0, 1, false
		switch c := b[0]; {
		case c < 192:
			size = int(c)
		case c < 224:
			if len(b) < 2 {
				return 0, nil, nil, false
			}
			size, n = int(c-192)<<8+int(b[1])+192, 2
		case c == 255:
			if len(b) < 5 {
				return 0, nil, nil, false
			}
			size, n = int(binary.BigEndian.Uint32(b[1:])), 5
		default:
			size, partial = 1<<(c&31), true
		}
		if size < 0 || size > len(b)-n {
			return 0, nil, nil, false
		}
		body = append(body, b[n:n+size]...)
		b = b[n+size:]
		if !partial {
			return tag, body, b, true
		}
	}
}

var (
	oidData      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSigned    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidEnveloped = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidAuth      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
)

// cms gives for whom a CMS message (RFC 5652) is encrypted, and its ciphertext, which is
// opaque; or of signed data what is signed, by whom, and the
// signatures, which are fresh. What is
// not read, as with the indefinite lengths of BER, is opaque as a whole.
func (c *container) cms(data []byte) error {
	var info struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if l, ok := nextArmor(string(data), 0); ok && l.Name == "cms" {
		data = l.Pieces[len(l.Pieces)-1].Data
	}
	rest, err := asn1.Unmarshal(data, &info)
	if err != nil {
		if len(data) > 2 && data[0] == 0x30 {
			return c.add(Leaf{Name: "opaque", Class: Opaque, Data: data})
		}
		return broken(CMS)
	}
	mark := c.leaves
	var leaves []Leaf
	switch {
	case info.Type.Equal(oidEnveloped) || info.Type.Equal(oidAuth):
		leaves, err = cmsEnveloped(info.Content.Bytes)
	case info.Type.Equal(oidSigned):
		leaves, err = cmsSigned(info.Content.Bytes)
	default:
		err = broken(CMS)
	}
	if err != nil && c.leaves == mark {
		return c.add(Leaf{Name: "opaque", Class: Opaque, Data: data})
	}
	for _, l := range leaves {
		if err := c.add(l); err != nil {
			return err
		}
	}
	return c.rest("trailer", rest)
}

// elements are the values of a SEQUENCE or SET whose contents b is.
func elements(b []byte) ([]asn1.RawValue, error) {
	var out []asn1.RawValue
	for len(b) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(b, &v)
		if err != nil {
			return nil, broken(CMS)
		}
		out = append(out, v)
		b = rest
	}
	return out, nil
}

// issuerSerial reads IssuerAndSerialNumber (10.2.4), the issuer's names apart from their types.
func issuerSerial(b []byte) (string, bool) {
	kids, err := elements(b)
	if err != nil || len(kids) != 2 || kids[1].Tag != asn1.TagInteger {
		return "", false
	}
	var names []string
	sets, err := elements(kids[0].Bytes)
	if err != nil {
		return "", false
	}
	for _, set := range sets {
		pairs, err := elements(set.Bytes)
		if err != nil {
			return "", false
		}
		for _, p := range pairs {
			pair, err := elements(p.Bytes)
			if err != nil || len(pair) != 2 {
				return "", false
			}
			names = append(names, validText(pair[1].Bytes))
		}
	}
	return strings.Join(names, ", ") + " serial " + hex.EncodeToString(kids[1].Bytes), true
}

// cmsRecipients returns for whose keys a RecipientInfo is (6.2): of one whose key is transported
// its own, of key agreement, as for keys of elliptic curves, those of all that it lists.
func cmsRecipients(r asn1.RawValue) []string {
	kids, err := elements(r.Bytes)
	if err != nil || len(kids) < 2 {
		return nil
	}
	if r.Class != asn1.ClassContextSpecific || r.Tag != 1 {
		if id := cmsRecipient(kids[1]); id != "" {
			return []string{id}
		}
		return nil
	}
	list, err := elements(kids[len(kids)-1].Bytes)
	if err != nil {
		return nil
	}
	var ids []string
	for _, k := range list {
		pair, err := elements(k.Bytes)
		if err != nil || len(pair) != 2 {
			return nil
		}
		id := cmsRecipient(pair[0])
		if id == "" {
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// cmsRecipient reads who a key is of: its certificate's issuer and number, or its own name.
func cmsRecipient(v asn1.RawValue) string {
	if id, ok := issuerSerial(v.Bytes); ok {
		return id
	}
	if v.Class == asn1.ClassContextSpecific && len(v.Bytes) <= 64 {
		return "key " + hex.EncodeToString(v.Bytes)
	}
	return ""
}

// cmsEnveloped reads EnvelopedData (6.1): the recipients, and what is encrypted.
func cmsEnveloped(b []byte) ([]Leaf, error) {
	outer, err := elements(b)
	if err != nil || len(outer) != 1 {
		return nil, broken(CMS)
	}
	fields, err := elements(outer[0].Bytes)
	if err != nil {
		return nil, err
	}
	var out []Leaf
	var secret []byte
	n := 0
	for _, f := range fields {
		if f.Class != asn1.ClassUniversal || f.Tag != asn1.TagSet {
			if f.Tag == asn1.TagInteger && f.Class == asn1.ClassUniversal {
				continue
			}
			secret = append(secret, f.FullBytes...)
			continue
		}
		recipients, err := elements(f.Bytes)
		if err != nil {
			return nil, err
		}
		for _, r := range recipients {
			ids := cmsRecipients(r)
			if len(ids) == 0 { // of a password, or of another kind
				ids = []string{"unread"}
				secret = append(secret, r.FullBytes...)
			} else {
				secret = append(secret, r.Bytes...)
			}
			for _, id := range ids {
				out = append(out, Leaf{Name: fmt.Sprintf("recipient[%d]", n), Class: Value, Data: []byte(id)})
				n++
			}
		}
	}
	if n == 0 {
		return nil, broken(CMS)
	}
	return append(out, Leaf{Name: "opaque", Class: Opaque, Data: secret}), nil
}

// cmsSigned reads SignedData (5.1): what is signed, where it is in there, who signed, and
// the rest as bytes.
func cmsSigned(b []byte) ([]Leaf, error) {
	outer, err := elements(b)
	if err != nil || len(outer) != 1 {
		return nil, broken(CMS)
	}
	fields, err := elements(outer[0].Bytes)
	if err != nil || len(fields) < 4 {
		return nil, broken(CMS)
	}
	var out []Leaf
	content, err := elements(fields[2].Bytes)
	if err != nil || len(content) == 0 {
		return nil, broken(CMS)
	}
	if len(content) == 2 {
		var octets []byte
		if _, err := asn1.Unmarshal(content[1].Bytes, &octets); err != nil {
			return nil, broken(CMS)
		}
		l := Leaf{Name: "content", Class: Document, Kind: Recognise(octets), Data: octets}
		var oid asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(content[0].FullBytes, &oid); err == nil && oid.Equal(oidData) {
			l.Type = "message/rfc822"
		}
		out = append(out, l)
	}
	signers, err := elements(fields[len(fields)-1].Bytes)
	if err != nil {
		return nil, err
	}
	for i, s := range signers {
		kids, err := elements(s.Bytes)
		if err != nil || len(kids) < 2 {
			return nil, broken(CMS)
		}
		if id, ok := issuerSerial(kids[1].Bytes); ok {
			out = append(out, Leaf{Name: fmt.Sprintf("signer[%d]", i), Class: Value, Data: []byte(id)})
		}
		// When it was signed, the digest of what is compared itself, and the signature.
		var signature []byte
		for _, k := range kids[2:] {
			signature = append(signature, k.FullBytes...)
		}
		out = append(out, Leaf{Name: fmt.Sprintf("signer[%d]/signature", i), Class: Fresh, Rule: "cms-signature", Data: []byte(hex.EncodeToString(signature))})
	}
	var rest []byte
	for _, f := range fields[3 : len(fields)-1] {
		rest = append(rest, f.FullBytes...)
	}
	if len(rest) > 0 {
		out = append(out, Leaf{Name: "certificates", Class: Bytes, Data: rest})
	}
	return out, nil
}
