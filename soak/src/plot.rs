//! The samples as a picture: operations per second, memory, and threads, one above the other.

use crate::samples::{Sample, Samples};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// What is drawn: its name, its color, and its value given the sample before and the sample.
type Curve = (&'static str, RGBColor, fn(&Sample, &Sample) -> f64);

const CURVES: [Curve; 3] = [
    (
        "operations per second",
        RGBColor(31, 119, 180),
        |before, now| (now.operations - before.operations) as f64 / (now.seconds - before.seconds),
    ),
    ("resident memory, MiB", RGBColor(214, 39, 40), |_, now| {
        now.memory
    }),
    ("threads", RGBColor(44, 160, 44), |_, now| now.threads),
];

pub fn draw(samples: &Samples, file: &Path) -> Result<(), Box<dyn Error>> {
    let minutes = samples.last().seconds / 60.0;
    let root = SVGBackend::new(file, (1000, 750)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, (name, color, value)) in root.split_evenly((CURVES.len(), 1)).iter().zip(CURVES) {
        let points: Vec<_> = samples
            .all
            .windows(2)
            .map(|pair| (pair[1].seconds / 60.0, value(&pair[0], &pair[1])))
            .collect();
        let highest = points.iter().map(|point| point.1).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(name, ("sans-serif", 17))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..minutes, 0.0..highest * 1.1)?;
        chart
            .configure_mesh()
            .x_desc("minutes")
            .light_line_style(TRANSPARENT)
            .draw()?;
        chart.draw_series(LineSeries::new(points, color))?;
    }
    root.present()?;
    Ok(())
}
