//! A picture of the table: for each figure, how Tenfold and its peers stand to the best peer.

use crate::report::Group;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// Height of one figure's line, and room for names and for the scale.
const LINE: u32 = 24;
const MARGIN: u32 = 90;

const TENFOLD: RGBColor = RGBColor(220, 38, 38);

/// A peer has the same colour in every picture.
fn colour(peer: &str) -> RGBColor {
    match peer {
        "tensorflow" => RGBColor(234, 138, 0),
        "jax" => RGBColor(37, 99, 235),
        "torch" => RGBColor(22, 163, 74),
        "candle" => RGBColor(147, 51, 234),
        "burn" => RGBColor(120, 72, 40),
        _ => RGBColor(110, 110, 110),
    }
}

/// Draws one line of points for each figure that both Tenfold and a peer have: further right is better, 1 is the best peer.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw(path: &Path, groups: &[Group]) -> Result<(), Box<dyn Error>> {
    let groups: Vec<&Group> =
        groups.iter().filter(|g| g.best("tenfold").is_some() && g.best_peer().is_some()).collect();
    plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the font cannot be read")?;
    let mut names: Vec<&str> =
        groups.iter().flat_map(|g| &g.rows).map(|row| row.framework.as_str()).collect();
    names.sort_unstable_by_key(|name| (*name != "tenfold", *name));
    names.dedup();
    let root =
        BitMapBackend::new(path, (1000, MARGIN + LINE * groups.len().max(1) as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let ratios = |name: &str| -> Vec<(f64, f64)> {
        let line = |(i, g): (usize, &&Group)| {
            let row = g.best(name).filter(|row| row.agrees())?;
            Some((g.ratio(row)?, (groups.len() - i) as f64))
        };
        groups.iter().enumerate().filter_map(line).collect()
    };
    let all = || names.iter().flat_map(|name| ratios(name)).map(|(ratio, _)| ratio);
    let (low, high) = (all().fold(0.5, f64::min) * 0.8, all().fold(2.0, f64::max) * 1.25);
    let mut builder = ChartBuilder::on(&root);
    builder.margin(12).x_label_area_size(44).y_label_area_size(210);
    let mut chart = builder.build_cartesian_2d((low..high).log_scale(), 0.0..groups.len() as f64 + 1.0)?;
    let label = |y: &f64| {
        let i = groups.len() as f64 - y;
        let group = (i.fract() == 0.0 && i >= 0.0).then(|| groups.get(i as usize)).flatten();
        group.map(|g| g.name()).unwrap_or_default()
    };
    let mut mesh = chart.configure_mesh();
    mesh.y_labels(groups.len() + 2)
        .y_label_formatter(&label)
        .x_labels(12)
        .x_label_formatter(&|x| format!("{x}"));
    mesh.x_desc("speed, the best peer being 1")
        .light_line_style(WHITE)
        .label_style(("sans-serif", 13))
        .draw()?;
    chart.draw_series(LineSeries::new(
        [(1.0, 0.0), (1.0, groups.len() as f64 + 1.0)],
        BLACK.stroke_width(1),
    ))?;
    for name in names {
        let (colour, size) = if name == "tenfold" { (TENFOLD, 7) } else { (colour(name), 4) };
        let points = ratios(name).into_iter().map(|at| Circle::new(at, size, colour.filled()));
        chart
            .draw_series(points)?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 9, y), size, colour.filled()));
    }
    let mut labels = chart.configure_series_labels();
    labels
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3));
    labels.label_font(("sans-serif", 13)).draw()?;
    root.present()?;
    Ok(())
}
