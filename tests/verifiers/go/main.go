// Command verify checks checkpoints and proofs of the journal with the Go project's own packages for transparency logs
// (golang.org/x/mod/sumdb/note and .../tlog). It reads one JSON object a line and answers each with "ok" or a reason.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type task struct {
	Key    string   `json:"key"`
	Note   string   `json:"note"`
	Older  string   `json:"older"`
	Record string   `json:"record"`
	Index  int64    `json:"index"`
	Hashes []string `json:"hashes"`
	Leaves []string `json:"leaves"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<28)
	for lines.Scan() {
		fmt.Println(judge(lines.Bytes()))
	}
}

func judge(line []byte) string {
	var t task
	if err := json.Unmarshal(line, &t); err != nil {
		return err.Error()
	}
	if err := check(t); err != nil {
		return err.Error()
	}
	return "ok"
}

func check(t task) error {
	head, err := open(t.Note, t.Key)
	if err != nil {
		return err
	}
	hashes, err := decode(t.Hashes)
	if err != nil {
		return err
	}
	switch {
	case t.Leaves != nil:
		return whole(t.Leaves, head)
	case t.Older != "":
		older, err := open(t.Older, t.Key)
		if err != nil {
			return err
		}
		return tlog.CheckTree(hashes, head.N, head.Hash, older.N, older.Hash)
	default:
		record, err := base64.StdEncoding.DecodeString(t.Record)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(hashes, head.N, head.Hash, t.Index, tlog.RecordHash(record))
	}
}

// open verifies a note and reads the tree head in it.
func open(text, key string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// whole hashes all records anew and compares the root.
func whole(leaves []string, head tlog.Tree) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	if int64(len(leaves)) < head.N {
		return fmt.Errorf("records are missing")
	}
	for n := int64(0); n < head.N; n++ {
		record, err := base64.StdEncoding.DecodeString(leaves[n])
		if err != nil {
			return err
		}
		more, err := tlog.StoredHashes(n, record, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(head.N, reader)
	if err != nil {
		return err
	}
	if root != head.Hash {
		return fmt.Errorf("another root")
	}
	return nil
}

func decode(texts []string) ([]tlog.Hash, error) {
	hashes := []tlog.Hash{}
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}
