// Package objects reads and writes the API objects of the node that the tests play.
package objects

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// A Store holds API objects as JSON, each in the file that is named as its URL's path, with .json behind.
type Store string

// File is where the object of a path lies.
func (s Store) File(path string) string { return filepath.Join(string(s), path+".json") }

// Write replaces the object's file whole: a reader sees the old content or the new.
func (s Store) Write(path string, content []byte) error {
	file := s.File(path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Read reads one object.
func Read[T any](s Store, path string) (T, error) {
	return readFile[T](s.File(path))
}

// List reads all objects whose path fits the pattern, in the order of their paths.
func List[T any](s Store, pattern string) ([]T, error) {
	files, err := filepath.Glob(s.File(pattern))
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(files))
	for _, file := range files {
		object, err := readFile[T](file)
		if err != nil {
			return nil, err
		}
		list = append(list, object)
	}
	return list, nil
}

func readFile[T any](file string) (object T, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return object, err
	}
	return object, json.Unmarshal(content, &object)
}
