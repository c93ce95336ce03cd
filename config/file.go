package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// prefix begins the name of every variable. A key of the file is the rest of the name, in small letters.
const prefix = "POSTERN_"

// File makes kong read the file that --config names.
func File() kong.Option { return kong.Configuration(readFile) }

// file holds what stood in the file, by key.
type file struct{ values map[string]string }

// readFile reads TOML. Tables are a way of writing long names: addr in [smtp] is smtp_addr.
func readFile(r io.Reader) (kong.Resolver, error) {
	var tree map[string]any
	if _, err := toml.NewDecoder(r).Decode(&tree); err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	read := file{values: map[string]string{}}
	if err := read.flatten("", tree); err != nil {
		return nil, err
	}
	return read, nil
}

func (f file) flatten(above string, tree map[string]any) error {
	for name, value := range tree {
		key := above + strings.ReplaceAll(strings.ToLower(name), "-", "_")
		if above == "" {
			key = strings.TrimPrefix(key, strings.ToLower(prefix))
		}
		if table, ok := value.(map[string]any); ok {
			if err := f.flatten(key+"_", table); err != nil {
				return err
			}
			continue
		}
		if _, twice := f.values[key]; twice {
			return fmt.Errorf("settings file: %s stands there twice, in two spellings", key)
		}
		text, err := scalar(value)
		if err != nil {
			return fmt.Errorf("settings file: %s %w", key, err)
		}
		f.values[key] = text
	}
	return nil
}

// scalar writes a value of the file as the environment would hold it.
func scalar(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case int64, bool:
		return fmt.Sprint(value), nil
	case []any:
		parts := make([]string, 0, len(value))
		for _, one := range value {
			text, ok := one.(string)
			if !ok {
				return "", fmt.Errorf("is a list of something else than text")
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, ","), nil
	default:
		return "", fmt.Errorf("is neither text, number, true or false, nor a list of texts")
	}
}

// Validate refuses keys that no flag has, so that a slip of the pen does not go unnoticed.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	for _, flag := range allFlags(app.Node) {
		known[keyOf(flag)] = true
	}
	var unknown []string
	for key := range f.values {
		if key == "config" || !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("settings file: unknown key %s: see `postern serve --help` for the names", strings.Join(unknown, ", "))
}

// Resolve gives kong the file's value of a flag, unless the environment holds one: kong itself would let the file win.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[keyOf(flag)]
	if !ok || slices.ContainsFunc(flag.Tag.Envs, inEnvironment) {
		return nil, nil
	}
	return value, nil
}

func inEnvironment(name string) bool {
	_, ok := os.LookupEnv(name)
	return ok
}

// keyOf is the key of a flag in the file; flags without a variable have none.
func keyOf(flag *kong.Flag) string {
	for _, name := range flag.Tag.Envs {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return strings.ToLower(rest)
		}
	}
	return "\x00" // no key of a TOML file
}

// allFlags is every flag of a node and of every command below it.
func allFlags(node *kong.Node) []*kong.Flag {
	flags := slices.Clone(node.Flags)
	for _, child := range node.Children {
		flags = append(flags, allFlags(child)...)
	}
	return flags
}
