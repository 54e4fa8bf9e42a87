package canon

import "fmt"

// MarkupTokens is the document as its tokens, one string each, for comparing with
// another tokeniser; a document that ends within a tag ends in that rest.
func MarkupTokens(doc []byte) (tokens []string, repeated bool) {
	m := markup{doc: appendUnixLines(nil, doc)}
	for {
		switch kind := m.next(); kind {
		case endToken:
			return append(tokens, fmt.Sprintf("end %q", m.rest())), repeated
		case textToken:
			tokens = append(tokens, fmt.Sprintf("text %q", m.value(kind)))
		case commentToken:
			tokens = append(tokens, fmt.Sprintf("comment %q", m.value(kind)))
		case doctypeToken:
			tokens = append(tokens, "doctype")
		case closeToken:
			tokens = append(tokens, fmt.Sprintf("close %q", m.name()))
		case startToken:
			tag := fmt.Sprintf("start %q", m.name())
			seen := make(map[string]bool)
			for _, a := range m.attrs {
				key := string(m.lower(a.key))
				if seen[key] {
					repeated = true
					continue
				}
				seen[key] = true
				tag += fmt.Sprintf(" %q=%q", key, m.attributeValue(a.value))
			}
			if m.closed {
				tag += " closed"
			}
			tokens = append(tokens, tag)
		}
	}
}
