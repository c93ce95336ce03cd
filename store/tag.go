package store

import (
	"context"
	"strconv"
	"strings"

	"postern/desk"
)

// Tag is a tag as its list shows it.
type Tag struct {
	Name    string `json:"name" db:"name"`
	Tickets int64  `json:"tickets" db:"tickets"` // that have it; none is counted beyond CountedTags
}

// CountedTags is as far as the tickets of a tag are counted.
const CountedTags = 1000

// taggedLooked is how many tagged tickets are looked at for their tags, of each way by which tickets are in somebody's sight.
const taggedLooked = 2000

// tagsOf keeps the tags g that stand on a ticket in sight of the viewer, or on none: those are the desk's words, and nobody's.
func (c *conditions) tagsOf(viewer Viewer) {
	if viewer.Sight == desk.SightAll {
		return
	}
	var ways []string
	if viewer.narrowed() {
		ways = c.ways("t", viewer)
	} else {
		ways = []string{c.sight("t", viewer)}
	}
	for i, way := range ways {
		ways[i] = "(select unnest(t.tags) as name from (select t.tags from ticket t where t.tags <> '{}' and " + way + " limit " + strconv.Itoa(taggedLooked) + ") as t)"
	}
	c.and("(g.name in (" + strings.Join(ways, " union all ") + ") or not exists (select from ticket t where t.tags <> '{}' and t.tags @> array[g.name]))")
}

// Tags lists tags by name that the viewer sees, from the one after the given name on, with how many tickets in their sight have each. Part is a part of the name.
func (r Reader) Tags(ctx context.Context, viewer Viewer, after, part string, limit int) ([]Tag, error) {
	var c conditions
	c.and("g.name > " + c.arg(after))
	if part != "" {
		c.and(c.contains("g.name", part))
	}
	c.tagsOf(viewer)
	count := c.countSeen(viewer, "t.tags <> '{}' and t.tags @> array[g.name]", c.arg(CountedTags+1))
	tags, err := rowsOf[Tag](ctx, r.q, `
		select g.name, `+count+` as tickets
		from tag g
		where `+c.where()+`
		order by g.name
		limit `+c.arg(limit), c.args...)
	return tags, wrap(err, "tags")
}

// TagNames lists the names of tags that the viewer sees, for completion: limit at most.
func (r Reader) TagNames(ctx context.Context, viewer Viewer, limit int) ([]string, error) {
	var c conditions
	c.tagsOf(viewer)
	names := []string{}
	err := r.q.QueryRow(ctx, "select array(select g.name from tag g where "+c.where()+" order by g.name limit "+c.arg(limit)+")", c.args...).Scan(&names)
	return names, wrap(err, "names of tags")
}

// KnowTags keeps tags that were given to a ticket for lists and completion.
func (tx *Tx) KnowTags(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := tx.tx.Exec(ctx, `
		insert into tag (name)
		select name from unnest($1::text[]) as new (name) order by name
		on conflict (name) do nothing`, names)
	return wrap(err, "know tags")
}

// ForgetTag takes a tag off the list. It is false if it was not there.
func (tx *Tx) ForgetTag(ctx context.Context, name string) (bool, error) {
	tag, err := tx.tx.Exec(ctx, `delete from tag where name = $1`, name)
	return err == nil && tag.RowsAffected() == 1, wrap(err, "forget tag")
}

// Retag puts another tag in the place of one, or none for an empty name, on limit tickets that have it, and returns their numbers: none are left when there are none. The tickets do not count as changed.
func (tx *Tx) Retag(ctx context.Context, from, to string, limit int) ([]int64, error) {
	rows, err := tx.tx.Query(ctx, `
		update ticket t
		set tags = array(
		    select distinct case when one = $1 then $2 else one end as name
		    from unnest(t.tags) as one
		    where one <> $1 or $2 <> ''
		    order by name)
		where t.id in (select x.id from ticket x where x.tags <> '{}' and x.tags @> array[$1::text] order by x.id limit $3 for no key update)
		returning t.id`, from, to, limit)
	if err != nil {
		return nil, wrap(err, "retag")
	}
	return collectIDs(rows, "retag")
}
