package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A key is read, and its secret never shows, neither when it is printed nor when it is wrong.
func TestTSIG(t *testing.T) {
	t.Parallel()
	const secret = "aHVudGVyMmh1bnRlcjI="
	var key TSIG
	if err := key.UnmarshalText([]byte("Postern.Example.:HMAC-SHA512:" + secret)); err != nil || key != (TSIG{"postern.example", "hmac-sha512", secret}) {
		t.Fatalf("%v %v %v, %v", key.Name, key.Algorithm, key.Secret, err)
	}
	text, err := json.Marshal(Settings{DKIMTSIG: key})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{key.String(), fmt.Sprintf("%v %+v %#v %s", key, Settings{DKIMTSIG: key}, key, key), string(text)} {
		if strings.Contains(shown, secret) || !strings.Contains(shown, "postern.example:hmac-sha512:") {
			t.Errorf("shown as %s", shown)
		}
	}
	for _, wrong := range []string{"name", "name:" + secret, ":hmac-sha256:" + secret, "a b:hmac-sha256:" + secret, "name:hmac-md5:" + secret, "name:hmac-sha256:" + secret + "!", "name:hmac-sha256:", "a:hmac-sha256:" + secret + ":b"} {
		err := key.UnmarshalText([]byte(wrong))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := key.UnmarshalText(nil); err != nil || key != (TSIG{}) {
		t.Errorf("nothing: %v, %v", key, err)
	}
}
