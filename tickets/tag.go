package tickets

import (
	"context"

	"postern/desk"
	"postern/store"
)

// Tags lists tags by name, with how many tickets have each, from the one after the given name on; next is the last name where there are more. Part is a part of the name.
func (s *Service) Tags(ctx context.Context, actor desk.Actor, after, part string, limit int) (tags []store.Tag, next string, err error) {
	if err := needs(actor, desk.MayRead, desk.MayReadConfig); err != nil {
		return nil, "", err
	}
	limit = min(max(limit, 1), 100)
	if part = tagOf(part); part != "" || after != "" {
		after = tagOf(after)
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, "", err
	}
	tags, err = s.store.Tags(ctx, eyes, after, part, limit+1)
	if len(tags) > limit {
		tags = tags[:limit]
		next = tags[limit-1].Name
	}
	return tags, next, err
}

// offered is how many tags a field offers while somebody types.
const offered = 500

// TagNames lists the names of tags, for completion.
func (s *Service) TagNames(ctx context.Context, actor desk.Actor) ([]string, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.store.TagNames(ctx, eyes, offered)
}

// retagAtOnce is how many tickets one transaction changes.
const retagAtOnce = 1000

// RenameTag gives a tag another name on every ticket, and says how many have it now. A name that is a tag already takes this one in. A breakdown on the way leaves both names; doing it again goes on.
func (s *Service) RenameTag(ctx context.Context, actor desk.Actor, from, to string) (int, error) {
	from, to = tagOf(from), tagOf(to)
	if to == "" || len(to) > longestTag {
		return 0, desk.Wrong("name", "a tag is a word of at most %d bytes", longestTag)
	}
	if from == to {
		return 0, nil
	}
	return s.retag(ctx, actor, from, to)
}

// DropTag takes a tag off every ticket and off the list, and says from how many.
func (s *Service) DropTag(ctx context.Context, actor desk.Actor, name string) (int, error) {
	return s.retag(ctx, actor, tagOf(name), "")
}

// retag puts one tag in the place of another in bounded steps, and writes down at the end what has become of it.
func (s *Service) retag(ctx context.Context, actor desk.Actor, from, to string) (count int, err error) {
	if err := need(actor, desk.MayManageTags); err != nil {
		return 0, err
	}
	for {
		var changed []int64
		err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
			if changed, err = tx.Retag(ctx, from, to, retagAtOnce); err != nil {
				return err
			}
			count += len(changed)
			if len(changed) == retagAtOnce {
				return tx.Announce(ctx, store.News{Tickets: changed})
			}
			return s.retagged(ctx, tx, retagging{actor, from, to, count, changed})
		})
		if err != nil || len(changed) < retagAtOnce {
			return count, err
		}
	}
}

// retagging is a tag that is another now, or none.
type retagging struct {
	actor    desk.Actor
	from, to string
	count    int
	last     []int64
}

// retagged ends it.
func (s *Service) retagged(ctx context.Context, tx *store.Tx, r retagging) error {
	known, err := tx.ForgetTag(ctx, r.from)
	if err != nil {
		return err
	}
	if !known && r.count == 0 {
		return desk.Faultf(desk.NotFound, "there is no tag %s", r.from)
	}
	action, detail := "tag.remove", map[string]any{"tickets": r.count}
	if r.to != "" {
		action, detail["to"] = "tag.rename", r.to
		if err := tx.KnowTags(ctx, []string{r.to}); err != nil {
			return err
		}
	}
	if err := tx.Audit(ctx, r.actor, action, "tag/"+r.from, detail); err != nil {
		return err
	}
	return tx.Announce(ctx, store.News{Tickets: r.last, Settings: true})
}

// AddTag puts a tag onto the list before any ticket has it.
func (s *Service) AddTag(ctx context.Context, actor desk.Actor, name string) error {
	if err := need(actor, desk.MayManageTags); err != nil {
		return err
	}
	name = tagOf(name)
	if name == "" || len(name) > longestTag {
		return desk.Wrong("name", "a tag is a word of at most %d bytes", longestTag)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.KnowTags(ctx, []string{name}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "tag.add", "tag/"+name, nil)
	})
}
