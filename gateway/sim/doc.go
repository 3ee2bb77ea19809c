// Package sim lives whole worlds of a Gateway from one seed: patients, nurses,
// carriers, a model, crashes. It owns the clock, chance and the order of all
// that happens, so that a seed replays exactly, and it judges by what carriers
// and people recorded themselves.
//
//	patients, nurses ──► carrier ──► the desk's door      (mailboxes run as steps)
//	      ▲                 ▲              │
//	      │                 │              ▼
//	   phones ◄──────── calls ◄──── workers' steps ──► model
//	                                       │
//	                                    a store that outlives every crash
//
// One queue holds everything to come, ordered by time and, at one time, by
// chance. Between two steps, and inside any commit, the daemon may die: all its
// memory is dropped, the store stays as of its last commit. Time jumps to
// whatever is due next. When the plot is over the weather clears, a charge nurse
// works through the list, and nothing may be left.
//
// It says go nowhere, and nothing but tests and one verb imports it.
package sim
