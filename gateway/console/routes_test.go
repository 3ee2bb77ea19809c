package console

import (
	"maps"
	"slices"

	"github.com/tidegate/tidegate/gateway/access"
)

// AdminRoutes are the admin's addresses, as "METHOD /path", by the right each
// needs.
func (c *Console) AdminRoutes() map[access.Right][]string {
	out := map[access.Right][]string{}
	for _, pattern := range slices.Sorted(maps.Keys(c.adminRoutes())) {
		right := c.adminRoutes()[pattern].right
		out[right] = append(out[right], pattern)
	}
	return out
}
