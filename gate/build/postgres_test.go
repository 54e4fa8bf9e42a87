//go:build linux

package build_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
)

// page is the page of the manual that shows how state is brought back.
const page = "../../.github/docs/accounts.md"

// shownState is [state] as the page shows it: the one that holds a text.
func shownState(t *testing.T, with string) *config.State {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "```toml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if !strings.HasPrefix(block, "[state]") || !strings.Contains(block, with) {
			continue
		}
		c, err := config.Parse("waybill.toml", t.TempDir(), []byte("version = 1\n[corpus]\npath = \"c.tape\"\n[sinks.mail]\nchannel = \"smtp\"\n[production]\ncommand = [\"a\"]\n[staging]\ncommand = [\"b\"]\n"+block))
		if err != nil {
			t.Fatal(err)
		}
		return c.State
	}
	t.Fatalf("%s shows no [state] with %s", page, with)
	return nil
}

// A postgres is a private server, which listens in a folder.
type postgres struct{ folder string }

// startPostgres starts one, which ends with the test. It is not run by root, which it refuses.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatalf("this test needs PostgreSQL: %v", err)
		}
		t.Skip("this test needs PostgreSQL")
	}
	bin := filepath.Dir(found[len(found)-1])
	folder, err := os.MkdirTemp("", "waybill-pg-") // short: it is the path of a socket, and open to another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	var attr *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir, cmd.SysProcAttr = folder, attr
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	data := filepath.Join(folder, "data")
	run("initdb", "-D", data, "-A", "trust", "--no-sync", "-U", "app")
	run("pg_ctl", "-D", data, "-l", filepath.Join(folder, "log"), "-t", "600", "-w", "-o", "-k "+folder+" -h '' -c fsync=off", "start")
	t.Cleanup(func() { run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop") })
	return &postgres{folder}
}

// A database of PostgreSQL is brought back as the manual shows it, of each build its own.
func TestStatePostgresIsBroughtBack(t *testing.T) {
	server := startPostgres(t)
	env := map[string]string{"PGHOST": server.folder, "PGUSER": "app"}
	do := func(sql string) {
		t.Helper()
		cmd := exec.Command("psql", "-v", "ON_ERROR_STOP=1", "-c", sql, "app_staging")
		cmd.Env = append(os.Environ(), "PGHOST="+server.folder, "PGUSER=app")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for name, with := range map[string]string{"a dump": "pg_dump", "a template": "kept_${role}"} {
		t.Run(name, func(t *testing.T) {
			s := site(t, func(c *config.Build, spec *build.Spec) {
				c.Env = env
				c.Setup = [][]string{
					{"dropdb", "--force", "--if-exists", "app_${role}"}, {"createdb", "app_${role}"},
					{"psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", "create table users (id serial primary key, name text); insert into users (name) values ('ann'), ('bob')", "app_${role}"},
				}
				spec.State = shownState(t, with)
			})
			for i, spoil := range []string{"insert into users (name) values ('cy'); delete from users where name = 'ann'", "drop table users", ""} {
				b := start(t, s)
				before, _ := b.Checked()
				b.Stop(t.Context())
				if before != "users 2 2\n" {
					t.Errorf("replay %d begins with %q", i+1, before)
				}
				if spoil != "" {
					do(spoil)
				}
			}
			do("insert into users (name) values ('dan')")
		})
	}
}
