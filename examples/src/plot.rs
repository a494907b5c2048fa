//! Pictures: training curves and digits with what the model says of them.

use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// One line of a chart.
pub struct Curve<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// One value for each epoch.
    pub values: Vec<f64>,
}

/// The words' font comes with the program: a machine may have none.
fn font() -> Result<(), Box<dyn Error>> {
    plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the font cannot be read".into())
}

/// Charts side by side, one for each title with its curves, over epochs.
///
/// # Errors
///
/// If the file cannot be written.
pub fn curves(path: &Path, charts: &[(&str, Vec<Curve<'_>>)]) -> Result<(), Box<dyn Error>> {
    font()?;
    let root = BitMapBackend::new(path, (520 * charts.len() as u32, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    for ((title, curves), area) in charts.iter().zip(root.split_evenly((1, charts.len()))) {
        let all = || curves.iter().flat_map(|c| &c.values).copied().filter(|v| v.is_finite());
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let room = ((high - low) * 0.05).max(1e-6);
        let epochs = curves.iter().map(|c| c.values.len()).max().unwrap_or(1);
        let mut builder = ChartBuilder::on(&area);
        builder.margin(14);
        builder.caption(title, ("sans-serif", 20)).x_label_area_size(36).y_label_area_size(56);
        let mut chart = builder.build_cartesian_2d(1.0..epochs.max(2) as f64, (low - room)..(high + room))?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(WHITE);
        mesh.x_desc("epoch").x_labels(epochs.clamp(2, 11)).x_label_formatter(&|x| format!("{x:.0}"));
        mesh.label_style(("sans-serif", 13)).draw()?;
        for (k, curve) in curves.iter().enumerate() {
            let colour = Palette99::pick(k).to_rgba();
            // Later curves are thinner, so that those that coincide are all seen.
            let width = 2 + 3 * (curves.len() - 1 - k) as u32;
            let points = curve.values.iter().enumerate().map(|(i, v)| ((i + 1) as f64, *v));
            let line = chart.draw_series(LineSeries::new(points, colour.stroke_width(width)))?;
            line.label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(width)));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 13))
            .draw()?;
    }
    root.present()?;
    Ok(())
}

/// One digit with what it is and what the model says.
pub struct Guess<'a> {
    /// 64 pixels, 0 to 1.
    pub pixels: &'a [f32],
    /// What it is.
    pub label: i32,
    /// What the model says.
    pub guess: i32,
}

/// Digits in a grid; right guesses are framed in green, wrong ones in red.
///
/// # Errors
///
/// If the file cannot be written.
pub fn digits(path: &Path, guesses: &[Guess<'_>], columns: usize) -> Result<(), Box<dyn Error>> {
    font()?;
    const CELL: i32 = 84;
    const PIXEL: i32 = 7;
    let rows = guesses.len().div_ceil(columns);
    let size = ((columns as i32 * CELL) as u32, (rows as i32 * (CELL + 18)) as u32);
    let root = BitMapBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (i, guess) in guesses.iter().enumerate() {
        let (left, top) = ((i % columns) as i32 * CELL + 14, (i / columns) as i32 * (CELL + 18) + 10);
        for (p, value) in guess.pixels.iter().enumerate() {
            let (x, y) = (left + (p % 8) as i32 * PIXEL, top + (p / 8) as i32 * PIXEL);
            let grey = 255 - (value * 255.0) as u8;
            root.draw(&Rectangle::new(
                [(x, y), (x + PIXEL, y + PIXEL)],
                RGBColor(grey, grey, grey).filled(),
            ))?;
        }
        let right = guess.label == guess.guess;
        let colour = if right { RGBColor(22, 163, 74) } else { RGBColor(220, 38, 38) };
        let frame = [(left - 3, top - 3), (left + 8 * PIXEL + 3, top + 8 * PIXEL + 3)];
        root.draw(&Rectangle::new(frame, colour.stroke_width(2)))?;
        let text = match right {
            true => format!("{}", guess.guess),
            false => format!("{}, is {}", guess.guess, guess.label),
        };
        let style = ("sans-serif", 15).into_font().color(&colour);
        root.draw(&Text::new(text, (left, top + 8 * PIXEL + 7), style))?;
    }
    root.present()?;
    Ok(())
}
