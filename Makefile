# make run     start Postern with nothing configured, under ./data
# make demo    fill the running system with believable mail
# make test    every test, from a fresh clone
# make check   format, vet, staticcheck, the house test, every test with -race
# make bench   speed beside Postfix and a bare SMTP server, in one run
# make bench-portal the pages of the portal with 200,000 tickets and 1,000,000 messages, which are made first
# make compare our verdicts beside those of dkimpy, Mail::DKIM, pyspf and rspamd, on thousands of mails
# make rotation 10,000 replies while DKIM keys change: every signature judged by dkimpy and OpenDKIM
# make hydra   ten minutes of guesses at sign-in by hydra, while the owner signs in (HYDRA_TIME)
# make chaos   the crash tests ten times over: E2E_ROUNDS=10
# make sink    a real rsyslog is killed for a minute while the audit log is sent to it: nothing is missing
# make screens a picture of every page at three widths and in both themes, under ./screens (SCREENS=folder; SCREENS_ONLY, SCREENS_LANGUAGE and SCREENS_WIDTHS say which)
SHELL := /bin/bash
.DELETE_ON_ERROR:
export GOTOOLCHAIN ?= local

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.PHONY: build run demo test check scan bench bench-portal compare rotation hydra chaos sink screens fuzz fmt lint clean tools-run tools-test tools-bench

build:
	@scripts/need go git
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/postern ./cmd/postern

# exec: a signal must reach the program itself, which stops its database and lets mail under way finish
run: build
	@scripts/need postgresql
	@exec bin/postern serve

demo: build
	@go run ./cmd/demo

test:
	@scripts/need go git postgresql chromium dkim compare swaks rspamd clamd milter postfix exim wrappers mtasts knot unbound pebble hydra simplesaml rsyslog fail2ban oathtool curl
	go run ./internal/testkit/withpg go test -timeout 20m ./...

check: fmt lint
	@scripts/need go git gcc postgresql chromium dkim compare swaks rspamd clamd milter postfix exim wrappers mtasts knot unbound pebble hydra simplesaml rsyslog fail2ban oathtool curl
	go run ./internal/testkit/withpg go test -race -timeout 20m ./...

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

lint:
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# known vulnerabilities, and what gosec finds; with VULNDB=folder of reports (data/osv of golang/vulndb) on machines that reach no database
GOSEC_EXCEPT = G104,G115,G304
scan: lint
	@scripts/need go git
	@if [ -n "$(VULNDB)" ]; then d=$$(mktemp -d) && go run ./internal/vulndb $(VULNDB) $$d && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db file://$$d ./...; else go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...; fi
	go run github.com/securego/gosec/v2/cmd/gosec@v2.30.0 -quiet -no-fail -fmt json -exclude=$(GOSEC_EXCEPT) ./... | go run ./internal/findings

bench:
	@scripts/need go git postgresql postfix opendkim
	go run ./cmd/bench

bench-portal:
	@scripts/need go git postgresql
	go run ./cmd/bench portal

compare:
	@scripts/need go git dkim compare rspamd
	E2E_COMPARE=full go test -timeout 60m -count=1 -v ./e2e/compare

# a short form is part of make test
rotation:
	@scripts/need go git postgresql dkim knot
	ROTATION_MAILS=10000 go test -timeout 60m -count=1 -v -run 'TestRotationLeavesNoMailUnsigned' ./jobs

# a short form is part of make test
HYDRA_TIME ?= 10m
hydra:
	@scripts/need go git postgresql hydra
	HYDRA_TIME=$(HYDRA_TIME) go test -timeout 60m -count=1 -v -run 'TestHydraAtTheDoor' ./e2e

# kill -9 of everything, at random moments under load, for E2E_ROUNDS (default 10) times as long as in make test
E2E_ROUNDS ?= 10
chaos:
	@scripts/need go git postgresql
	E2E_ROUNDS=$(E2E_ROUNDS) go test -timeout 60m -count=1 -v -run 'TestNothingIsLost' ./e2e

# a real syslog server dies for a minute under load; a short form is part of make test
sink:
	@scripts/need go git postgresql rsyslog
	SINK_DOWN=60s go test -timeout 10m -count=1 -v -run 'TestRsyslogMissesNothing' ./audit

# each fuzz target for FUZZTIME (default 10m); the short version is part of make test, which runs every kept case
FUZZTIME ?= 10m
fuzz:
	@scripts/fuzz $(FUZZTIME)

# where the pages are looked at: screens/index.html shows them all
SCREENS ?= screens
screens:
	@scripts/need go git postgresql chromium
	SCREENS=$(abspath $(SCREENS)) go run ./internal/testkit/withpg go test -count=1 -timeout 30m -run 'TestScreens' ./portal
	@echo "look at $(SCREENS)/index.html"

clean:
	rm -rf bin
