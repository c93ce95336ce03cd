package portal

import (
	"time"

	"postern/desk"
	"postern/language"
)

// figuresPart is what became of mail day by day, and how much of it each domain of ours sent.
type figuresPart struct {
	Title   string
	Summary string // what a person who does not see it should know
	Spans   []spanLink
	Days    []figureDay
	Senders []desk.DeliveryDay
	Total   desk.DeliveryDay
	Most    int64 // recipients of one day
	Height  int
	From    time.Time
	To      time.Time
}

// figureDay is one day: its numbers, and its bar, in the units of the plot.
type figureDay struct {
	desk.DeliveryDay
	lang       *language.Language
	X, Width   string // of the whole day
	BarX, BarW string
	Sent       bar
	Deferred   bar
	Bounced    bar
}

// bar is a piece of a stacked bar.
type bar struct{ Y, H string }

// figureHeight is that of the bars in the plot's own units.
const figureHeight = 120

// All is how many recipients had news that day.
func (d figureDay) All() int64 {
	return d.DeliveryDay.Sent + d.DeliveryDay.Deferred + d.DeliveryDay.Bounced
}

// Words is the day in one line.
func (d figureDay) Words() string {
	return d.lang.Say("%s: %d sent, %d had to wait, %d bounced", d.lang.Date(d.Day), d.DeliveryDay.Sent, d.DeliveryDay.Deferred, d.DeliveryDay.Bounced)
}

// figuresOf draws the days of the domain that the page is about.
func (p *Portal) figuresOf(c *call, asked deliveriesAsked) (figuresPart, error) {
	figures, err := p.tickets.DeliveryFigures(c.r.Context(), c.actor, asked.Sender, asked.Days)
	if err != nil {
		return figuresPart{}, err
	}
	part := drawFigures(c.lang, figures)
	for _, days := range spans {
		part.Spans = append(part.Spans, spanLink{c.lang.Say("%d days", days), asked.URL(func(a *deliveriesAsked) { a.Days = days }), days == asked.Days})
	}
	return part, nil
}

// drawFigures makes bars of figures.
func drawFigures(lang *language.Language, figures desk.DeliveryFigures) figuresPart {
	part := figuresPart{Title: lang.Say("What became of it"), Senders: figures.Senders, Total: figures.Total, Height: figureHeight, From: figures.Since}
	part.To = part.From.AddDate(0, 0, max(len(figures.Days)-1, 0))
	for _, day := range figures.Days {
		part.Most = max(part.Most, day.Sent+day.Deferred+day.Bounced)
	}
	slot := float64(plotWidth) / float64(max(len(figures.Days), 1))
	for i, day := range figures.Days {
		one := figureDay{DeliveryDay: day, lang: lang, X: coordinate(float64(i) * slot), Width: coordinate(slot)}
		one.BarX, one.BarW = coordinate((float64(i)+0.15)*slot), coordinate(slot*0.7)
		top := float64(figureHeight)
		stack := func(count int64) bar {
			if count == 0 || part.Most == 0 {
				return bar{coordinate(top), "0"}
			}
			height := max(float64(count)*figureHeight/float64(part.Most), 1.5) // one bounce among many mails is what the reader looks for
			top = max(top-height, 0)
			return bar{coordinate(top), coordinate(height)}
		}
		one.Sent, one.Deferred, one.Bounced = stack(day.Sent), stack(day.Deferred), stack(day.Bounced)
		part.Days = append(part.Days, one)
	}
	part.Summary = lang.Say("From %s to %s: %d sent, %d had to wait, %d bounced. The busiest day had %d.",
		lang.Date(part.From), lang.Date(part.To), part.Total.Sent, part.Total.Deferred, part.Total.Bounced, part.Most)
	return part
}
