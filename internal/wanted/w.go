// Package wanted keeps the modules in go.mod that work in progress is about to use. It goes when they are used.
package wanted
