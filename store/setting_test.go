package store_test

import (
	"testing"

	"postern/internal/testkit"
	"postern/store"
)

func TestSetting(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), testkit.Postgres(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	type limits struct{ Soft, Hard int }
	value := limits{1, 2}
	if err := st.Setting(t.Context(), "limits", &value); err != nil || value != (limits{1, 2}) {
		t.Errorf("never set, the default stands: %+v, %v", value, err)
	}
	for _, want := range []limits{{3, 4}, {5, 6}} {
		if err := st.Write(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(t.Context(), "limits", want) }); err != nil {
			t.Fatal(err)
		}
		if err := st.Setting(t.Context(), "limits", &value); err != nil || value != want {
			t.Errorf("%+v, %v; want %+v", value, err, want)
		}
	}
	var word string
	if err := st.Setting(t.Context(), "limits", &word); err == nil {
		t.Error("a setting of another form was read")
	}
}
