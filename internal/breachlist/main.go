// Command breachlist makes identity/breached/breached.bin out of lists of leaked passwords, one a line, the most common first.
//
//	go run ./internal/breachlist -out identity/breached/breached.bin -sample identity/breached/testdata/top.txt.gz 10_million_password_list_top_1M.txt …
//
// Of each list it takes the first 100,000, and of the rest those of at least eight characters, since no level allows fewer: in lower case, as identity asks. Lines that are no UTF-8 are left out.
// The sample is the first 100,000 of the first list, for the test that none is missed.
package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"postern/identity/breached"
)

const (
	top      = 100_000
	shortest = 8
)

func main() {
	out := flag.String("out", "identity/breached/breached.bin", "the list that is written")
	sample := flag.String("sample", "", "the first 100,000 of the first list, for the test")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("breachlist: name the lists")
	}
	var texts []string
	for i, name := range flag.Args() {
		lines, err := read(name)
		if err != nil {
			log.Fatalf("breachlist: %v", err)
		}
		for n, line := range lines {
			if n < top || utf8.RuneCountInString(line) >= shortest {
				texts = append(texts, line)
			}
		}
		if i == 0 && *sample != "" {
			if err := keep(*sample, lines[:min(top, len(lines))]); err != nil {
				log.Fatalf("breachlist: %v", err)
			}
		}
	}
	list, err := breached.Make(texts)
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range texts {
		if !list.Has(text) {
			log.Fatalf("breachlist: the list that was made misses %q", text)
		}
	}
	if err := os.WriteFile(*out, list.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d entries, %d bytes, SHA-256 %x", list.Size, len(list.Bytes()), sha256.Sum256(list.Bytes()))
}

// read reads a list. Of the list that the UK's NCSC published, the words at its head are left out.
func read(name string) (lines []string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := true
	in := bufio.NewScanner(file)
	for in.Scan() {
		line := strings.TrimRight(in.Text(), "\r")
		if head && (strings.HasPrefix(line, "***") || line == "--" || line == "") {
			continue
		}
		head = false
		if line != "" && utf8.ValidString(line) && !strings.Contains(line, "\uFFFD") {
			lines = append(lines, strings.ToLower(line))
		}
	}
	return lines, in.Err()
}

// keep writes lines, packed.
func keep(name string, lines []string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := packed.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return file.Close()
}
