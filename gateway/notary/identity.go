package notary

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	markStore    = "store:id"
	purposeStore = "store"
	storeIDBytes = 6
)

// identity is the statement which store this is. It is in its backups too.
type identity struct {
	ID string `json:"id"`
}

// Identity names a store among others, which may be of one key. It is drawn when it
// is first asked for. The error wraps ErrForged where it was changed since.
func Identity(ctx context.Context, store molt.Store, ring *seal.Keyring, random io.Reader) (string, error) {
	for {
		p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: markStore, Limit: 1})
		if err != nil {
			return "", fmt.Errorf("the store's id: %w", err)
		}
		if len(p.Marks) > 0 {
			var known identity
			if err := open(ring, purposeStore, p.Marks[0].Value, &known); err != nil {
				return "", fmt.Errorf("the store's id, the mark %s: %w", markStore, err)
			}
			return known.ID, nil
		}
		drawn := make([]byte, storeIDBytes)
		if _, err := io.ReadFull(random, drawn); err != nil {
			return "", fmt.Errorf("draw the store's id: %w", err)
		}
		value, err := sign(ring, purposeStore, identity{hex.EncodeToString(drawn)})
		if err != nil {
			return "", err
		}
		_, err = store.Commit(ctx, molt.Batch{
			Expect: molt.Expect{Unseen: []molt.MarkID{markStore}}, Marks: []molt.Mark{{ID: markStore, Value: value}},
		})
		if err != nil && !molt.IsRefused(err, molt.RefusedSeen) {
			return "", fmt.Errorf("the store's id: %w", err)
		}
	}
}
