//! The ratios as a picture: a line for each row, a point for each peer.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::harness::{OURS, Outcome, Quartiles};

const COLORS: [RGBColor; 12] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(140, 86, 75),
    RGBColor(23, 190, 207),
    RGBColor(127, 127, 127),
    RGBColor(227, 119, 194),
    RGBColor(188, 189, 34),
    RGBColor(0, 0, 110),
    RGBColor(0, 90, 60),
];
const LINE: u32 = 56;
/// Names in a line of the legend.
const NAMES: usize = 7;
const FONT: &str = "sans-serif";

/// The ends of the scale. What lies beyond is drawn at the end.
const LEFT: f64 = 0.001;
const RIGHT: f64 = 10.0;

pub fn draw(outcomes: &[Outcome], file: &Path) -> Result<(), Box<dyn Error>> {
    let outcomes: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.row.constant && outcome.ours().is_some())
        .collect();
    if outcomes.is_empty() {
        return Ok(());
    }

    // "tokio Notify" has tokio's color.
    let mut crates: Vec<&str> = Vec::new();
    for peer in outcomes.iter().flat_map(|outcome| outcome.peers()) {
        if !crates.contains(&crate_of(peer.name)) {
            crates.push(crate_of(peer.name));
        }
    }
    let color = |name| {
        let index = crates.iter().position(|&known| known == crate_of(name));
        COLORS[index.unwrap_or(0) % COLORS.len()]
    };

    let rows = outcomes.len() as f64;
    let legend = 24 * crates.len().div_ceil(NAMES) as u32;
    let height = LINE * outcomes.len() as u32 + 136 + legend;
    let root = SVGBackend::new(file, (1000, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            format!(
                "time of {OURS} / time of the peer (left of 1: {OURS} is faster; red: a bound)"
            ),
            (FONT, 17),
        )
        .margin(14)
        .margin_bottom(26 + legend)
        .x_label_area_size(36)
        .y_label_area_size(240)
        // The rows go from top to bottom.
        .build_cartesian_2d((LEFT..RIGHT).log_scale(), rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 14))
        .draw()?;
    chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, rows)], BLACK)])?;

    let label = TextStyle::from((FONT, 14)).pos(Pos::new(HPos::Right, VPos::Center));
    for (row, outcome) in outcomes.iter().enumerate() {
        let top = row as f64;
        chart.draw_series([PathElement::new(
            [(LEFT, top + 1.0), (RIGHT, top + 1.0)],
            BLACK.mix(0.12),
        )])?;
        let (x, y) = chart.plotting_area().map_coordinate(&(LEFT, top + 0.5));
        let name = outcome.row.name.clone();
        root.draw(&Text::new(name, (x - 8, y), label.clone()))?;
        for verdict in outcome.verdicts() {
            chart.draw_series([PathElement::new(
                [(verdict.most, top + 0.05), (verdict.most, top + 0.95)],
                RED.stroke_width(2),
            )])?;
        }
        let peers = outcome.peers().count() as f64;
        for (index, peer) in outcome.peers().enumerate() {
            let Some(Quartiles { low, median, high }) = outcome.ratio(peer) else {
                continue;
            };
            let place = top + (index as f64 + 1.0) / (peers + 1.0);
            let color = color(peer.name);
            let [low, median, high] = [low, median, high].map(|ratio| ratio.clamp(LEFT, RIGHT));
            chart.draw_series([PathElement::new(
                [(low, place), (high, place)],
                color.stroke_width(2),
            )])?;
            chart.draw_series([Circle::new((median, place), 4, color.filled())])?;
        }
    }

    for (index, name) in crates.iter().enumerate() {
        let (line, column) = (index / NAMES, index % NAMES);
        let place = (
            40 + 125 * column as i32,
            (height - legend) as i32 + 24 * line as i32,
        );
        root.draw(&Circle::new(place, 5, color(name).filled()))?;
        root.draw(&Text::new(
            name.to_string(),
            (place.0 + 10, place.1 - 7),
            (FONT, 14),
        ))?;
    }
    root.present()?;
    println!("\nthe ratios are drawn in {}", file.display());
    Ok(())
}

/// Contenders are named by their crate, with a word after it where that is not enough.
fn crate_of(name: &str) -> &str {
    name.split([' ', ',']).next().unwrap_or(name)
}
