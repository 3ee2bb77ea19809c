package twilio_test

import (
	"testing"

	"github.com/tidegate/tidegate/channels/channeltest"
)

func TestConformance(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Rig { return newStandin(t) })
}
