package store

import (
	"context"
	"time"
)

// AnyoneAsks says whether any mailbox asks its customers whether they were helped.
func (r Reader) AnyoneAsks(ctx context.Context) (bool, error) {
	var asks bool
	err := r.q.QueryRow(ctx, `select exists (select from customer_setting where ask)`).Scan(&asks)
	return asks, wrap(err, "who asks for ratings")
}

// WantQuestion notes that the customer of a ticket shall be asked, if it is solved, its mailbox asks, and they were not asked yet. A ticket that was opened again and solved anew waits anew.
func (tx *Tx) WantQuestion(ctx context.Context, ticket int64) error {
	_, err := tx.tx.Exec(ctx, `
		insert into rating_question (ticket_id, due_at)
		select t.id, t.solved_at + make_interval(hours => s.ask_after)
		from ticket t
		join customer_setting s on s.mailbox_id = t.mailbox_id and s.ask
		where t.id = $1 and t.solved_at is not null and t.merged_into is null
		on conflict (ticket_id) do update
		set due_at = excluded.due_at, outcome = ''
		where rating_question.asked_at is null`, ticket)
	return wrap(err, "want rating question")
}

// DueQuestion is a question whose time has come, with what speaks for and against it.
type DueQuestion struct {
	Ticket         int64      `db:"ticket_id"`
	Attempts       int        `db:"attempts"`
	Address        string     `db:"address"` // of the requester
	MailboxAddress string     `db:"mailbox_address"`
	MailboxName    string     `db:"mailbox_name"`
	Language       string     `db:"language"`
	SolvedAt       *time.Time `db:"solved_at"`
	Message        int64      `db:"message"` // the newest answer that one of our people wrote; 0: none
	Asks           bool       `db:"asks"`
	Rated          bool       `db:"rated"`
	Spam           bool       `db:"spam"`
	Ours           bool       `db:"ours"`
	Suppressed     bool       `db:"suppressed"`
	Lately         bool       `db:"lately"` // the address was asked on another ticket since then
}

// DueQuestions locks questions whose time has come, the oldest first.
func (tx *Tx) DueQuestions(ctx context.Context, now, lately time.Time, limit int) ([]DueQuestion, error) {
	const sql = `
		select q.ticket_id, q.attempts, c.address, b.address as mailbox_address, b.name as mailbox_name, coalesce(s.language, '') as language, t.solved_at,
		       coalesce((select max(m.id) from message m where m.ticket_id = t.id and m.kind = 'reply' and m.author_id is not null), 0) as message,
		       coalesce(s.ask, false) and b.removed_at is null and t.merged_into is null as asks, t.rating is not null as rated, 'spam' = any(t.tags) as spam,
		       exists (
		           select from mailbox own
		           where own.address = c.address
		              or split_part(c.address, '@', 2) = split_part(own.address, '@', 2) and starts_with(c.address, split_part(own.address, '@', 1) || '+')) as ours,
		       exists (select from suppression x where x.address = c.address) as suppressed,
		       exists (select from rating_question x where x.address = c.address and x.asked_at > $2 and x.ticket_id <> q.ticket_id) as lately
		from rating_question q
		join ticket t on t.id = q.ticket_id
		join contact c on c.id = t.requester_id
		join mailbox b on b.id = t.mailbox_id
		left join customer_setting s on s.mailbox_id = t.mailbox_id
		where q.due_at <= $1
		order by q.due_at, q.ticket_id
		limit $3
		for update of q skip locked`
	due, err := rowsOf[DueQuestion](ctx, tx.q, sql, now, lately, limit)
	return due, wrap(err, "due rating questions")
}

// ClaimQuestion takes a question in hand: from now on it counts as asked, whatever becomes of the process.
func (tx *Tx) ClaimQuestion(ctx context.Context, ticket int64, address string, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		update rating_question
		set asked_at = $3, address = $2, due_at = null, attempts = attempts + 1
		where ticket_id = $1`, ticket, address, now)
	return wrap(err, "claim rating question")
}

// EndQuestion ends a question that is not asked.
func (tx *Tx) EndQuestion(ctx context.Context, ticket int64, reason string) error {
	_, err := tx.tx.Exec(ctx, `update rating_question set due_at = null, outcome = $2 where ticket_id = $1`, ticket, reason)
	return wrap(err, "end rating question")
}

// QuestionOutcome is what became of a question on its way.
type QuestionOutcome struct {
	Words    string
	Due      time.Time // of another attempt; zero: it is over
	Attempts int       // no more than these are made
}

// KeepQuestion writes it down.
func (tx *Tx) KeepQuestion(ctx context.Context, ticket int64, o QuestionOutcome) error {
	_, err := tx.tx.Exec(ctx, `
		update rating_question
		set outcome = $2, due_at = case when attempts < $4 then $3::timestamptz end
		where ticket_id = $1`, ticket, o.Words, timeOrNull(o.Due), o.Attempts)
	return wrap(err, "keep rating question")
}
