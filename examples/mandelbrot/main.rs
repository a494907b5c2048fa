//! The Mandelbrot set: a `while` over a whole image, as one graph, eagerly and on the GPU if there is one.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use clap::Parser;
use plotters::backend::BitMapBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::style::{Color, HSLColor, RGBColor};
use std::time::Instant;
use tenfold as tf;
use tf::Tensor;

/// Draws the Mandelbrot set.
#[derive(Parser)]
struct Options {
    /// Width of the picture in pixels; its height is two thirds of that.
    #[arg(long, default_value_t = 900)]
    width: u32,
    /// Turns after which a point counts as one of the set.
    #[arg(long, default_value_t = 200)]
    turns: i32,
    /// The picture.
    #[arg(long, default_value = "mandelbrot.png")]
    out: String,
}

/// For each point `re + im·i`, how many turns of `z = z² + c` it takes to leave the circle of radius 2; at most `turns`. The
/// loop ends as soon as no point is left in the circle.
#[tf::function]
fn escape_turns(re: &Tensor, im: &Tensor, turns: &Tensor) -> Tensor {
    let (mut x, mut y) = (tf::zeros_like(re), tf::zeros_like(im));
    let mut count = tf::zeros_like(re);
    let mut turn = tf::constant(0);
    while &turn < turns {
        let (xx, yy) = (&x * &x, &y * &y);
        let inside = (&xx + &yy).less_equal(4.0);
        if inside.reduce_any(.., false).logical_not() {
            break;
        }
        count += inside.cast(tf::f32);
        // Points outside stand still, so that they do not grow beyond all numbers.
        (x, y) = (inside.select(xx - yy + re, &x), inside.select(2.0 * &x * &y + im, &y));
        turn += 1;
    }
    count
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::parse();
    if std::env::var_os("TENFOLD_SHORT").is_some() {
        (options.width, options.turns) = (150, 50);
    }
    let (width, height) = (options.width.max(3), options.width.max(3) * 2 / 3);
    let re = tf::linspace(-2.2, 0.8, width as usize).reshape([1, width as usize]);
    let im = tf::linspace(-1.0, 1.0, height as usize).reshape([height as usize, 1]);
    let shape = [height as usize, width as usize];
    let (re, im) = (tf::broadcast_to(&re, shape), tf::broadcast_to(&im, shape));
    let turns = tf::constant(options.turns);

    let timed = |way: &str, f: &dyn Fn() -> Tensor| -> tf::Result<Vec<f32>> {
        f();
        let from = Instant::now();
        let counts = f().to_vec::<f32>()?;
        println!("{way:<12} {:>8.1} ms", from.elapsed().as_secs_f64() * 1e3);
        Ok(counts)
    };
    let graph = timed("graph, CPU", &|| escape_turns(&re, &im, &turns))?;
    tf::run_functions_eagerly(true);
    let eager = timed("eager, CPU", &|| escape_turns(&re, &im, &turns))?;
    tf::run_functions_eagerly(false);
    assert_eq!(eager, graph, "the same bits");
    match (re.to("GPU:0"), im.to("GPU:0"), turns.to("GPU:0")) {
        (Ok(re), Ok(im), Ok(turns)) => {
            let there = timed("graph, GPU", &|| escape_turns(&re, &im, &turns))?;
            let same = there.iter().zip(&graph).filter(|(a, b)| a == b).count();
            println!("CPU and GPU: {:.2} % of the points agree", 100.0 * same as f64 / graph.len() as f64);
        }
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => {
            println!("graph, GPU: left out. {}", why.message())
        }
    }

    let area = BitMapBackend::new(&options.out, (width, height)).into_drawing_area();
    for (i, count) in graph.iter().enumerate() {
        let (column, row) = ((i as u32 % width) as i32, (i as u32 / width) as i32);
        let share = f64::from(*count) / f64::from(options.turns);
        let color = match *count as i32 == options.turns {
            true => RGBColor(0, 0, 0).to_rgba(),
            false => HSLColor((0.6 + share.sqrt()) % 1.0, 0.8, 0.15 + 0.7 * share.sqrt()).to_rgba(),
        };
        area.draw_pixel((column, row), &color)?;
    }
    area.present()?;
    println!("the picture is {}", options.out);
    Ok(())
}
