package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	o := open(t)
	number := o.started(t, customerEmail, "Once")
	notes := at("/tickets/%d/notes", number)
	send := func(as, key, path string, body any) answer {
		return o.do(t, ask{as: as, method: "POST", path: path, json: body, header: map[string]string{"Idempotency-Key": key}})
	}
	note := func(text string) any { return map[string]any{"text": text} }
	first := send("agent", "k1", notes, note("one")).want(http.StatusCreated)
	second := send("agent", "k1", notes, note("one")).want(http.StatusCreated)
	if string(first.body) != string(second.body) || first.header.Get("Idempotent-Replayed") != "" || second.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same request twice:\n%s%s", first.body, second.body)
	}
	if second.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("replayed as %q", second.header.Get("Content-Type"))
	}
	send("agent", "k1", notes, note("two")).want(http.StatusUnprocessableEntity)
	send("agent", "k1", notes, note("another length")).want(http.StatusUnprocessableEntity)
	send("agent", "k1", at("/tickets/%d/replies", number), note("one")).want(http.StatusUnprocessableEntity)
	if theirs := send("admin", "k1", notes, note("one")).want(http.StatusCreated); theirs.id("id") == first.id("id") {
		t.Error("two people share a key")
	}
	send("agent", "k2", notes, map[string]any{"text": ""}).want(http.StatusUnprocessableEntity)
	send("agent", "k2", notes, note("now right")).want(http.StatusCreated) // a failure changed nothing: the key is free
	send("agent", strings.Repeat("k", 256), notes, note("x")).want(http.StatusUnprocessableEntity)
}

// Many at a time: the thing happens once, and everybody hears of the same thing or that it is under way.
func TestIdempotencyKeyRace(t *testing.T) {
	t.Parallel()
	o := open(t)
	notes := at("/tickets/%d/notes", o.started(t, customerEmail, "Once"))
	ids := map[int64]bool{}
	var lock sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got := o.do(t, ask{as: "agent", method: "POST", path: notes, json: map[string]any{"text": "one"}, header: map[string]string{"Idempotency-Key": "race"}})
			lock.Lock()
			defer lock.Unlock()
			switch got.status {
			case http.StatusCreated:
				ids[got.id("id")] = true
			case http.StatusConflict:
			default:
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("one key made the notes %v", ids)
	}
}

func TestIdempotentUpload(t *testing.T) {
	t.Parallel()
	o := open(t)
	send := func(text string) answer {
		return o.do(t, ask{as: "agent", method: "POST", path: "/uploads?name=a.txt", body: strings.NewReader(text), header: map[string]string{"Content-Type": "text/plain", "Idempotency-Key": "u"}})
	}
	first := send("same length 1").want(http.StatusCreated)
	if again := send("same length 1").want(http.StatusCreated); again.id("id") != first.id("id") {
		t.Errorf("an upload sent twice has the ids %d and %d", first.id("id"), again.id("id"))
	}
	send("same length 2").want(http.StatusUnprocessableEntity)
}

// A new token is told again to who asks with the same key, and yet the database alone does not give it away.
func TestKeptAnswersAreSealed(t *testing.T) {
	t.Parallel()
	o := open(t)
	create := func() answer {
		return o.do(t, ask{as: "admin", method: "POST", path: "/tokens", json: map[string]any{"name": "sealed"}, header: map[string]string{"Idempotency-Key": "t"}}).want(http.StatusCreated)
	}
	secret, _ := create().value("token").(string)
	if again := create().value("token"); secret == "" || again != secret {
		t.Errorf("the token is %q, and then %v", secret, again)
	}
	rows, err := o.store.Pool().Query(t.Context(), `select body from idempotency_key`)
	must(t, err)
	defer rows.Close()
	found := 0
	for rows.Next() {
		var body []byte
		must(t, rows.Scan(&body))
		found++
		if json.Valid(body) || bytes.Contains(body, []byte(secret)) || bytes.Contains(body, []byte("digest")) {
			t.Errorf("the kept answer can be read: %q", body)
		}
	}
	must(t, rows.Err())
	if found != 1 {
		t.Errorf("%d kept answers", found)
	}
}
