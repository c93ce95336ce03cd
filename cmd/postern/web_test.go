package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What a proxy in front took without TLS is not served as if it had come over TLS.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	says := func(word string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(word)) })
	}
	handler := unlessForwarded(strict(says("secure")), says("plain"))
	for proto, want := range map[string]string{"http": "plain", "HTTP": "plain", "https": "secure", "": "secure", "wss": "secure"} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("X-Forwarded-Proto", proto)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if got := recorder.Body.String(); got != want || (recorder.Header().Get("Strict-Transport-Security") == hsts) != (want == "secure") {
			t.Errorf("%q: %s, HSTS %q", proto, got, recorder.Header().Get("Strict-Transport-Security"))
		}
	}
}
