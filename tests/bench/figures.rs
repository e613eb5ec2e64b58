//! Figures beside their limits, measured in the same run: `cargo bench`.
//!
//! Names of groups may be given: `cargo bench -- sealing opening`.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "../newsroom/mod.rs"]
#[expect(dead_code, reason = "benchmarks need less of it than the flows do")]
mod newsroom;

mod cleaning;
mod durable;
mod handshake;
mod large;
mod million;
mod opening;
mod page;
mod process;
mod publication;
mod sealing;
mod upload;

fn main() {
    let groups: &[(&str, fn())] = &[
        ("sealing", sealing::run),
        ("opening", opening::run),
        ("upload", upload::run),
        ("page", page::run),
        ("publication", publication::run),
        ("cleaning", cleaning::run),
        ("handshake", handshake::run),
        ("durable", durable::run),
        ("large", large::run),
        ("million", million::run),
    ];
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for &(name, run) in groups {
        if asked.is_empty() || asked.iter().any(|wanted| wanted == name) {
            println!("\n{name}");
            run();
        }
    }
}

/// Prints one figure beside its limit.
fn figure(what: &str, measured: f64, unit: &str, limit: Limit) {
    let (kept, sign, bound) = match limit {
        Limit::AtLeast(bound) => (measured >= bound, "≥", bound),
        Limit::AtMost(bound) => (measured <= bound, "≤", bound),
    };
    let verdict = if kept { "kept" } else { "MISSED" };
    println!("  {what:<58} {measured:>9.3} {unit:<6} limit {sign} {bound:<8.3} {verdict}");
}

/// Prints a figure that others are compared with.
fn beside(what: &str, measured: f64, unit: &str) {
    println!("  {what:<58} {measured:>9.3} {unit}");
}

/// The bound that a figure is to keep.
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// The middle of several measurements.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds that `work` takes.
fn seconds(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
