package config

import "slices"

func (c *checker) staff() {
	if c.broken["staff"] {
		return // too many to compare with each other
	}
	var ids []PersonID
	held := map[Address]PersonID{}
	for i, p := range c.cfg.Staff {
		at := index("staff", i)
		if slices.Contains(ids, p.ID) {
			c.report(at+".id", "must belong to one person", shown(string(p.ID)), "give each person an id of their own")
		}
		ids = append(ids, p.ID)
		c.routes(at+".routes", p, held)
	}
}

// routes checks the ways to one person. A number held by two people would let
// one answer for the other, so each belongs to one.
func (c *checker) routes(at string, p Person, held map[Address]PersonID) {
	var names []string
	for i, r := range p.Routes {
		at := index(at, i)
		if slices.Contains(names, r.Name) {
			c.report(at+".name", "must differ from the person's other routes", shown(r.Name), "name it otherwise, as in "+r.Name+" 2")
		}
		names = append(names, r.Name)
		if _, ok := c.cfg.Channels[r.Channel]; !ok && r.Channel != "" && len(c.cfg.Channels) > 0 {
			c.report(at+".channel", "must be one of your channels", shown(string(r.Channel)), mistaken(r.Channel, c.channelIDs()))
		}
		if r.Address == "" {
			continue
		}
		if who, ok := held[r.Address]; ok && who != p.ID {
			c.report(at+".address", "must belong to one person", shown(r.Address.String()), string(who)+" has it too; an answer from there could be either's")
		}
		held[r.Address] = p.ID
		if string(r.Address) == string(c.cfg.Clinic.Phone) {
			c.report(at+".address", "must not be the clinic's own number", shown(r.Address.String()), "write the number of the person's own phone; a page to the clinic would come back to the gateway")
		}
	}
}

// people checks a list of staff who have to be reachable.
func (c *checker) people(path string, ids []PersonID) {
	if c.broken[path] {
		return
	}
	for i, id := range ids {
		if slices.Index(ids, id) < i {
			c.report(index(path, i), "must not be said twice", shown(string(id)), "take it out")
			continue
		}
		c.person(index(path, i), id)
	}
}

func (c *checker) person(path string, id PersonID) {
	if len(c.cfg.Staff) == 0 || id == "" || c.broken["staff"] {
		return // what is wrong with the staff is a fault of its own
	}
	var known []PersonID
	unsure := false
	for i, p := range c.cfg.Staff {
		if p.ID == id {
			if p.Role == RoleAuditor {
				c.report(path, "must be somebody who can take a case", shown(string(id)), "an auditor only reads; name a nurse, lead or admin")
			}
			return
		}
		unsure = unsure || !c.sound(index("staff", i)+".id")
		known = append(known, p.ID)
	}
	if unsure {
		return // whoever is meant may be the one whose id has a fault
	}
	c.report(path, "must be one of your staff", shown(string(id)), mistaken(id, known))
}
