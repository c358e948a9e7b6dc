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
// where to where half of the rounds lie, on a logarithmic axis, with a line where
// the most to be won is; at 1 both drivers are as fast.
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
	bounded := false
	for i, t := range r.Transports {
		points := &ranges{}
		var most plotter.XYs
		for y, name := range names {
			at := float64(y) + 0.22*(1-float64(i))
			res := r.find(name, t.Name)
			if res.Most != nil {
				most = append(most, plotter.XY{X: res.Most.Median, Y: at})
			}
			if res.Ratio != nil {
				points.XYs = append(points.XYs, plotter.XY{X: res.Ratio.Median, Y: at})
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
		if len(most) == 0 {
			continue
		}
		lines, err := plotter.NewScatter(most)
		if err != nil {
			return err
		}
		lines.Color, lines.Shape, lines.Radius = c, uprightGlyph{}, vg.Points(5)
		p.Add(lines)
		bounded = true
	}
	if bounded {
		line := &plotter.Scatter{GlyphStyle: draw.GlyphStyle{Color: color.Gray{0x40}, Shape: uprightGlyph{}, Radius: vg.Points(5)}}
		p.Legend.Add("at most", line)
	}
	p.Title.Padding = vg.Points(6)
	p.Y.Max += 0.4 + 0.6*float64(len(r.Transports)+1) // for the legend
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

// uprightGlyph is a short upright line.
type uprightGlyph struct{}

func (uprightGlyph) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: style.Color, Width: vg.Points(1.5)})
	var path vg.Path
	path.Move(vg.Point{X: at.X, Y: at.Y - style.Radius})
	path.Line(vg.Point{X: at.X, Y: at.Y + style.Radius})
	c.Stroke(path)
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
