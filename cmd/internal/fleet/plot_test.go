package fleet

import (
	"image/color"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var (
	columns = []struct{ series, title string }{
		{"logins", "logins a second"}, {"refused", "logins refused a second"}, {"failed", "requests failed a second"}, {"served", "requests served a second"},
	}
	colours = map[string]color.Color{"stock": color.RGBA{0xd5, 0x5e, 0x00, 0xff}, "mysqlpool": color.RGBA{0x00, 0x72, 0xb2, 0xff}}
)

// writePlot draws a row for each scenario, and a column for each series.
func writePlot(file string, all map[string]map[string]*outcome) error {
	canvas := vgsvg.New(vg.Points(1120), vg.Points(float64(190*len(scenarios))))
	tiles := draw.Tiles{Rows: len(scenarios), Cols: len(columns), PadX: vg.Points(12), PadY: vg.Points(14),
		PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	for row, sc := range scenarios {
		for col, c := range columns {
			p := plot.New()
			p.Title.Text = c.title
			p.X.Label.Text = "seconds"
			short, _, _ := strings.Cut(sc.name, ":")
			p.Title.Text = short + ": " + c.title
			p.Legend.Top = true
			p.Add(plotter.NewGrid())
			for _, name := range []string{"stock", "mysqlpool"} {
				line, err := plotter.NewLine(points(all[sc.name][name].series[c.series]))
				if err != nil {
					return err
				}
				line.Color, line.Width = colours[name], vg.Points(1)
				p.Add(line)
				if row == 0 && col == 0 {
					p.Legend.Add(name, line)
				}
			}
			p.Y.Min, p.Y.Max = 0, p.Y.Max*1.1+1
			p.X.Min, p.X.Max = 0, length.Seconds()
			p.Draw(tiles.At(draw.New(canvas), col, row))
		}
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

// points is one for each half second.
func points(counts []float64) (all plotter.XYs) {
	const step = perSecond / 2
	for i := 0; i < int(length/interval); i += step {
		n := 0.0
		for j := i; j < min(i+step, len(counts)); j++ {
			n += counts[j]
		}
		all = append(all, plotter.XY{X: float64(i+step/2) / float64(perSecond), Y: n * float64(perSecond) / float64(step)})
	}
	return all
}
