package identity

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
	"postern/store"
)

// refusedAgain is how often the same refusal is noted: a page that asks again and again writes a line a minute, and not one each time.
const refusedAgain = time.Minute

// Refused notes in the audit log that somebody who is known asked for what their role does not let them (ASVS 16.3.2): once a minute for each person, right and way of asking. The way is that of the table, such as
// POST /people: no address, in which somebody could plant words.
func (s *Service) Refused(ctx context.Context, actor desk.Actor, right desk.Right, way string) error {
	person := actor.Person()
	if person.ID == 0 || !s.refused.fresh(fmt.Sprintf("%d %s %s", person.ID, right, way), s.now(), refusedAgain) {
		return nil
	}
	return s.audited(ctx, func(*store.Tx) (entry, error) {
		return entry{actor: actor, action: "user.refused", subject: subjectOf(person.ID), detail: map[string]any{"right": right, "way": way, "role": person.Role}}, nil
	})
}
