package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// SCIMBase is where a provider's program keeps its people here (RFC 7644 §3.13).
const SCIMBase = identity.ProvisionPath

const (
	maxSCIM    = 64 << 10 // bytes of a body: one person
	scimAtOnce = 100      // people on a page
	scimMedia  = "application/scim+json"
)

// scimFault is an error as SCIM says it (RFC 7644 §3.12).
type scimFault struct {
	Status int
	Type   string // scimType
	Detail string
}

// Error is what is wrong.
func (f *scimFault) Error() string { return f.Detail }

func scimWrong(kind, detail string) error {
	return &scimFault{Status: http.StatusBadRequest, Type: kind, Detail: detail}
}

// scimAnswer is what a call has to say.
type scimAnswer struct {
	Status   int
	Location string
	Body     any // nil: nothing
}

// scimCall finds out which provider asks, lets it be answered, and writes the answer or the error.
func (a *API) scimCall(call func(*http.Request, identity.Provisioner) (scimAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		by, err := a.cfg.Identity.ProvisionBearer(r.Context(), strings.TrimSpace(token), identity.Client{IP: remote(r), UserAgent: r.UserAgent()})
		if statusOfError(err) == http.StatusUnauthorized && !a.anonymous(w, r) {
			return
		}
		if err == nil && !a.permitted(w, r, "scim/"+strconv.FormatInt(by.Provider.ID, 10), desk.LimitToken) {
			return
		}
		var answer scimAnswer
		if err == nil {
			_ = http.NewResponseController(w).SetReadDeadline(a.now().Add(bodyTime)) // where the connection knows no deadlines, the server's own holds
			r.Body = http.MaxBytesReader(w, r.Body, maxSCIM)
			answer, err = call(r, by)
		}
		if err != nil {
			scimRefuse(w, r, err)
			return
		}
		if answer.Location != "" {
			w.Header().Set("Location", answer.Location)
		}
		if answer.Body == nil {
			w.WriteHeader(answer.Status)
			return
		}
		scimWrite(w, answer.Status, answer.Body)
	}
}

func scimWrite(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", scimMedia)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: there is nobody to tell
}

// scimRefuse writes an error. The sentence of a fault is for the provider's program; of any other error it learns only that it happened.
func scimRefuse(w http.ResponseWriter, r *http.Request, err error) {
	var fault *scimFault
	if !errors.As(err, &fault) {
		model := problem(r.Context(), err)
		fault = &scimFault{Status: model.Status, Detail: model.Detail}
		switch model.Status {
		case http.StatusUnprocessableEntity:
			fault.Status, fault.Type = http.StatusBadRequest, "invalidValue"
		case http.StatusConflict:
			fault.Type = "uniqueness"
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Bearer realm="postern"`)
		}
	}
	body := map[string]any{"schemas": []string{scimErrorURN}, "status": strconv.Itoa(fault.Status), "detail": fault.Detail}
	if fault.Type != "" {
		body["scimType"] = fault.Type
	}
	scimWrite(w, fault.Status, body)
}

// scimRead reads a body of JSON, in which nothing stands twice.
func scimRead(r *http.Request, into any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != scimMedia && media != "application/json" {
		return &scimFault{Status: http.StatusUnsupportedMediaType, Detail: "the body is JSON: Content-Type: " + scimMedia}
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &scimFault{Status: http.StatusRequestEntityTooLarge, Detail: "the body is larger than 64 KiB"}
	}
	if err != nil {
		return scimWrong("invalidSyntax", "the body cannot be read")
	}
	if _, twice := saidTwice(body); twice {
		return scimWrong("invalidSyntax", "the body says something twice")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return scimWrong("invalidSyntax", "the body is not JSON of the shape that RFC 7643 gives a user")
	}
	return nil
}

// scimID is the person that a path names.
func scimID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, desk.Faultf(desk.NotFound, "the provider keeps nobody of this id here")
	}
	return id, nil
}

// scimLocation is where a person is found.
func (a *API) scimLocation(id int64) string {
	return a.cfg.Identity.PublicURL() + SCIMBase + "/Users/" + strconv.FormatInt(id, 10)
}

// scimShow answers with a person.
func (a *API) scimShow(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	id, err := scimID(r)
	if err != nil {
		return scimAnswer{}, err
	}
	person, err := a.cfg.Identity.Provisioned(r.Context(), by, id)
	if err != nil {
		return scimAnswer{}, err
	}
	return a.scimPerson(r, http.StatusOK, person)
}

func (a *API) scimPerson(r *http.Request, status int, person desk.Provision) (scimAnswer, error) {
	at := a.scimLocation(person.UserID)
	body, err := scimNarrowed(r, scimUserOf(person, at))
	answer := scimAnswer{Status: status, Body: body}
	if status == http.StatusCreated {
		answer.Location = at
	}
	return answer, err
}

// scimList answers with the people who match (RFC 7644 §3.4.2).
func (a *API) scimList(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	query := r.URL.Query()
	wanted, nobody, err := scimFilter(query.Get("filter"))
	if err != nil {
		return scimAnswer{}, err
	}
	first := max(1, scimNumber(query.Get("startIndex"), 1))
	wanted.Skip, wanted.Limit = first-1, min(scimAtOnce, max(0, scimNumber(query.Get("count"), scimAtOnce)))
	var people []desk.Provision
	all := 0
	if !nobody {
		if people, all, err = a.cfg.Identity.ProvisionedPeople(r.Context(), by, wanted); err != nil {
			return scimAnswer{}, err
		}
	}
	resources := make([]any, 0, len(people))
	for _, person := range people {
		one, err := scimNarrowed(r, scimUserOf(person, a.scimLocation(person.UserID)))
		if err != nil {
			return scimAnswer{}, err
		}
		resources = append(resources, one)
	}
	return scimAnswer{Status: http.StatusOK, Body: scimListing(resources, all, first)}, nil
}

func scimListing(resources []any, all, first int) any {
	return map[string]any{"schemas": []string{scimListURN}, "totalResults": all, "startIndex": first, "itemsPerPage": len(resources), "Resources": resources}
}

// scimNumber is a number of a query; what is none is the usual one.
func scimNumber(text string, usual int) int {
	if n, err := strconv.Atoi(text); err == nil && n < 1_000_000_000 {
		return n
	}
	return usual
}

// scimAdd keeps somebody here.
func (a *API) scimAdd(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	said, err := scimTold(r, desk.Provisioned{Active: true})
	if err != nil {
		return scimAnswer{}, err
	}
	person, err := a.cfg.Identity.AddProvisioned(r.Context(), by, said)
	if err != nil {
		return scimAnswer{}, err
	}
	return a.scimPerson(r, http.StatusCreated, person)
}

// scimReplace says everything about a person anew. Whether they may come in stays where it is not said: silence must let nobody in again.
func (a *API) scimReplace(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	var typed scimUser
	if err := scimRead(r, &typed); err != nil {
		return scimAnswer{}, err
	}
	return a.scimChange(r, by, func(before desk.Provisioned) (desk.Provisioned, error) {
		return typed.said(desk.Provisioned{Active: before.Active}), nil
	})
}

// scimPatch changes some of it (RFC 7644 §3.5.2).
func (a *API) scimPatch(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	var patch scimPatchBody
	if err := scimRead(r, &patch); err != nil {
		return scimAnswer{}, err
	}
	return a.scimChange(r, by, patch.apply)
}

func (a *API) scimChange(r *http.Request, by identity.Provisioner, change func(desk.Provisioned) (desk.Provisioned, error)) (scimAnswer, error) {
	id, err := scimID(r)
	if err != nil {
		return scimAnswer{}, err
	}
	person, err := a.cfg.Identity.ChangeProvisioned(r.Context(), by, id, change)
	if err != nil {
		return scimAnswer{}, err
	}
	return a.scimPerson(r, http.StatusOK, person)
}

// scimRemove lets go of a person, who is out from then on.
func (a *API) scimRemove(r *http.Request, by identity.Provisioner) (scimAnswer, error) {
	id, err := scimID(r)
	if err != nil {
		return scimAnswer{}, err
	}
	return scimAnswer{Status: http.StatusNoContent}, a.cfg.Identity.ReleaseProvisioned(r.Context(), by, id)
}

// scimTold reads what a provider says about somebody.
func scimTold(r *http.Request, before desk.Provisioned) (desk.Provisioned, error) {
	var typed scimUser
	if err := scimRead(r, &typed); err != nil {
		return before, err
	}
	return typed.said(before), nil
}

// scimTime is a time as SCIM writes it (RFC 7643 §2.3.5).
func scimTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
