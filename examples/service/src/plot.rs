//! What the load generator has measured, as a picture: how many requests were answered over time, and how long
//! that took.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::load::{Kind, Outcome};
use crate::report::Latencies;

const SIZE: (u32, u32) = (900, 760);
/// The height of the upper part.
const UPPER: u32 = 300;
/// Into so many parts the time is divided.
const BARS: usize = 60;
const FONT: &str = "sans-serif";

/// The kinds of requests and their colors.
const COLORS: [(Kind, RGBColor); 3] = [
    (Kind::Get, RGBColor(31, 119, 180)),
    (Kind::Put, RGBColor(214, 39, 40)),
    (Kind::Delete, RGBColor(44, 160, 44)),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws it into an SVG file.
pub fn draw(outcome: &Outcome, file: &Path) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(UPPER);
    draw_throughput(outcome, &upper)?;
    draw_latencies(outcome, &lower)?;
    root.present()?;
    Ok(())
}

fn draw_throughput(outcome: &Outcome, area: &Area) -> Result<(), Box<dyn Error>> {
    // A run in no time is drawn as well.
    let end = outcome.took.as_secs_f64().max(1e-3);
    let bar = end / BARS as f64;
    let mut counts = [0_u32; BARS];
    let sessions = outcome.sessions.iter();
    for sample in sessions.flat_map(|session| &session.samples) {
        let index = (sample.at.as_secs_f64() / bar) as usize;
        counts[index.min(BARS - 1)] += 1;
    }
    let rates = counts.map(|count| f64::from(count) / bar);
    let top = rates.iter().copied().fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area)
        .caption("requests a second", (FONT, 17))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .x_desc("seconds")
        .label_style((FONT, 14))
        .draw()?;
    chart.draw_series(rates.iter().enumerate().map(|(index, &rate)| {
        let left = index as f64 * bar;
        Rectangle::new([(left, 0.0), (left + bar, rate)], BLUE.mix(0.4).filled())
    }))?;
    Ok(())
}

/// The latency over the share of the requests that took longer: each grid line to the right stands for
/// ten times fewer of them.
fn draw_latencies(outcome: &Outcome, area: &Area) -> Result<(), Box<dyn Error>> {
    let all = Latencies::of(outcome, None);
    let milliseconds = |percent| {
        let latency = all.percentile(percent).unwrap_or_default();
        latency.as_secs_f64() * 1e3
    };
    let bottom = (milliseconds(0.0) / 1.5).max(1e-3);
    let top = (milliseconds(100.0) * 1.5).max(bottom * 10.0);
    let nines = (all.count().max(10) as f64).log10();
    let mut chart = ChartBuilder::on(area)
        .caption("latency in milliseconds, by percentile", (FONT, 17))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..nines, (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(nines as usize + 1)
        .x_label_formatter(&|nines| format!("{}", percent(nines.round())))
        .x_desc("percent of the requests that took no longer")
        .label_style((FONT, 14))
        .draw()?;
    for (kind, color) in COLORS {
        let latencies = Latencies::of(outcome, Some(kind));
        let steps = (0..=200).map(|step| nines * f64::from(step) / 200.0);
        let points = steps.filter_map(|nines| {
            let latency = latencies.percentile(percent(nines))?;
            Some((nines, latency.as_secs_f64() * 1e3))
        });
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(kind.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .label_font((FONT, 14))
        .draw()?;
    Ok(())
}

/// 1 is 90 percent, 2 is 99, 3 is 99.9.
fn percent(nines: f64) -> f64 {
    let shorter = 100.0 - 100.0 / 10_f64.powf(nines);
    // Without the digits in which a float is wrong.
    (shorter * 1e9).round() / 1e9
}
