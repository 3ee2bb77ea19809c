package webchat_test

import (
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/channeltest"
	"github.com/tidegate/tidegate/channels/webchat"
)

func TestConformance(t *testing.T) {
	channeltest.RunLive(t, func(t *testing.T) channels.Live {
		chat, err := webchat.New(options())
		if err != nil {
			t.Fatal(err)
		}
		return chat
	})
}

func TestSectionFaults(t *testing.T) {
	o := options()
	o.Origins = []string{"https://www.clinic.example/", "clinic.example", "http://www.clinic.example", site, site, "https://WWW.clinic.example:443", "http://127.0.0.1:8080"}
	o.TrustedProxies = []string{"10.0.0.0/8", "::1", "my-proxy"}
	o.PublicURL = "gw"
	_, err := webchat.New(o)
	want := `origins[0]: must be written as browsers send it (got https://www.clinic.example/); write https://www.clinic.example
origins[1]: must be an origin (got clinic.example); write scheme and host alone, as in https://www.clinic.example
origins[2]: must be https except on this machine (got http://www.clinic.example); write https://; patient words travel there
origins[4]: must not be said twice (got https://www.clinic.example); take it out
origins[5]: must be written as browsers send it (got https://WWW.clinic.example:443); write https://www.clinic.example
trusted_proxies[2]: must be an address or a network (got my-proxy); write it as in 10.0.0.5 or 10.0.0.0/24
public_url: must be a scheme and a host, optionally a path; write it as in https://gw.example.org`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
