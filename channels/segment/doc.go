// Package segment knows how a text is cut into the segments a carrier bills
// and queues: GSM-7 (3GPP TS 23.038) at 160 septets, 153 in each of several
// parts, or UCS-2 at 70 units, 67 in each of several.
//
// It owns counting, folding and splitting of finished texts. It must never
// decide what is said: folding changes letters, never words, and splitting
// drops nothing but the white space at a seam.
package segment
