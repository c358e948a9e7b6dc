package main

import (
	"fmt"
	"image/color"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// plotColors tell the transports apart, also for who sees no red and green.
var plotColors = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
}

// writePlot writes the ratios as an SVG: a point for the median and a bar from
// where to where half of the rounds lie, on a logarithmic axis; at 1 both
// drivers are as fast.
func (r *report) writePlot(file string) error {
	p := plot.New()
	p.Title.Text = `times as fast as "mysql": median, and half of the rounds`
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ratioTicks{}
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)
	names := r.workloads()
	slices.Reverse(names) // from the top
	p.NominalY(names...)
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(names)) - 0.5}})
	if err != nil {
		return err
	}
	even.Color, even.Dashes = color.Gray{0x80}, []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(plotter.NewGrid(), even)
	for i, t := range r.Transports {
		points := &ranges{}
		for y, name := range names {
			if res := r.find(name, t.Name); res.Ratio != nil {
				points.XYs = append(points.XYs, plotter.XY{X: res.Ratio.Median, Y: float64(y) + 0.22*(1-float64(i))})
				points.XErrors = append(points.XErrors, struct{ Low, High float64 }{
					res.Ratio.Median - res.Ratio.From, res.Ratio.To - res.Ratio.Median,
				})
			}
		}
		if len(points.XYs) == 0 {
			continue
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		bars, err := plotter.NewXErrorBars(points)
		if err != nil {
			return err
		}
		c := plotColors[i%len(plotColors)]
		scatter.Color, scatter.Shape, scatter.Radius = c, draw.CircleGlyph{}, vg.Points(3)
		bars.Color, bars.LineStyle.Width = c, vg.Points(1.5)
		p.Add(bars, scatter)
		p.Legend.Add(t.Name, scatter)
	}
	p.Title.Padding = vg.Points(6)
	p.Y.Max += 1.2 // for the legend
	p.X.Min, p.X.Max = p.X.Min/1.2, p.X.Max*1.2
	canvas := vgsvg.New(vg.Points(640), vg.Points(100+26*float64(len(names))))
	p.Draw(draw.Crop(draw.New(canvas), vg.Points(8), vg.Points(-12), vg.Points(6), vg.Points(-6)))
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// ranges is points with a bar to each side.
type ranges struct {
	plotter.XYs
	plotter.XErrors
}

// ratioTicks marks 0.5, 1, 2, 5, 10 and so on.
type ratioTicks struct{}

func (ratioTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	for _, x := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if low <= x && x <= high {
			ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprint(x)})
		}
	}
	return ticks
}
