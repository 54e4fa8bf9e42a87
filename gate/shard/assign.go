package shard

import (
	"encoding/binary"
	"fmt"
	"iter"
	"regexp"
	"strconv"

	"crypto/sha256"

	"github.com/waybill-dev/waybill/gate"
)

// Max is the most shards that a corpus can be replayed in: the jobs of a matrix.
const Max = 256

// An Of is one shard of so many.
type Of struct {
	Number int `json:"number"` // from 1
	Total  int `json:"total"`  // from 1 to [Max]
}

var form = regexp.MustCompile(`^([1-9][0-9]{0,2})/([1-9][0-9]{0,2})$`)

// Parse reads "3/8".
func Parse(s string) (Of, error) {
	m := form.FindStringSubmatch(s)
	if m == nil {
		return Of{}, fmt.Errorf("shard %q is not written as 3/8: the third of eight", s)
	}
	n, _ := strconv.Atoi(m[1])
	total, _ := strconv.Atoi(m[2])
	if n > total || total > Max {
		return Of{}, fmt.Errorf("shard %q: there are at most %d, numbered from 1", s, Max)
	}
	return Of{n, total}, nil
}

// String is the shard as [Parse] reads it.
func (o Of) String() string { return fmt.Sprintf("%d/%d", o.Number, o.Total) }

// An Assignment says which stimuli belong to a shard.
type Assignment struct {
	of     Of
	parent map[uint64]uint64 // of sessions that are joined, by digest; a root has none
	count  uint64
}

// Assign reads all stimuli of a corpus and says which belong to o. It keeps some
// tens of bytes for each stimulus while it reads, and then only what sessions are
// joined. An error of stimuli is returned as it is.
func Assign(o Of, stimuli iter.Seq2[gate.Stimulus, error]) (*Assignment, error) {
	a := &Assignment{of: o, parent: map[uint64]uint64{}}
	sessions := map[uint64]uint64{} // of a stimulus, by id
	all := []uint64{}
	for s, err := range stimuli {
		if err != nil {
			return nil, err
		}
		session := sessionOf(&s)
		for i := range s.Bindings {
			if from, known := sessions[digest(s.Bindings[i].From)]; known {
				a.join(session, from)
			}
		}
		sessions[digest(s.ID)] = session
		all = append(all, session)
	}
	for _, session := range all {
		if a.number(session) == o.Number {
			a.count++
		}
	}
	return a, nil
}

// Has reports whether s belongs to the shard.
func (a *Assignment) Has(s *gate.Stimulus) bool { return a.number(sessionOf(s)) == a.of.Number }

// Count is how many stimuli belong to the shard.
func (a *Assignment) Count() uint64 { return a.count }

func (a *Assignment) number(session uint64) int {
	return int(a.root(session)%uint64(a.of.Total)) + 1
}

func (a *Assignment) root(x uint64) uint64 {
	for {
		up, ok := a.parent[x]
		if !ok {
			return x
		}
		if next, ok := a.parent[up]; ok {
			a.parent[x] = next
		}
		x = up
	}
}

// join makes two sessions one. The smaller digest leads, so that the order in which
// stimuli stand decides nothing.
func (a *Assignment) join(x, y uint64) {
	x, y = a.root(x), a.root(y)
	if x != y {
		a.parent[max(x, y)] = min(x, y)
	}
}

// sessionOf is the digest of what keeps stimuli together: their key, or their id
// where they have none.
func sessionOf(s *gate.Stimulus) uint64 {
	if s.Key != "" {
		return digest("key " + s.Key)
	}
	return digest("id " + s.ID)
}

func digest(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:8])
}
