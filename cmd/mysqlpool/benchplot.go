package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// plotColors tell the transports apart, also for who sees no red and green.
var plotColors = []string{"#0072b2", "#e69f00", "#009e73"}

// Where what is in a plot, in pixels.
const (
	plotWidth  = 800
	plotLeft   = 210 // of the axis
	plotRight  = plotWidth - 24
	plotTop    = 44
	plotRow    = 30 // of a workload
	plotLegend = 18 // of a transport
)

// plot is the ratios as an SVG: a point for the median and a bar over the
// interquartile range, on a logarithmic axis, with a short upright line at the upper
// bound; at 1 both drivers are as fast. What is too noisy has a bar alone, dashed.
func (r *report) plot() string {
	low, high := r.ratios()
	x := func(ratio float64) float64 {
		part := (math.Log(ratio) - math.Log(low)) / (math.Log(high) - math.Log(low))
		return plotLeft + min(max(part, 0), 1)*(plotRight-plotLeft)
	}
	names := r.workloads()
	noisy := slices.ContainsFunc(r.Results, func(res result) bool { return res.Ratio != nil && res.Ratio.noisy() })
	legends := len(r.Transports) + 1
	if noisy {
		legends++
	}
	top := float64(plotTop + plotLegend*legends)
	bottom := top + float64(plotRow*len(names))

	var s svg
	s.open(plotWidth, bottom+34)
	s.text(plotWidth/2, 24, "middle", "title", `times as fast as "mysql": median and interquartile range`)
	for _, tick := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if low <= tick && tick <= high {
			class := "grid"
			if tick == 1 {
				class = "even"
			}
			s.line(x(tick), top, x(tick), bottom, class, "")
			s.text(x(tick), bottom+18, "middle", "label", fmt.Sprint(tick))
		}
	}
	s.line(plotLeft, bottom, plotRight, bottom, "axis", "")
	for row, name := range names {
		middle := top + plotRow*(float64(row)+0.5)
		s.text(plotLeft-10, middle+4, "end", "label", name)
		for i, t := range r.Transports {
			res := r.find(name, t.Name)
			if res.Ratio == nil {
				continue
			}
			color := plotColors[i%len(plotColors)]
			y := middle + 8*(float64(i)-float64(len(r.Transports)-1)/2)
			if res.Ratio.noisy() {
				s.line(x(res.Ratio.From), y, x(res.Ratio.To), y, "noisy", color)
			} else {
				s.line(x(res.Ratio.From), y, x(res.Ratio.To), y, "bar", color)
				s.dot(x(res.Ratio.Median), y, color)
			}
			if res.Most != nil && !res.Most.noisy() {
				s.line(x(res.Most.Median), y-5, x(res.Most.Median), y+5, "bound", color)
			}
		}
	}
	for i, t := range r.Transports {
		y := plotTop + plotLegend*(float64(i)+0.5)
		s.dot(plotRight-150, y, plotColors[i%len(plotColors)])
		s.text(plotRight-138, y+4, "start", "label", t.Name)
	}
	y := plotTop + plotLegend*(float64(len(r.Transports))+0.5)
	s.line(plotRight-150, y-5, plotRight-150, y+5, "bound", "#404040")
	s.text(plotRight-138, y+4, "start", "label", "upper bound")
	if noisy {
		y += plotLegend
		s.line(plotRight-160, y, plotRight-142, y, "noisy", "#404040")
		s.text(plotRight-138, y+4, "start", "label", "too noisy for a median")
	}
	return s.close()
}

// ratios returns between what all that is drawn lies, with some room.
func (r *report) ratios() (low, high float64) {
	low, high = 0.8, 2.5
	take := func(ratio float64) {
		if ratio > 0 && !math.IsInf(ratio, 0) {
			low, high = min(low, ratio/1.2), max(high, ratio*1.2)
		}
	}
	for _, res := range r.Results {
		if res.Ratio != nil {
			take(res.Ratio.From)
			take(res.Ratio.To)
		}
		if res.Most != nil && !res.Most.noisy() {
			take(res.Most.Median)
		}
	}
	return low, high
}

// svg is a drawing that is written from its start to its end.
type svg struct{ strings.Builder }

func (s *svg) open(width, height float64) {
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%[1]v" height="%[2]v" font-family="Helvetica, Arial, sans-serif">
<style>.title{font-size:15px}.label{font-size:12px}.grid{stroke:#ddd}.even{stroke:#808080;stroke-dasharray:4 4}.axis{stroke:#404040}.bar{stroke-width:2}.noisy{stroke-width:2;stroke-dasharray:3 4}.bound{stroke-width:2}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
`, width, height)
}

func (s *svg) close() string {
	s.WriteString("</svg>\n")
	return s.String()
}

// line draws in the class's colour if color is "".
func (s *svg) line(x1, y1, x2, y2 float64, class, color string) {
	stroke := ""
	if color != "" {
		stroke = fmt.Sprintf(` stroke="%s"`, color)
	}
	fmt.Fprintf(s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"%s/>`+"\n", x1, y1, x2, y2, class, stroke)
}

func (s *svg) dot(x, y float64, color string) {
	fmt.Fprintf(s, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", x, y, color)
}

func (s *svg) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">`, x, y, anchor, class)
	xml.EscapeText(s, []byte(text))
	s.WriteString("</text>\n")
}
