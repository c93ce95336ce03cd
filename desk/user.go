package desk

// User is a person who can sign in.
type User struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  Role   `json:"role"`
	Grant *Grant `json:"-" db:"-"` // what a custom role gives; nil for the built-in ones, and for one that nobody has looked up, which then gives nothing
}

// Same says whether u and other are the same person with the same values.
func (u User) Same(other User) bool {
	return u.ID == other.ID && u.Email == other.Email && u.Name == other.Name && u.Role == other.Role
}

// Actor is who does something: a user, the system, or the sender of a mail. It goes into the audit log with every change.
type Actor struct {
	User   User    // zero for the system and for senders of mail
	Scopes []Scope // of the token in use; empty: all that the user may
	Reach  []Scope // broad scopes that a scope of one resource stands for, for the length of one request
	Via    string  // portal, api, cli, mail, job
	IP     string  // where the request came from, if from a network

	Behind *User // of our people, who does it in the place of User, a customer; nil: nobody does

	Operator string // account of the machine from which a command was given, as uid/name; empty for all else

	// For the audit log; zero where there is none.
	Session int64  // by which they are signed in
	Token   int64  // API token in use
	Request string // id of the request, as the log has it
}

// System is the actor of what Postern does by itself.
func System(via string) Actor { return Actor{Via: via} }

// IsSystem says whether nobody but Postern itself, or whoever holds its machine, does it: a job, or a command on the command line.
func (a Actor) IsSystem() bool { return a.User == User{} && (a.Via == "job" || a.Via == "cli") }

// Person is who does it in the end: the one of our people behind a customer, else the user.
func (a Actor) Person() User {
	if a.Behind != nil {
		return *a.Behind
	}
	return a.User
}

// Owner says whether an owner is there in person: what owners alone may no token of theirs may (decision 0038).
func (a Actor) Owner() bool { return a.User.Role == RoleOwner && a.Token == 0 }

// Can says whether the actor holds the right, by role and by the scopes of the token in use. The system may do everything.
func (a Actor) Can(right Right) bool {
	return a.IsSystem() || a.User.Can(right) && a.Allows(right)
}

// Allows says whether the scopes of the token in use cover the right; without a token they do.
func (a Actor) Allows(right Right) bool {
	return Allows(a.Scopes, right) || len(a.Reach) > 0 && Allows(a.Reach, right)
}
