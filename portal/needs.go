package portal

import "postern/desk"

// Needs are all pages and forms, in the order of the map, with the right that each asks for.
func Needs() []desk.Need {
	needs := make([]desk.Need, len(routes))
	for i, route := range routes {
		needs[i] = desk.Need{Way: route.pattern, Right: route.right}
	}
	return needs
}
