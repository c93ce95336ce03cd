package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// agent is one of ours.
type agent struct{ key, name, email string }

// agents are the people at work in the demo.
func agents() []agent {
	return []agent{{"mara", "Mara Lindqvist", "mara@lumen.example"}, {"tomas", "Tomás Ferreira", "tomas@lumen.example"}}
}

func agentNames() (names []string) {
	for _, each := range agents() {
		names = append(names, each.name+" <"+each.email+">")
	}
	return names
}

// console is the command line of the system.
type console struct{ binary string }

func (c console) run(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, c.binary, args...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", c.binary, strings.Join(args[:min(len(args), 2)], " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return string(out), nil
}

// list reads what a command lists.
func list[T any](ctx context.Context, c console, what string) (items []T, err error) {
	out, err := c.run(ctx, what, "list", "--json")
	if err != nil {
		return nil, err
	}
	return items, json.Unmarshal([]byte(out), &items)
}

// office is the desk from the agents' side.
type office struct {
	console   console
	web       string // URL of portal and API
	mailboxes [2]string
	name      string            // of the tokens of this run
	tokens    map[string]string // by the agent's key
}

// open makes what is missing: a second mailbox, the agents, and a token for each, good for this run.
func open(ctx context.Context, c console, web string) (*office, error) {
	o := &office{console: c, web: web, name: "demo-" + strconv.FormatInt(time.Now().UnixNano(), 36), tokens: map[string]string{}}
	if err := o.openMailboxes(ctx); err != nil {
		return nil, err
	}
	type person struct {
		Email string `json:"email"`
	}
	people, err := list[person](ctx, c, "user")
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, each := range people {
		there[each.Email] = true
	}
	for _, each := range agents() {
		if !there[each.email] {
			if _, err := c.run(ctx, "user", "add", "--email", each.email, "--name", each.name, "--role", "agent"); err != nil {
				return nil, err
			}
		}
		token, err := c.run(ctx, "token", "create", "--user", each.email, "--name", o.name+"-"+each.key)
		if err != nil {
			o.close()
			return nil, err
		}
		o.tokens[each.key] = strings.TrimSpace(token)
	}
	return o, nil
}

// openMailboxes finds the oldest mailbox of the system and adds one for bills beside it.
func (o *office) openMailboxes(ctx context.Context) error {
	type mailbox struct {
		ID      int64  `json:"id"`
		Address string `json:"address"`
	}
	mailboxes, err := list[mailbox](ctx, o.console, "mailbox")
	if err != nil {
		return err
	}
	if len(mailboxes) == 0 {
		return errors.New("there is no mailbox: make one with postern mailbox add support@your.domain")
	}
	slices.SortFunc(mailboxes, func(a, b mailbox) int { return cmp.Compare(a.ID, b.ID) })
	_, domain, _ := strings.Cut(mailboxes[0].Address, "@")
	o.mailboxes = [2]string{mailboxes[0].Address, "billing@" + domain}
	if slices.ContainsFunc(mailboxes, func(m mailbox) bool { return m.Address == o.mailboxes[1] }) {
		return nil
	}
	_, err = o.console.run(ctx, "mailbox", "add", o.mailboxes[1], "--name", "Billing")
	return err
}

// close makes the tokens of this run worthless.
func (o *office) close() {
	for key := range o.tokens {
		if _, err := o.console.run(context.Background(), "token", "revoke", o.name+"-"+key); err != nil {
			fmt.Println("demo: a token is left:", err)
		}
	}
}

// call asks the API in the name of an agent.
func (o *office) call(ctx context.Context, key, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, o.web+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+o.tokens[key])
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

// knows says whether a customer has a ticket already, or mail that is held for review.
func (o *office) knows(ctx context.Context, customer string) (bool, error) {
	var tickets, held struct {
		Items []struct {
			From string `json:"from"`
		} `json:"items"`
	}
	key := agents()[0].key
	if err := o.call(ctx, key, http.MethodGet, "/tickets?limit=1&requester="+url.QueryEscape(customer), nil, &tickets); err != nil {
		return false, err
	}
	if err := o.call(ctx, key, http.MethodGet, "/suspended?limit=100", nil, &held); err != nil {
		return false, err
	}
	for _, each := range held.Items {
		if each.From == customer {
			return true, nil
		}
	}
	return len(tickets.Items) > 0, nil
}
