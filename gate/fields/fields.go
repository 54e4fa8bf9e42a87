package fields

import "strings"

// Kind says how the value of a field is read.
type Kind uint8

// Kinds of field.
const (
	Value      Kind = iota // compared as it stands
	Text                   // words that people read
	Addresses              // mailboxes (RFC 5322, 3.4)
	List                   // URLs in angle brackets (RFC 2369)
	Thread                 // ids of other messages (RFC 5322, 3.6.4)
	ID                     // the message's own id (RFC 5322, 3.6.4), or a part's (RFC 2045, 7)
	Trace                  // an id made for each request, which names its cause
	Received               // RFC 5321, 4.4
	Signature              // tags and values, as in RFC 6376, 3.2
	Results                // what a server found about the sender (RFC 8601, RFC 7208, 9.1)
	Date                   // when it was sent
	MIME                   // of the entity that it stands in (RFC 2045)
	Credential             // a secret
	Digest                 // of the body that it comes with
	MAC                    // a code over the body, made with a secret
	Hop                    // between neighbours on the way, or how the body is framed
	Key                    // made for each request, so that it is not done twice
	Link                   // a URL
	Cookies                // RFC 6265, 4.2
)

// Owner is the family of checks that judges a change of a field.
type Owner uint8

// Owners of a change.
const (
	Nobody    Owner = iota // as any other part of its kind
	Role                   // who is shown as addressed
	ReplyPath              // who gets the answers, and what thread they join
	Links                  // where a reader is led
)

// A Field is what the table knows of a header field.
type Field struct {
	Name  string // lower case; of a family of fields its prefix, with "*" behind it
	Kind  Kind
	Owner Owner

	Protected   bool // says who it is from, for, or about: no mask of a user's may reach it
	Names       bool // holds names of people beside their addresses
	Descriptive bool // says what software sends and what it understands: the same change for everybody is harmless
	Guards      bool // keeps what an answer says from others than who asked: its loss is never harmless
	Routes      bool // tells the software that relays it whom to send to, or by which way: a change is never harmless
}

// Known reports whether the table holds the field.
func (f Field) Known() bool { return f.Name != "" }

// Of returns the field called name, which is in lower case. One that is not known is
// a Value.
func Of(name string) Field {
	if f, ok := byName[name]; ok {
		return f
	}
	for i := range families {
		if f := &families[i]; strings.HasPrefix(name, f.Name[:len(f.Name)-1]) {
			return *f
		}
	}
	return Field{}
}

// Part returns the field that the part called name belongs to, and what of the field it
// is: "header/to/name" is the "name" of the field to. Indexes, as in
// "message[0]/header/to", are passed over. A part of the envelope is a field too:
// "envelope/from". ok is false where the part belongs to no field.
func Part(name string) (f Field, sub string, ok bool) {
	if f, ok := byName[name]; ok && strings.HasPrefix(name, envelope) {
		return f, "", true
	}
	at := -1
	for _, prefix := range [...]string{"header/", "trailer/"} {
		if strings.HasPrefix(name, prefix) {
			at = max(at, len(prefix))
		}
		if i := strings.LastIndex(name, "/"+prefix); i >= 0 && ofEntity(name) {
			at = max(at, i+1+len(prefix))
		}
	}
	if at < 0 {
		return Field{}, "", false
	}
	field, sub, _ := strings.Cut(name[at:], "/")
	if i := strings.IndexByte(field, '['); i >= 0 {
		field = field[:i]
	}
	f = Of(field)
	if f.Name == "content-type" && sub == "boundary" {
		f.Descriptive = true // libraries write their names and versions into those that they make
	}
	return f, sub, true
}

// ofEntity reports whether a part is named after an entity of a mail, which has a header
// of its own: in a body of another format "header" is somebody's word.
func ofEntity(name string) bool {
	root := name[:strings.IndexAny(name+"/", "/[")]
	return isOneOf(root, "message", "multipart", "attachment", "text", "html", "malformed")
}

// OwnerOf returns who judges a change of the part called name. What people are called
// belongs to nobody, though who they are does; and the header of a message within a
// message is content.
func OwnerOf(name string) Owner {
	if !strings.HasPrefix(name, "header/") && !strings.HasPrefix(name, envelope) {
		return Nobody
	}
	f, sub, _ := Part(name)
	switch sub {
	case "name", "group", "comment":
		return Nobody
	}
	return f.Owner
}

// Derived reports whether what the masks of a rule hide is a function of the message that
// it comes with: a length, a digest, a signature. Such a value is the same in each replay
// where the message is, and another where the message is another, so that neither tells
// anything of its own.
func Derived(rule string) bool {
	return isOneOf(rule, "signature", "body-digest", "content-length", "content-md5")
}

// Each calls yield with every row of the table, families last.
func Each(yield func(Field) bool) {
	for _, list := range [][]Field{table, families} {
		for _, f := range list {
			if !yield(f) {
				return
			}
		}
	}
}

const envelope = "envelope/"

var byName = func() map[string]Field {
	m := make(map[string]Field, len(table))
	for _, f := range table {
		m[f.Name] = f
	}
	return m
}()
