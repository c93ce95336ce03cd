package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// The parts of the API's answers that the tests look at.
type (
	address struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	}
	ticket struct {
		Number          int64         `json:"number"`
		Subject         string        `json:"subject"`
		Status          string        `json:"status"`
		Requester       address       `json:"requester"`
		Participants    []participant `json:"participants"`
		DeliveryProblem bool          `json:"delivery_problem"`
	}
	participant struct {
		address
		Pending bool `json:"pending"`
	}
	attachment struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
		Size int64  `json:"size"`
	}
	delivery struct {
		Recipient string     `json:"recipient"`
		State     string     `json:"state"`
		Host      string     `json:"host"`
		TLS       string     `json:"tls"`
		Proof     string     `json:"proof"`
		Reply     string     `json:"last_reply"`
		Attempts  int        `json:"attempts"`
		NextAt    *time.Time `json:"next_attempt_at"`
	}
	story struct {
		Recipient string `json:"recipient"`
		Words     string `json:"words"`
		Timeline  []struct {
			Kind  string `json:"kind"`
			State string `json:"state"`
			Host  string `json:"host"`
			Addr  string `json:"addr"`
			Reply string `json:"reply"`
			TLS   *struct {
				Version  string   `json:"version"`
				Names    []string `json:"names"`
				Policy   string   `json:"policy"`
				Proof    string   `json:"proof"`
				Problem  string   `json:"problem"`
				NotAfter string   `json:"not_after"`
			} `json:"tls"`
		} `json:"timeline"`
	}
	message struct {
		ID          int64        `json:"id"`
		Kind        string       `json:"kind"`
		From        address      `json:"from"`
		Subject     string       `json:"subject"`
		MessageID   string       `json:"message_id"`
		Text        string       `json:"text"`
		Attachments []attachment `json:"attachments"`
		Stranger    bool         `json:"stranger"`
		Why         *struct {
			Rule string `json:"rule"`
			Saw  string `json:"saw"`
		} `json:"why"`
		Delivery []delivery `json:"delivery"`
	}
	suspended struct {
		ID      int64  `json:"id"`
		Cause   string `json:"cause"`
		Subject string `json:"subject"`
	}
)

// web is one client for all calls: its connections are kept.
var web = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// request makes a call to the API and returns the whole answer.
func (p *program) request(method, path string, body any, header http.Header) (*http.Response, []byte, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, "http://"+p.where().web+"/api/v1"+path, content)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := web.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, answer, err
}

// call makes a call that must succeed and reads the answer into a value.
func call[T any](t testing.TB, p *program, method, path string, body any) T {
	t.Helper()
	var value T
	response, answer, err := p.request(method, path, body, nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if err := json.Unmarshal(answer, &value); err != nil {
		t.Fatalf("%s %s: %v in %.300s", method, path, err, answer)
	}
	return value
}

// every reads all pages of a list.
func every[T any](t testing.TB, p *program, path string) (items []T) {
	t.Helper()
	for cursor := ""; ; {
		page := call[struct {
			Items []T     `json:"items"`
			Next  *string `json:"next_cursor"`
		}](t, p, http.MethodGet, path+"?limit=100&cursor="+url.QueryEscape(cursor), nil)
		items = append(items, page.Items...)
		if page.Next == nil {
			return items
		}
		cursor = *page.Next
	}
}

func conversation(t testing.TB, p *program, number int64) []message {
	t.Helper()
	return every[message](t, p, fmt.Sprintf("/tickets/%d/messages", number))
}

func show(t testing.TB, p *program, number int64) ticket {
	t.Helper()
	return call[ticket](t, p, http.MethodGet, fmt.Sprintf("/tickets/%d", number), nil)
}
