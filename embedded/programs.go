package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the oldest major version of PostgreSQL that Postern runs on.
const oldest = 15

// programs is one installation of PostgreSQL's server programs.
type programs struct {
	dir   string // holds postgres and initdb, symbolic links resolved
	major int
}

// versionLine is what `postgres -V` prints: "postgres (PostgreSQL) 15.16 (Debian …)". Betas say "19beta1".
var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// choosePrograms picks the installation to run: the cluster's own major version if there is a cluster, else the newest there is; and fetches one if there is none.
func choosePrograms(ctx context.Context, o PostgresOptions, s site) (programs, error) {
	found := findPrograms(ctx, programDirs(o, s.home), s.account)
	if s.home.hasCluster() {
		return matching(found, s.home)
	}
	if best, ok := newest(found); ok {
		return best, nil
	}
	if o.Fetch == FetchNever {
		return programs{}, noPrograms(errors.New("it is forbidden"))
	}
	if err := fetch(ctx, s.home, s.notice); err != nil {
		return programs{}, noPrograms(err)
	}
	if best, ok := newest(findPrograms(ctx, programDirs(o, s.home), s.account)); ok {
		return best, nil
	}
	return programs{}, noPrograms(fmt.Errorf("what was fetched does not run here as %s", s.account.name))
}

// noPrograms is the sentence for a machine without PostgreSQL.
func noPrograms(err error) error {
	return fmt.Errorf("no PostgreSQL %d or newer (looked on PATH and in %s), and fetching it failed: %w. Do one of: set POSTERN_DATABASE_URL; "+
		"apt-get install postgresql | brew install postgresql@17 | apk add postgresql; allow npm or apt-get to fetch it", oldest, strings.Join(usualPlaces, ", "), err)
}

// matching picks the programs of the cluster's version. Other versions are refused before they touch anything: PostgreSQL cannot read another major version's files.
func matching(found []programs, h home) (programs, error) {
	want := h.version()
	var have []string
	for _, p := range found {
		if strconv.Itoa(p.major) == want {
			return p, nil
		}
		have = append(have, fmt.Sprintf("%d (%s)", p.major, p.dir))
	}
	return programs{}, fmt.Errorf("%s was made by PostgreSQL %s; this machine has %s. Install %s, or move it with pg_upgrade or dump and restore. Nothing was changed",
		h.data(), cmp.Or(want, "of a version that cannot be read"), cmp.Or(strings.Join(have, ", "), "none"), cmp.Or(want, "that version"))
}

func newest(found []programs) (programs, bool) {
	found = slices.DeleteFunc(slices.Clone(found), func(p programs) bool { return p.major < oldest })
	if len(found) == 0 {
		return programs{}, false
	}
	return slices.MaxFunc(found, func(a, b programs) int { return cmp.Compare(a.major, b.major) }), true
}

// usualPlaces are where the packages of Debian, Red Hat, Alpine, Homebrew and Postgres.app put the server programs, most of them off the PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
}

// programDirs lists where programs may be, the operator's choice first.
func programDirs(o PostgresOptions, h home) []string {
	var dirs []string
	if o.BinDir != "" {
		dirs = append(dirs, o.BinDir)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(resolve(path)))
	}
	for _, place := range append(slices.Clone(usualPlaces), filepath.Join(h.programs(), "*", "bin")) {
		match, err := filepath.Glob(place)
		if err == nil { // the only error is a malformed pattern
			dirs = append(dirs, match...)
		}
	}
	return dirs
}

// resolve follows links: Debian's /usr/bin/postgres is one, and initdb looks for its files beside the real program.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// findPrograms asks the postgres program of each folder for its version, as the account that will run it. What does not answer is left out: it may be for another machine, or unreachable.
func findPrograms(ctx context.Context, dirs []string, a account) []programs {
	var found []programs
	seen := map[string]bool{}
	for _, dir := range dirs {
		dir = resolve(dir)
		if seen[dir] {
			continue
		}
		seen[dir] = true
		if major, ok := majorOf(ctx, dir, a); ok {
			found = append(found, programs{dir: dir, major: major})
		}
	}
	return found
}

func majorOf(ctx context.Context, dir string, a account) (int, bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return 0, false
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "-V")
	cmd.Env, cmd.Dir, cmd.SysProcAttr = childEnv(), "/", a.attributes()
	out, err := cmd.Output()
	if err != nil {
		return 0, false
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return 0, false
	}
	major, err := strconv.Atoi(string(match[1]))
	return major, err == nil
}
