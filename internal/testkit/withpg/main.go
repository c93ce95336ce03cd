// Command withpg promises its arguments, run as a command, one throw-away PostgreSQL for all the test programs in it: withpg go test ./...
//
// It is for the machine of a developer or a builder; packages tested without it start a server each.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"postern/internal/testkit"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withpg COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	url, err := testkit.StartPostgres()
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		os.Exit(1)
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Env = append(os.Environ(), testkit.SharedPostgres+"="+url)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		os.Exit(1)
	}
}
