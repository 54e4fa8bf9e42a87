package report

import (
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
)

// manyPeople is how many people's deliveries of production have a segment of a part's name
// that is shown: fewer may be of one household or one case.
const manyPeople = 10

// commonSegments are the segments of names of parts that stand in the deliveries of at
// least manyPeople people of production, as far as v holds them, in lower case.
func commonSegments(v *gate.Verdict) map[string]bool {
	had := map[string]map[string]bool{}
	for i := range v.Comparisons {
		for j := range v.Comparisons[i].Changes {
			c := &v.Comparisons[i].Changes[j]
			if c.Before == nil {
				continue
			}
			for _, e := range c.Edits {
				if e.NewPart {
					continue
				}
				for s := range strings.FieldsFuncSeq(e.Part, betweenSegments) {
					s = strings.ToLower(s)
					if had[s] == nil {
						had[s] = map[string]bool{}
					}
					if len(had[s]) >= manyPeople {
						continue
					}
					had[s][c.Before.Recipient.ID()] = true
					for _, r := range c.Before.Concerns {
						had[s][r.ID()] = true
					}
				}
			}
		}
	}
	out := map[string]bool{}
	for s, people := range had {
		if len(people) >= manyPeople {
			out[s] = true
		}
	}
	return out
}

func betweenSegments(r rune) bool { return strings.ContainsRune("/.[]$", r) }

// isStructural reports whether all words of a segment are such as forms and protocols have.
func isStructural(s string) bool {
	var word []rune
	all := true
	flush := func() {
		if len(word) > 0 {
			all = all && structural[string(word)]
			word = word[:0]
		}
	}
	for _, r := range s {
		switch {
		case !unicode.IsLetter(r):
			flush()
			continue
		case unicode.IsUpper(r) && len(word) > 0 && unicode.IsLower(rune(s[0])):
			flush()
		}
		word = append(word, unicode.ToLower(r))
	}
	flush()
	return all
}

// structural are words of names of parts, of header fields and of forms that are no names
// of people.
var structural = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`header query form body json xml text html plain attachment envelope from to cc bcc reply sender subject date message id in references mime version content type encoding transfer disposition
		description language location list unsubscribe post archive owner help subscribe return path received dkim signature arc authentication results delivered original x forwarded for host user agent accept charset cookie set
		authorization cache control etag origin referer link links href src alt title load comment comments css style hidden meta attribute method status code target url uri scheme port fragment name names filename size digest
		multipart part parts boundary body preheader charset transport tls via precedence priority importance auto submitted organization mailer feedback campaign tag tags topic queue channel event events kind class category
		account action active address addresses age amount api app area array assignee attributes balance batch birth birthday block book booking brand button by bytes call callback card cart case cell center change chat check checksum
		city client cnt color column company config contact contacts context count country coupon created created_at currency customer customers data day days db default delete delivery details device diagnosis direction discount dl doctor doctors
		document documents domain due duration email emails enabled end entries entry env error errors expires expiry export extra fail family features fee field fields file files filter first flag flags format full gender given group groups
		hash height hidden hiv hour icon image images index info inner input invoice invoices item items iban key keys kind label labels lang last lat level limit line lines list lng lon locale log login logo loan mail mails max member members menu
		metadata min minute mobile mode model month msg national news nickname nonce note notes notice notification notifications number object of offset on op open option options order orders out output owner page pages parameters params parent
		password patient patients payee payer payload payment payments people percent permission person persons phone phones photo pin place plan platform points position prefix price prices private product products profile properties property
		provider public purpose qty quantity question rate rating reason receipt recipient recipients record records ref reference region register related release reminder reports req request requests resource response result role room root
		route row rows rule rules run sale salary scale schedule scope score scores second secret section seq server service session sessions share shipping shop short sig site size sku slot slug sms sort source sources ssn staff start state store
		street string sub subs subtotal sum summary support surname tax tel telephone template templates test thread ticket tickets time timestamp timezone token total totals track tracking trace transaction transactions trigger true
		type types uid unit units update updated url user userid username users utm uuid val value values variant variables vars vat vendor verb visit visits wait ward warning web week weight width word words year zip`) {
		out[w] = true
	}
	return out
}()
