package build

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func self() (string, error) { return "/proc/self/exe", nil } // also where the file was replaced or removed

// becomeReaper makes orphans among the descendants children of this process
// (prctl(2), PR_SET_CHILD_SUBREAPER).
func becomeReaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

func commandAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// A process is what /proc/PID/stat says (proc_pid_stat(5)).
type process struct {
	pid, parent int
	group       int
	name        string
	zombie      bool
	ticks       uint64 // of processor time, its own
	childTicks  uint64 // of the children that it has waited for
}

// descendants returns what descends from root, without root.
func descendants(root int) []process {
	_, below := family(root)
	return below
}

// family reads the process table once. The first value is nil where root has ended.
func family(root int) (*process, []process) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what was read counts: processes come and go anyhow
	children := make(map[int][]process, len(names))
	var top *process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, ok := readStat(pid)
		if !ok {
			continue
		}
		if pid == root {
			top = &p
		}
		children[p.parent] = append(children[p.parent], p)
	}
	var below []process
	seen := map[int]bool{root: true}
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, p := range children[next[0]] {
			if !seen[p.pid] {
				seen[p.pid] = true
				below = append(below, p)
				next = append(next, p.pid)
			}
		}
	}
	return top, below
}

func readStat(pid int) (process, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	// The name stands in parentheses and may hold any byte, parentheses too.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	p := process{pid: pid, name: string(text[open+1 : end])}
	fields := bytes.Fields(text[end+1:]) // from field 3, state
	if len(fields) < 15 {
		return process{}, false
	}
	number := func(field int) uint64 {
		n, err := strconv.ParseInt(string(fields[field-3]), 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return uint64(n)
	}
	p.zombie = fields[0][0] == 'Z' || fields[0][0] == 'X'
	p.parent, p.group = int(number(4)), int(number(5))
	p.ticks = number(14) + number(15)
	p.childTicks = number(16) + number(17)
	return p, true
}

// processorTicks returns the processor time that all descendants of root have
// taken, ended ones too, in clock ticks. It never falls while root lives.
func processorTicks(root int) (uint64, bool) {
	top, below := family(root)
	if top == nil {
		return 0, false
	}
	sum := top.childTicks
	for _, p := range below {
		sum += p.ticks + p.childTicks
	}
	return sum, true
}

// groupLeft reports whether a descendant of this process is in a group. The
// number of a group that is empty can be given to somebody else.
func groupLeft(group int) bool {
	return slices.ContainsFunc(descendants(os.Getpid()), func(p process) bool { return p.group == group })
}
