package verdict

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// An approvals file is edited as text, block by block, so that what people wrote
// beside the entries stays: a block is the line [[approval]], what follows up to
// the next, and the comment lines right above it. What stands before the first
// block stays first.

// Approve returns the approvals file data with a added, and the blocks sorted by
// fingerprint. data must be valid, and may be empty; a must be too, and its last day
// must not have passed. What data has of that fingerprint is replaced. name stands for
// the file in errors.
func Approve(data []byte, name string, a gate.Approval, limits Limits) ([]byte, error) {
	old, err := ReadApprovals(bytes.NewReader(data), name, limits)
	if err != nil {
		return nil, err
	}
	had := len(old)
	old = slices.DeleteFunc(old, func(o gate.Approval) bool { return o.Fingerprint == a.Fingerprint })
	head, blocks := blocksOf(string(data))
	before := len(blocks)
	blocks = slices.DeleteFunc(blocks, func(b block) bool { return b.fingerprint == a.Fingerprint })
	if before-len(blocks) != had-len(old) {
		return nil, fmt.Errorf("add to approvals %s: its layout is not understood: write one [[approval]] table for each, at the start of a line", name)
	}
	blocks = append(blocks, block{a.Fingerprint, blockFor(&a)})
	text := joinBlocks(head, blocks)
	now, err := ReadApprovals(strings.NewReader(text), name, limits)
	if err != nil {
		return nil, fmt.Errorf("add an approval: %w", err)
	}
	if stateUnder(&a, 0, limits.Now) == gate.Expired {
		return nil, fmt.Errorf("add an approval: its last day, %s, has passed", a.Expires)
	}
	if len(now) != len(old)+1 || !slices.Contains(now, a) {
		return nil, fmt.Errorf("add to approvals %s: its layout is not understood: write one [[approval]] table for each, at the start of a line", name)
	}
	return []byte(text), nil
}

// Prune returns the approvals file data without the approvals of some
// fingerprints, and the blocks sorted. name stands for the file in errors.
func Prune(data []byte, name string, fingerprints []string, limits Limits) ([]byte, error) {
	old, err := ReadApprovals(bytes.NewReader(data), name, limits)
	if err != nil {
		return nil, err
	}
	head, blocks := blocksOf(string(data))
	blocks = slices.DeleteFunc(blocks, func(b block) bool { return slices.Contains(fingerprints, b.fingerprint) })
	text := joinBlocks(head, blocks)
	now, err := ReadApprovals(strings.NewReader(text), name, limits)
	if err != nil {
		return nil, fmt.Errorf("remove approvals: %w", err)
	}
	want := slices.DeleteFunc(old, func(a gate.Approval) bool { return slices.Contains(fingerprints, a.Fingerprint) })
	if !slices.Equal(now, want) {
		return nil, fmt.Errorf("remove from approvals %s: its layout is not understood: write one [[approval]] table for each, at the start of a line", name)
	}
	return []byte(text), nil
}

type block struct{ fingerprint, text string }

// blocksOf cuts a file into what stands before its first entry, and its entries.
func blocksOf(text string) (head string, blocks []block) {
	lines := strings.SplitAfter(text, "\n")
	var starts []int
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "[[approval]]") {
			from := i
			for from > 0 && strings.HasPrefix(strings.TrimSpace(lines[from-1]), "#") {
				from--
			}
			if len(starts) == 0 && from == 0 && i > 0 && !slices.ContainsFunc(lines[:i], func(l string) bool { return strings.TrimSpace(l) == "" }) {
				from = i // words at the top of a file are about the file
			}
			starts = append(starts, from)
		}
	}
	if len(starts) == 0 {
		return text, nil
	}
	head = strings.Join(lines[:starts[0]], "")
	for n, from := range starts {
		to := len(lines)
		if n+1 < len(starts) {
			to = starts[n+1]
		}
		b := block{text: strings.Join(lines[from:to], "")}
		for _, line := range lines[from:to] {
			if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "fingerprint" {
				b.fingerprint = strings.Trim(strings.TrimSpace(value), `"'`)
				if len(b.fingerprint) > len(gate.FingerprintScheme)+33 {
					b.fingerprint = b.fingerprint[:len(gate.FingerprintScheme)+33]
				}
			}
		}
		blocks = append(blocks, b)
	}
	return head, blocks
}

func joinBlocks(head string, blocks []block) string {
	slices.SortStableFunc(blocks, func(a, b block) int { return strings.Compare(a.fingerprint, b.fingerprint) })
	var out strings.Builder
	if head = strings.TrimRight(head, "\n"); head != "" {
		out.WriteString(head + "\n")
	}
	for _, b := range blocks {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(strings.Trim(b.text, "\n") + "\n")
	}
	return out.String()
}

// blockFor is an approval as it is written.
func blockFor(a *gate.Approval) string {
	return fmt.Sprintf("[[approval]]\nfingerprint = %s\ncheck = %s\nscope = %s\nmax_messages = %d\nreason = %s\nrequested_by = %s\napproved_by = %s\nexpires = %s\n",
		tomlString(a.Fingerprint), tomlString(a.Check), tomlString(a.Scope), a.MaxMessages, tomlString(a.Reason), tomlString(a.RequestedBy), tomlString(a.ApprovedBy), tomlString(a.Expires))
}

// tomlString is s as a basic string of TOML 1.0.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case !strconv.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// For makes the approval of a finding that a verdict holds, to be completed by its
// reason, people and last day. It is of the verdict's corpus and of as many
// messages as the finding has.
func For(v *gate.Verdict, fingerprint string) (gate.Approval, error) {
	for i := range v.Findings {
		f := &v.Findings[i]
		if f.Fingerprint != fingerprint {
			continue
		}
		if f.Severity != gate.Block {
			return gate.Approval{}, fmt.Errorf("%s is a %s and blocks nothing: there is nothing to approve", fingerprint, f.Severity)
		}
		if v.Corpus == "" {
			return gate.Approval{}, errors.New("the verdict does not say which corpus it is of: an approval of it would have no scope")
		}
		return gate.Approval{Fingerprint: f.Fingerprint, Check: f.Check, Scope: v.Corpus, MaxMessages: f.Count}, nil
	}
	return gate.Approval{}, fmt.Errorf("the verdict has no finding %q: give a whole fingerprint", fingerprint)
}
