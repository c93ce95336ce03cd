package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 100

// stat is what /proc/<pid>/stat says of a process (proc(5)).
type stat struct {
	pid, parent int
	ticks       int64 // user and system time, its own and that of its children that have ended and were waited for
}

// parseStat reads one line. The command stands in parentheses and may hold any character, so the fields are counted from its end.
func parseStat(line []byte) (stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, fmt.Errorf("no process: %q", line)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:open])))
	fields := strings.Fields(string(line[end+1:]))
	if err != nil || len(fields) < 15 {
		return stat{}, fmt.Errorf("no process: %q", line)
	}
	s := stat{pid: pid}
	if s.parent, err = strconv.Atoi(fields[1]); err != nil {
		return stat{}, err
	}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return stat{}, err
		}
		s.ticks += n
	}
	return s, nil
}

// cpuSeconds is the CPU time of a process, of all below it, and of those below it that have ended: their time went to whoever waited for them.
func cpuSeconds(root int) (float64, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	children, ticks := map[int][]int{}, map[int]int64{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		s, err := parseStat(line)
		if err != nil {
			return 0, err
		}
		ticks[s.pid] = s.ticks
		children[s.parent] = append(children[s.parent], s.pid)
	}
	if _, there := ticks[root]; !there {
		return 0, fmt.Errorf("process %d has ended", root)
	}
	var sum int64
	for below := []int{root}; len(below) > 0; {
		pid := below[0]
		below = append(below[1:], children[pid]...)
		sum += ticks[pid]
	}
	return float64(sum) / tick, nil
}

// memoryPeak is the most memory that a process has held so far, in MiB.
func memoryPeak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}
