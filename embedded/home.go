package embedded

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// mostLog is the size in bytes from which the server's log is set aside at a start; one older log is kept.
const mostLog = 10 << 20

// mostSocket is the longest path of a unix socket in bytes, without its final NUL: 104 on macOS and the BSDs, 108 on Linux.
const mostSocket = 103

// account is whom the server runs as. PostgreSQL refuses to run as root, so root lends it an account without rights; anybody else runs it as themselves.
type account struct {
	name     string
	uid, gid int
	drop     bool // we are root: become the account
}

// serverAccount finds the account. It must have a name: initdb looks its own user id up.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "the current user", uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name: name, uid: uid, gid: gid, drop: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root and this machine has neither a postgres nor a nobody account: run Postern as another user, or set POSTERN_DATABASE_URL")
}

// attributes make a child run as the account.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// own gives a path to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// blocked returns the first folder on the way to path that the account may not pass through, or the empty string. Folders that do not exist yet count as passable: we make them so.
func (a account) blocked(path string) string {
	if !a.drop {
		return ""
	}
	at := "/"
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		at = filepath.Join(at, part)
		info, err := os.Stat(at)
		if err != nil {
			return ""
		}
		need := fs.FileMode(0o001)
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			switch {
			case int(stat.Uid) == a.uid:
				need = 0o100
			case int(stat.Gid) == a.gid:
				need = 0o010
			}
		}
		if info.IsDir() && info.Mode()&need == 0 {
			return at
		}
	}
	return ""
}

// letThrough opens a folder of ours to the account, for passing through only, if nothing above it is closed. What is in it has permissions of its own.
func (a account) letThrough(dir string) error {
	if a.blocked(dir) != dir {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}

// home is the folder of one cluster. The folder itself stays ours, so that the server's account cannot plant links where we write; data and run are the account's.
type home struct{ root string }

func (h home) data() string     { return filepath.Join(h.root, "data") }
func (h home) log() string      { return filepath.Join(h.root, "log") }
func (h home) programs() string { return filepath.Join(h.root, "bin") }
func (h home) pidFile() string  { return filepath.Join(h.data(), "postmaster.pid") }

// version is the major version that the cluster was made by, or empty when there is no cluster.
func (h home) version() string {
	text, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (h home) hasCluster() bool {
	_, err := os.Lstat(h.data())
	return err == nil
}

// placeHome finds or makes the cluster's folder: <data>/pg. When we are root and the account cannot get there (./data in root's own home), the cluster goes elsewhere
// and <data>/pg is a link to it. Its name there is new each time: to remove the data folder is to start afresh, and must not bring an old database back.
func placeHome(o PostgresOptions, a account) (home, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return home{}, fmt.Errorf("find data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return home{}, fmt.Errorf("make data folder: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return home{}, fmt.Errorf("find data folder: %w", err)
	}
	if err := a.letThrough(dir); err != nil {
		return home{}, fmt.Errorf("let %s pass through the data folder: %w", a.name, err)
	}
	pg := filepath.Join(dir, "pg")
	_, err = os.Lstat(pg)
	if errors.Is(err, fs.ErrNotExist) && a.blocked(dir) != "" {
		err = placeElsewhere(o, pg, a)
	} else if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(pg, 0o711); err == nil {
			err = os.Chmod(pg, 0o711) // past the umask
		}
	}
	if err != nil {
		return home{}, fmt.Errorf("make database folder: %w", err)
	}
	root, err := filepath.EvalSymlinks(pg)
	if err != nil {
		return home{}, fmt.Errorf("find database folder: %w", err)
	}
	if at := a.blocked(root); at != "" {
		return home{}, fmt.Errorf("the account %s, as which PostgreSQL runs, cannot pass through %s to the database in %s: move the data folder, or run chmod o+x %s", a.name, at, root, at)
	}
	return home{root: root}, nil
}

func placeElsewhere(o PostgresOptions, pg string, a account) error {
	elsewhere := o.Elsewhere
	if elsewhere == "" {
		elsewhere = "/var/lib/postern"
	}
	if err := os.MkdirAll(elsewhere, 0o711); err != nil {
		return err
	}
	if err := a.letThrough(elsewhere); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(pg))
	folder, err := os.MkdirTemp(elsewhere, "pg-"+hex.EncodeToString(sum[:4])+"-")
	if err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o711); err != nil { // MkdirTemp makes 0700
		return err
	}
	if err := os.Symlink(folder, pg); err != nil {
		return err
	}
	o.Notice(fmt.Sprintf("the account %s, as which PostgreSQL runs, cannot reach %s: the database is kept in %s", a.name, filepath.Dir(pg), folder))
	return nil
}

// lockFolder takes a folder for this process. The kernel frees it when we end, however we end.
func lockFolder(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another instance is using %s: stop it, or choose another data folder", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lock, nil
}

// password reads the database password, making it at the first start. It keeps other accounts of the machine out.
func (h home) password() (string, error) {
	path := filepath.Join(h.root, "password")
	text, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(text))) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read database password: %w", err)
	}
	if h.hasCluster() {
		return "", fmt.Errorf("the database password in %s is gone: restore the file from a backup", path)
	}
	fresh := make([]byte, 24)
	rand.Read(fresh) // never fails (crypto/rand)
	password := base64.RawURLEncoding.EncodeToString(fresh)
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep database password: %w", err)
	}
	return password, nil
}

// lendPassword writes the password where initdb can read it as the account, and nobody else can. The caller removes the file.
func (h home) lendPassword(a account, password string) (path string, err error) {
	path = filepath.Join(h.root, "password.lent")
	if err := os.RemoveAll(path); err != nil { // of a start that was interrupted
		return "", fmt.Errorf("lend database password: %w", err)
	}
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("lend database password: %w", err)
	}
	if err := a.own(path); err != nil {
		return "", fmt.Errorf("lend database password: %w", err)
	}
	return path, nil
}

// socketDir is the folder of the unix socket: run, or a short one in /tmp when the path would be too long for the kernel.
func (h home) socketDir(a account) (string, error) {
	dir := filepath.Join(h.root, "run")
	if len(dir)+len("/.s.PGSQL."+socketPort) > mostSocket {
		sum := sha256.Sum256([]byte(h.root))
		dir = "/tmp/pg-" + hex.EncodeToString(sum[:8])
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = a.own(dir)
	} else if errors.Is(err, fs.ErrExist) {
		err = a.mustOwn(dir)
	}
	if err != nil {
		return "", fmt.Errorf("make socket folder: %w", err)
	}
	return dir, nil
}

// mustOwn refuses a folder that somebody else may have put in our way.
func (a account) mustOwn(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != a.uid || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is there already and is not a folder of %s alone: remove it", dir, a.name)
	}
	return nil
}

// openLog opens the server's log, setting a large one aside first.
func (h home) openLog() (*os.File, error) {
	if info, err := os.Stat(h.log()); err == nil && info.Size() > mostLog {
		if err := os.Rename(h.log(), h.log()+".1"); err != nil {
			return nil, fmt.Errorf("set database log aside: %w", err)
		}
	}
	log, err := os.OpenFile(h.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database log: %w", err)
	}
	return log, nil
}

// postmaster reads the process id and the state from postmaster.pid (PostgreSQL's pidfile.h: lines 1 and 8), or 0 when there is no such file or it is not complete.
func (h home) postmaster() (pid int, state string) {
	file, err := os.Open(h.pidFile())
	if err != nil {
		return 0, ""
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		switch n {
		case 1:
			pid, _ = strconv.Atoi(strings.TrimSpace(lines.Text()))
		case 8:
			state = strings.TrimSpace(lines.Text())
		}
	}
	return pid, state
}
