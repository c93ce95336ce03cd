package main

import "testing"

func TestExceptions(t *testing.T) {
	t.Parallel()
	table, err := read()
	if err != nil || len(table) < 20 {
		t.Fatalf("%d exceptions, %v", len(table), err)
	}
	seen := map[string]bool{}
	for _, one := range table {
		if key := one.rule + " " + one.place; seen[key] {
			t.Errorf("%s stands twice", key)
		} else {
			seen[key] = true
		}
	}
	table = []*exception{{rule: "G1", place: "a/b.go"}, {rule: "G2", place: "c/"}}
	for _, test := range []struct {
		rule, path string
		want       bool
	}{{"G1", "a/b.go", true}, {"G1", "a/b.go.go", false}, {"G2", "a/b.go", false}, {"G2", "c/d/e.go", true}, {"G2", "cc/d.go", false}} {
		if excepted(table, test.rule, test.path) != test.want {
			t.Errorf("%s in %s", test.rule, test.path)
		}
	}
}
