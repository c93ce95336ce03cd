package e2e

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/internal/testkit"
)

// chromium is the browser that the tests drive; `make test` installs it.
const chromium = "/usr/bin/chromium"

// newcomer is a browser at a program that was just started with nothing configured.
type newcomer struct {
	t   *testing.T
	ctx context.Context
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("the first steps are walked in a real browser, which is not here: install Debian's package chromium (%v)", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.ExecPath(chromium), chromedp.NoSandbox))
	t.Cleanup(stop)
	n := &newcomer{t, ctx}
	n.does("an empty tab", chromedp.EmulateViewport(1280, 900), chromedp.Navigate("about:blank"))
	return n
}

// does works as a person does, and says where they got stuck.
func (n *newcomer) does(what string, steps ...chromedp.Action[chromedp.Void]) {
	n.t.Helper()
	if err := chromedp.Do(n.ctx, steps...); err != nil {
		page, _ := chromedp.Run(n.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		n.t.Fatalf("%s: %v; the page says:\n%s", what, err, page)
	}
}

// sees waits until an element holds the words.
func sees(selector, words string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		condition := fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q) ?? false", selector, words)
		deadline := time.Now().Add(patience)
		for {
			met, err := chromedp.Evaluate[bool](condition)(ctx, target)
			switch {
			case err == nil && met:
				return chromedp.Void{}, nil
			case ctx.Err() != nil:
				return chromedp.Void{}, ctx.Err()
			case time.Now().After(deadline):
				return chromedp.Void{}, fmt.Errorf("%s does not say %q", selector, words)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// presses clicks a button that the page's script does not take over, and waits for the page that follows.
func (n *newcomer) presses(selector string) {
	n.t.Helper()
	if _, err := chromedp.RunResponse(n.ctx, chromedp.Click(selector)); err != nil {
		n.t.Fatalf("press %s: %v", selector, err)
	}
}

// From the line that the program prints at its first start to the first answered mail, without reading anything but the pages: sign in, say who you are, let a mail come, answer it. Then the domain and its mailbox.
func TestFirstSteps(t *testing.T) {
	t.Parallel()
	sink := testkit.SMTPSink(t, testkit.Behaviour{Host: "mx.home.example"})
	p := launch(t, "POSTERN_SMARTHOST=smtp://"+sink.Addr)
	printed, err := os.ReadFile(p.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`(?m)^owner +http://[^/]+(/\S+)`).FindSubmatch(printed)
	if link == nil {
		t.Fatalf("the program prints no link for its first owner:\n%s", printed)
	}
	began := time.Now()
	n := newNewcomer(t)
	n.does("follow the link", chromedp.Navigate("http://"+p.where().web+string(link[1])))
	n.presses(".plate .primary")
	n.does("say who you are", sees("h1", "First steps"), chromedp.SendKeys("#you-name", "Nora Newcomer"), chromedp.SendKeys("#you-email", "nora@shop.example"), chromedp.SendKeys("#password", "seven quiet lanterns"))
	n.presses(".steps form .primary")
	n.does("one of your people is no customer", sees(".steps li.done", "Nora Newcomer"), chromedp.SendKeys("#trial", "nora@shop.example"))
	n.presses(`form[action="/setup/mail"] .primary`)
	n.does("a clear answer", sees(".problem", "one of your people"), chromedp.SetValue("#trial", "nora@home.example"))
	n.presses(`form[action="/setup/mail"] .primary`)
	n.does("the mail is a ticket", sees(".ticket h1", "Does this work?"), chromedp.SendKeys("#reply-text", "It does."), chromedp.Click(".write.reply .primary"), sees(".card.reply", "It does."))
	mail := nextAnswer(t, sink)
	if took := time.Since(began); took > 5*time.Minute {
		t.Errorf("the first answered mail took %v", took)
	}
	if len(mail.To) != 1 || mail.To[0] != "nora@home.example" || !strings.Contains(string(mail.Bytes), "It does.") {
		t.Errorf("the answer went to %v:\n%s", mail.To, mail.Bytes)
	}

	setup := "http://" + p.where().web + "/setup"
	n.does("back to the steps", chromedp.Navigate(setup), sees(".steps", "Answered: Hello!"), chromedp.SendKeys("#domain", "shop.example"))
	n.presses(`form[action="/domains"] .primary`)
	n.does("the mailbox is suggested", sees(".steps", "shop.example"), sees(".steps", "which DNS records to publish"))
	n.presses(`form[action="/mailboxes"] .primary`)
	n.does("everything is done that can be done without the DNS", sees(".steps", "support@shop.example"), sees(".steps", "Write to it from your own account"))
}
