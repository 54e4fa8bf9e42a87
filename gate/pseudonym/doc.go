// Package pseudonym replaces people in recorded traffic by pseudonyms, before it is
// written anywhere: consistently, under a key, in the same format, and equally at
// every layer in which it travels. A release that sends somebody else's message, or
// folds two addresses into one, does so with pseudonyms too.
//
// # Who is replaced
//
//	mail addresses     anywhere, in any encoding named below
//	telephone numbers  anywhere they are written as such: with "+" and 8 to 15 digits; 00, a
//	                   calling code and groups; the groups of North America (510-555-0100,
//	                   1 510 ..., (510) ...); from 0 in groups, 9 to 13 digits. Bare digits
//	                   count in fields that are called so (phone, mobile, msisdn, tel, fax),
//	                   also in digits of other scripts, and then anywhere in the item and its
//	                   session, behind a zero or a calling code too
//	                   Rules.Regions adds the national formats of regions (libphonenumber's plans)
//	names              the words of display names of address fields, of "Jane Doe <address>" in
//	                   text, of salutations ("Dear Ms Doe,"), of fields that are called so in JSON,
//	                   forms, queries, cookies, headers, XML, HTML, CSV and claims of tokens
//	                   (firstName, billing_last_name, nachname; "name" where what stands beside it
//	                   or its form says that it is somebody's), and of the places in Rules.Names;
//	                   then wherever these words stand in the item and in its session, in any
//	                   case, without accents, and joined as people sign in (jdoe, doej). Two words
//	                   of one name side by side, also as a mail address gives them away
//	                   (ann.archer@), or joined, count in the whole recording, and so do words of declared
//	                   names. The display name of an address such as noreply@ counts where its
//	                   words are none of a language or of its domain. Not replaced: one letter,
//	                   titles and functions (Dr, team, support), words within the names of hosts.
//	                   A word of two letters, or one of the language, counts in its own case alone.
//	                   In Han, kana, Hangul and Thai a name of two characters or more (Thai four) is
//	                   found within text, also put together of surname and given name, with the
//	                   surname before a calling (Mr, teacher); in Arabic and Hebrew behind particles.
//	                   A name that is a common word (Le, An, Van) or one character is replaced in
//	                   its own field, and beside the other word of it, alone
//	cards              13 to 19 digits in a range that is issued, with the check digit of ISO/IEC
//	                   7812-1, in groups or not; the first six stay, the check digit is right again
//	bank accounts      IBANs of a country's length by ISO 13616, with check digits right again
//	national numbers   those of the table in national.go: by shape, check characters and date in
//	                   any text, all others in fields that are called so or behind words that call
//	                   them so ("passport no. ..."); check characters are right again
//	dates of birth     in fields that are called so and behind "born", "date of birth" and the
//	                   like, and in fields for its year, month and day; then in the common ways to
//	                   write that day. The year stays
//	clients' addresses in X-Forwarded-For, Forwarded and the like, and in fields such as
//	                   client_ip; the first octet stays (two of IPv6), private ones stay whole
//	log-ins            fields such as username; those that are words of a name go on being made of
//	                   the pseudonyms of these words
//	record numbers     what Rules.Records find
//	pairs              what a field holds is told by its name too where the name is a value beside
//	                   it: {"name":"password","value":...}, operations of JSON Patch, questions and
//	                   answers, lists of two, fields[0][name]=..., <field name="...">, and literals
//	                   of GraphQL
//	labels             "your temporary password is ...", "Password:", "User name:", "Patient: Doe,
//	                   Jane", "Last name:" and the like in text and in the cells of pages: of names
//	                   behind words such as "customer", those of two words that are none of a language
//	formats            names, telephone numbers and dates of birth in segments of HL7 v2; N and FN of
//	                   vCards; CN of distinguished names and calendars; full names that are searched
//	                   for below a path of people (/patients?q=)
//	declared           Rules.Values wherever they stand in any case, as words of their own;
//	                   the whole values of Rules.Fields, and these, from five bytes on, wherever
//	                   else they stand in the item
//	passwords          values of fields called so: password, pwd, pass1, user_pass, pin, passwort,
//	                   mot_de_passe, cvv, secret
//	credentials        the values of Authorization, X-Api-Key and the like become a mark of
//	                   the scheme and a keyed digest: equal ones stay equal
//	files              bytes that are no text become as many others, equal for equal files:
//	                   pictures and documents show people. Blocks of armour and uuencode too
//
// Places are "json/$.patient.name", "header/x-member", "form/surname", "query/name" and
// "cookie/member"; "*" in one stands for any member or index.
//
// # What stays
//
// An address stays an address. Its local part is permuted letter by letter and digit by
// digit, in segments between "+", "-", "_", "=" and other signs; case and dots stay in
// their places and do not count. So case twins, plus tags and dots stay what they are, a
// return path in the manner of VERP or SRS holds the pseudonym of the address within it,
// and what a program makes of a pseudonym by lower-casing it or cutting its tag is the
// pseudonym of what it makes of the address. Words of functions (postmaster, noreply,
// bounces, owner) stay. Domains are permuted label by label below their parent, so
// subdomains stay below their domain; the public top-level domain stays and ".example"
// follows it: nothing reaches a mailbox. A-labels and U-labels of one name stay those of
// one. Rules.KeepDomains stay, with those below them; local parts there are people's all
// the same. Message-ID, References and Content-ID look like addresses and are treated as
// such: they stay equal where they were equal. In a domain of Rules.KeepDomains the addresses
// of functions (orders@, billing-noreply@) stay with their display names, and whole addresses
// may be given there.
//
// A telephone number keeps its calling code, length, separators and the first three digits
// of its national number (two, of fewer than nine digits), in every format alike. A name
// keeps its length, case, and which letters are vowels; in Han, kana and Hangul each character
// becomes another one of the same charsets of old by itself, so that what is put together of
// pseudonyms is the pseudonym of the whole: how often characters stand shows through. A record number goes on being
// found by its pattern. Permutations are one to one for each form (see permute.go), so two
// people never become one.
//
// # Where it is looked for
//
// SMTP paths and xtext parameters; header fields, encoded words (RFC 2047) and parameters
// (RFC 2231); every part of a multipart and messages in messages, under base64 and
// quoted-printable and in their charset; HTTP targets, fields, cookies, bodies under gzip,
// deflate and zstd, forms, multipart forms, JSON and JSON in JSON; and in any text percent
// escapes, character references, JSON escapes, base64, hexadecimal, gzip within these, one
// within the other to a depth of twelve. Hexadecimal and base64 digests (SHA-256, SHA-1,
// MD5) of addresses and numbers, as they are, in lower case, without tag and dots, become
// those of the pseudonyms where the identity stands in the item or was seen before by this
// cleaner: it remembers the last 32,768 to 65,536. That alone depends on what came before.
//
// What holds nobody is left byte for byte, and of what holds somebody only the encoded run
// is written anew: but quoted lines are broken again where they grew, base64 is encoded
// anew from end to end, and so are texts in charsets of several bytes. Content-Length and
// SIZE are mended; Content-MD5 and signatures such as DKIM no longer hold.
//
// # What cannot be cleared
//
// An item is refused, with an error that names nobody, where it is encrypted (S/MIME,
// OpenPGP); where a coding, charset or transfer encoding has no decoder or is broken; where
// a body of HTTP is neither text nor a picture or document; where a pseudonym cannot be
// written in the charset of the text; where a parameter in pieces holds somebody across
// them; where a field that by its name holds the digest of an identity (em, ph, ud[em],
// hashed_email, email_sha256 ...) has one that was never seen; and where a second look with
// decoders of its own still finds somebody. Of an answer that was cut, the body is left out
// instead.
//
// # What is not guaranteed
//
// Nobody is found who is not written in one of these forms: a name in prose, in the name of a
// file, in a path or in a search that no address, field, label, salutation or place gives, a name that is learnt later in a recording than it is
// written (an import is read twice), a street, an address spelled out ("jane at example dot org") or broken by
// markup, a salted digest, a digest elsewhere than in such a field whose identity was never
// seen. Host names, IP addresses elsewhere than in such fields, session
// cookies and opaque tokens stay: bindings need them. Equal values stay equal, which is the purpose, and tells their frequency. Short
// values have few pseudonyms, and the key must be kept as the traffic itself would be.
package pseudonym
