package diff

import (
	"slices"
	"strings"
)

// An edit says that b[b0:b1] stands where a[a0:a1] stands on the other side.
type edit struct{ b0, b1, a0, a1 int }

// mostCells bounds the table of a longest common subsequence; a region that
// needs a larger one is stated as replaced whole.
const mostCells = 1 << 18

// script gives the edits that turn b into a, in order, no two adjacent. Text is
// first aligned by its lines, then each changed region by its words: by the words
// that occur once on each side, then by a longest common subsequence.
func script(b, a []string) []edit {
	s := scripter{b: b, a: a}
	lines(b, a, func(b0, b1, a0, a1 int) {
		walk(b[b0:b1], a[a0:a1], func(i0, i1, j0, j1 int) { s.common(b0+i0, b0+i1, a0+j0, a0+j1) })
	})
	return s.merged()
}

type scripter struct {
	b, a  []string
	edits []edit
}

// common states the edits of a region by a longest common subsequence.
func (s *scripter) common(b0, b1, a0, a1 int) {
	n, m := b1-b0, a1-a0
	if n*m > mostCells || n == 0 || m == 0 {
		s.edits = append(s.edits, edit{b0, b1, a0, a1})
		return
	}
	table := make([]uint16, (n+1)*(m+1)) // a length is at most the root of mostCells
	row := m + 1
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if s.b[b0+i] == s.a[a0+j] {
				table[i*row+j] = table[(i+1)*row+j+1] + 1
			} else {
				table[i*row+j] = max(table[(i+1)*row+j], table[i*row+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < n || j < m {
		i0, j0 := i, j
		for i < n || j < m {
			if i < n && j < m && s.b[b0+i] == s.a[a0+j] {
				break
			}
			if j == m || i < n && table[(i+1)*row+j] >= table[i*row+j+1] {
				i++
			} else {
				j++
			}
		}
		if i > i0 || j > j0 {
			s.edits = append(s.edits, edit{b0 + i0, b0 + i, a0 + j0, a0 + j})
		}
		for i < n && j < m && s.b[b0+i] == s.a[a0+j] {
			i, j = i+1, j+1
		}
	}
}

// merged joins edits that touch.
func (s *scripter) merged() []edit {
	var out []edit
	for _, e := range s.edits {
		if n := len(out); n > 0 && out[n-1].b1 == e.b0 && out[n-1].a1 == e.a0 {
			out[n-1].b1, out[n-1].a1 = e.b1, e.a1
			continue
		}
		out = append(out, e)
	}
	return out
}

// lines calls region for each run of lines that is not the same on both sides.
func lines(b, a []string, region func(b0, b1, a0, a1 int)) {
	bl, bs := cut(b)
	al, as := cut(a)
	walk(bl, al, func(b0, b1, a0, a1 int) { region(bs[b0], bs[b1], as[a0], as[a1]) })
}

// cut joins words to lines, each with its end, and says where each line starts;
// the last start is the number of words.
func cut(words []string) (lines []string, starts []int) {
	start := 0
	for i, w := range words {
		if w == "\n" || i == len(words)-1 {
			n := 0
			for _, x := range words[start : i+1] {
				n += len(x) + 1
			}
			line := make([]byte, 0, n)
			for _, x := range words[start : i+1] {
				line = append(append(line, x...), 0)
			}
			lines = append(lines, string(line))
			starts = append(starts, start)
			start = i + 1
		}
	}
	return lines, append(starts, len(words))
}

// walk aligns b and a by the elements that occur once on each side, again within
// each region between two of them, and calls region for what is left. Where numbers
// alone differ, each stands for the one at its place: one that is equal to another's
// is so by chance.
func walk(b, a []string, region func(b0, b1, a0, a1 int)) {
	type job struct{ b0, b1, a0, a1 int }
	stack := []job{{0, len(b), 0, len(a)}}
	for len(stack) > 0 {
		j := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for j.b0 < j.b1 && j.a0 < j.a1 && b[j.b0] == a[j.a0] {
			j.b0, j.a0 = j.b0+1, j.a0+1
		}
		for j.b0 < j.b1 && j.a0 < j.a1 && b[j.b1-1] == a[j.a1-1] {
			j.b1, j.a1 = j.b1-1, j.a1-1
		}
		if j.b0 == j.b1 && j.a0 == j.a1 {
			continue
		}
		if numbersAlone(b[j.b0:j.b1], a[j.a0:j.a1]) {
			for i := range j.b1 - j.b0 {
				if b[j.b0+i] != a[j.a0+i] {
					region(j.b0+i, j.b0+i+1, j.a0+i, j.a0+i+1)
				}
			}
			continue
		}
		anchors := unique(b[j.b0:j.b1], a[j.a0:j.a1])
		if len(anchors) == 0 {
			region(j.b0, j.b1, j.a0, j.a1)
			continue
		}
		// Pushed last to first, so that regions are called in order.
		end := job{j.b1, j.b1, j.a1, j.a1}
		for _, k := range slices.Backward(anchors) {
			bi, ai := j.b0+k[0], j.a0+k[1]
			stack = append(stack, job{bi + 1, end.b0, ai + 1, end.a0})
			end = job{bi, bi, ai, ai}
		}
		stack = append(stack, job{j.b0, end.b0, j.a0, end.a0})
	}
}

// numbersAlone reports whether b and a are the same words, but for numbers where the
// other has numbers.
func numbersAlone(b, a []string) bool {
	if len(b) != len(a) {
		return false
	}
	for i := range b {
		if b[i] != a[i] && !(isNumber(b[i]) && isNumber(a[i])) {
			return false
		}
	}
	return true
}

// isNumber reports whether a word begins as a number does, and is no line.
func isNumber(w string) bool {
	return w != "" && '0' <= w[0] && w[0] <= '9' && strings.IndexByte(w, 0) < 0
}

// unique gives index pairs of the elements that occur once in b and once in a,
// the longest run of them that is in order on both sides.
func unique(b, a []string) [][2]int {
	type place struct{ nb, na, b, a int }
	places := make(map[string]*place, len(b))
	for i, w := range b {
		p := places[w]
		if p == nil {
			p = &place{}
			places[w] = p
		}
		p.nb++
		p.b = i
	}
	for i, w := range a {
		if p := places[w]; p != nil {
			p.na++
			p.a = i
		}
	}
	var seq [][2]int
	for i, w := range b {
		if p := places[w]; p.nb == 1 && p.na == 1 && w != "\n" {
			seq = append(seq, [2]int{i, p.a})
		}
	}
	return increasing(seq)
}

// increasing gives a longest subsequence of seq that rises in its second element.
func increasing(seq [][2]int) [][2]int {
	tails := make([]int, 0, len(seq)) // indexes into seq
	prev := make([]int, len(seq))
	for i, s := range seq {
		at, _ := slices.BinarySearchFunc(tails, s[1], func(t, v int) int { return seq[t][1] - v })
		prev[i] = -1
		if at > 0 {
			prev[i] = tails[at-1]
		}
		if at == len(tails) {
			tails = append(tails, i)
		} else {
			tails[at] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	out := make([][2]int, len(tails))
	for i, k := len(tails)-1, tails[len(tails)-1]; i >= 0; i, k = i-1, prev[k] {
		out[i] = seq[k]
	}
	return out
}
