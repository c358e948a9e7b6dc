package chaos

import (
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// writePlot draws each series by itself, one above the other, from zero, over the
// same time in minutes.
func (s *samples) writePlot(file string) error {
	const columns = 2
	rows := (len(s.series) + columns - 1) / columns
	canvas := vgsvg.New(vg.Points(720), vg.Points(float64(170*rows)))
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: vg.Points(14), PadY: vg.Points(14),
		PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	for n, x := range s.series {
		p := plot.New()
		p.Title.Text = x.name
		p.X.Label.Text = "minutes"
		var points plotter.XYs
		for i, at := range s.at {
			points = append(points, plotter.XY{X: at.Minutes(), Y: x.values[i]})
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = color.RGBA{0x00, 0x72, 0xb2, 0xff}, vg.Points(1)
		p.Add(plotter.NewGrid(), line)
		p.Y.Min, p.Y.Max = 0, p.Y.Max*1.1+1
		p.Draw(tiles.At(draw.New(canvas), n%columns, n/columns))
	}
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
