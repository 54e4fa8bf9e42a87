package build

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A guarded command runs in a mount namespace of its own, in which the paths of a [Guard] cannot
// be written, or not be seen. Where this process is not root that needs a user namespace, in
// which it is the same user. The command and its descendants do not have what undoes it:
//
//	CAP_SYS_ADMIN        mounting
//	CAP_SYS_PTRACE       reaching into this process, which sees all as it is
//	CAP_DAC_READ_SEARCH  opening a file by its handle, past the mount
//	CAP_SYS_MODULE       loading code into the kernel
//	CAP_PERFMON          reading the environment of this process, in which secrets may stand
//
// What this does not hold against: a build that runs as root and goes through another process of
// root's, outside of the namespace, that has no more capabilities than it has itself. What was
// written is held to what is read all the same.
const (
	guardVar = "WAYBILL_GUARD" // set in the environment of a supervisor: paths, a list of [guardList]
	listSep  = "\x1f"
)

var undoing = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_MODULE, unix.CAP_PERFMON}

// privileged are programs that do not work in a user namespace of one user: they become
// another user, or make namespaces of their own.
var privileged = []string{"sudo", "su", "doas", "podman", "buildah", "docker-rootless", "bwrap", "unshare", "nsenter", "newuidmap"}

// holds reports whether this machine lets a process be guarded. It is tried once.
var holds = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "waybill-guard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	g := &Guard{ReadOnly: []string{dir}}
	c := &command{argv: []string{"/bin/sh", "-c", `if (echo >"$0/x") 2>/dev/null; then exit 1; fi`, dir}, dir: "/", env: os.Environ(), out: &output{}, guard: g}
	r, err := c.start()
	if err != nil {
		return err
	}
	<-r.gone
	r.kill()
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil || r.lost != nil || !r.status.ok() {
		return errors.New("what is guarded could be written")
	}
	return nil
})

// guarding sets up the process of a supervisor whose command is guarded.
func (c *command) guarding(cmd *exec.Cmd) {
	g := c.guard
	cmd.Env = append(cmd.Env, guardVar+"="+strings.Join(g.ReadOnly, listSep)+listSep+listSep+strings.Join(g.Hidden, listSep))
	attr := cmd.SysProcAttr
	attr.Cloneflags |= unix.CLONE_NEWNS
	if os.Geteuid() == 0 {
		return
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
}

// enforce makes the mounts of a guard, in a supervisor, and gives up what would undo them in the
// thread that starts the command.
func enforce() error {
	list, ok := os.LookupEnv(guardVar)
	if !ok {
		return nil
	}
	os.Unsetenv(guardVar)
	readOnly, hidden, _ := strings.Cut(list, listSep+listSep)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("guard the evidence: keep mounts apart: %w", err)
	}
	for _, path := range split(readOnly) {
		if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("guard %s: %w", path, err)
		}
		if err := remountReadOnly(path); err != nil {
			return fmt.Errorf("guard %s: %w", path, err)
		}
	}
	for _, path := range split(hidden) {
		if err := unix.Mount("none", path, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=4k"); err != nil {
			return fmt.Errorf("guard %s: %w", path, err)
		}
	}
	return giveUp()
}

// remountReadOnly makes a bind mount read-only. Flags that the mount below has must stay.
func remountReadOnly(path string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return err
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY)
	for _, f := range [][2]uintptr{{unix.ST_NOSUID, unix.MS_NOSUID}, {unix.ST_NODEV, unix.MS_NODEV}, {unix.ST_NOEXEC, unix.MS_NOEXEC}, {unix.ST_NOATIME, unix.MS_NOATIME}, {unix.ST_RELATIME, unix.MS_RELATIME}} {
		if uintptr(s.Flags)&f[0] != 0 {
			flags |= f[1]
		}
	}
	return unix.Mount("", path, "", flags, "")
}

// giveUp leaves the calling thread, and what it starts, without the capabilities that undo a guard.
func giveUp() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("guard the evidence: give up capabilities: %w", err)
	}
	for _, c := range undoing {
		// Without CAP_SETPCAP there is nothing to drop: programs of a user who is not root get none.
		// A capability that the kernel does not know is none.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("guard the evidence: give up capabilities: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("guard the evidence: give up capabilities: %w", err)
	}
	for _, c := range undoing {
		i, bit := c/32, uint32(1)<<(c%32)
		data[i].Effective &^= bit
		data[i].Permitted &^= bit
		data[i].Inheritable &^= bit
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("guard the evidence: give up capabilities: %w", err)
	}
	return nil
}

func split(list string) []string {
	return slices.DeleteFunc(strings.Split(list, listSep), func(s string) bool { return s == "" })
}
