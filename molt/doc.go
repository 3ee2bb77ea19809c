// Package molt holds the words every other part speaks: ids, addresses, times,
// events, items, batches, and the Store contract with its errors.
//
// It owns vocabulary and nothing else. It never opens a file, starts a
// goroutine, reads a clock or imports anything outside the standard library,
// so that the pure core, the adapters and the stores can all depend on it.
//
// A conversation's past is its journal: events numbered from 1 without a gap
// and chained by hash. Work that is due lives beside the journals as items. All
// change happens through one value, Batch, which a Store takes whole or refuses
// whole. What is private is sealed before it gets here: a store sees opaque
// bytes, opaque ids, kinds and times.
package molt
