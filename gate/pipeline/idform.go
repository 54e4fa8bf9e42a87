package pipeline

// An idForm is what the ids at one place look like. The zero value is of none.
type idForm struct {
	N      uint64 `json:"n"`
	Lo     int    `json:"lo"` // bytes
	Hi     int    `json:"hi"`
	Alphas uint8  `json:"alphas"` // kinds of characters, see alphas
}

// idForms are those of places, by placeOf.
type idForms map[uint64]idForm

func formOf(value string) idForm { return idForm{1, len(value), len(value), alphas(value)} }

func (f *idForm) add(value string) { *f = f.join(formOf(value)) }

func (f idForm) join(o idForm) idForm {
	switch {
	case f.N == 0:
		return o
	case o.N == 0:
		return f
	}
	return idForm{f.N + o.N, min(f.Lo, o.Lo), max(f.Hi, o.Hi), f.Alphas | o.Alphas}
}

// like reports whether all of o could be among f: as long, but for one character, and of the same characters.
func (f idForm) like(o idForm) bool {
	return o.N > 0 && f.Lo-1 <= o.Lo && o.Hi <= f.Hi+1 && o.Alphas&^f.Alphas == 0
}

// near reports whether f and o may be made in one way: about as long.
func (f idForm) near(o idForm) bool { return f.Lo-nearLength <= o.Hi && o.Lo <= f.Hi+nearLength }

const nearLength = 4

// alphas gives the kinds of characters in s: figures, small letters, capitals, and, each for
// itself as far as that goes, marks.
func alphas(s string) (kinds uint8) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			kinds |= 1
		case 'a' <= c && c <= 'z':
			kinds |= 2
		case 'A' <= c && c <= 'Z':
			kinds |= 4
		case c == '-' || c == '_':
			kinds |= 8
		case c == '.' || c == '+' || c == '/' || c == '=':
			kinds |= 16
		case c == '@' || c == '<' || c == '>':
			kinds |= 32
		case c == ' ' || c == ',' || c == ';' || c == ':':
			kinds |= 64
		default:
			kinds |= 128
		}
	}
	return kinds
}
