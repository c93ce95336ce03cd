package store

import (
	"context"

	"postern/desk"
)

// AddressRanges lists the ranges that people may come from: of both lists, at most desk.MostRanges.
func (r Reader) AddressRanges(ctx context.Context) ([]desk.AddressRange, error) {
	ranges, err := rowsOf[desk.AddressRange](ctx, r.q, `
		select id, list, range, name, expires_at, created_at, created_by
		from address_range
		order by list, range, id
		limit $1`, desk.MostRanges)
	return ranges, wrap(err, "address ranges")
}

// SetAddressRanges makes these the ranges, and no others. Those that were there stay as they are.
func (tx *Tx) SetAddressRanges(ctx context.Context, ranges []desk.AddressRange) error {
	kept := []int64{}
	for _, one := range ranges {
		if one.ID != 0 {
			kept = append(kept, one.ID)
		}
	}
	if _, err := tx.tx.Exec(ctx, `delete from address_range where not id = any($1)`, kept); err != nil {
		return wrap(err, "remove address ranges")
	}
	for _, one := range ranges {
		_, err := tx.tx.Exec(ctx, `
			insert into address_range (list, range, name, expires_at, created_at, created_by)
			values ($1, $2, $3, $4, $5, $6)
			on conflict (list, range) do nothing`, one.List, one.Range, one.Name, one.ExpiresAt, one.CreatedAt, one.CreatedBy)
		if err != nil {
			return wrap(err, "add address range")
		}
	}
	return nil
}
