package twiliofake

import (
	"strings"
	"unicode/utf16"
)

// Lengths of SMS segments, from 3GPP TS 23.038 and 23.040: alone, and with the header that joins several.
const (
	gsmAlone, gsmJoined = 160, 153
	ucsAlone, ucsJoined = 70, 67
)

const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// segments counts the SMS segments of a body. A character is never split between two segments.
func segments(body string) int {
	widths, total, alone, joined := gsmWidths(body)
	if total <= alone {
		return 1
	}
	count, room := 1, joined
	for _, width := range widths {
		if width > room {
			count, room = count+1, joined
		}
		room -= width
	}
	return count
}

// gsmWidths returns each character's width in the narrowest alphabet that holds the whole body, their sum, and that alphabet's segment lengths.
func gsmWidths(body string) (widths []int, total, alone, joined int) {
	gsm := true
	for _, r := range body {
		if !strings.ContainsRune(gsmBasic, r) && !strings.ContainsRune(gsmExtended, r) {
			gsm = false
			break
		}
	}
	alone, joined = ucsAlone, ucsJoined
	if gsm {
		alone, joined = gsmAlone, gsmJoined
	}
	for _, r := range body {
		width := 1
		switch {
		case gsm && strings.ContainsRune(gsmExtended, r):
			width = 2
		case !gsm:
			width = utf16Width(r)
		}
		widths = append(widths, width)
		total += width
	}
	return widths, total, alone, joined
}

func utf16Width(r rune) int {
	if n := utf16.RuneLen(r); n > 0 {
		return n
	}
	return 1
}

// utf16Units counts what Twilio's limit on a body is measured in here: the harsher of the readings, in which an emoji counts twice.
func utf16Units(body string) int {
	units := 0
	for _, r := range body {
		units += utf16Width(r)
	}
	return units
}
