package desk

import (
	"slices"
	"time"
)

// Guest is somebody whom an owner lets in to help, for hours or days (security row 36: support access). When the time is over the account opens nothing any more, and cannot be enabled again.
type Guest struct {
	ID         int64      `json:"id"`
	UserID     int64      `json:"user_id"`
	Email      string     `json:"email"`
	Name       string     `json:"name"`
	Role       Role       `json:"role"`
	Reason     string     `json:"reason"`
	MadeBy     string     `json:"made_by"` // address of the owner, or the account of the machine
	BegunAt    time.Time  `json:"begun_at"`
	EndsAt     time.Time  `json:"ends_at"`
	EndedAt    *time.Time `json:"ended_at"` // when all that opened something was taken away; nil: not yet
	EndedBy    string     `json:"ended_by"` // who ended it before its time; empty: nobody
	EndedHow   GuestEnd   `json:"ended_how"`
	LastSeenAt *time.Time `json:"last_seen_at"` // nil: has not come in yet
}

// Open says whether the guest is here at that time.
func (g Guest) Open(now time.Time) bool { return g.EndedAt == nil && now.Before(g.EndsAt) }

// GuestEnd is how the time of a guest ended. The words are part of the API.
type GuestEnd string

// How it ends.
const (
	GuestByTime   GuestEnd = "time"         // it was over
	GuestByOwner  GuestEnd = "owner"        // an owner ended it
	GuestBySwitch GuestEnd = "switched-off" // no guests are let in any more
)

// Bounds of how long a guest stays.
const (
	ShortestGuest = time.Hour
	LongestGuest  = 7 * 24 * time.Hour
)

// outlive are the rights with which a guest could stay, or let others in, beyond their time.
var outlive = []Right{MayManagePeople, MayManageRoles, MayManageSecurity, MayManageTokens, MayManageClients, MayOwn}

// GuestMayHold says whether a role can be a guest's, and names a right that it must not give otherwise.
func GuestMayHold(grant Grant) (not Right, ok bool) {
	for _, right := range grant.Rights {
		if slices.Contains(outlive, right) {
			return right, false
		}
	}
	return "", true
}
