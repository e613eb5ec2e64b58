//! An A4 page that is written from top to bottom, as SVG. All lengths are millimetres.

use std::fmt::{self, Write as _};

use super::line::wrap;

const PAPER: (f64, f64) = (210.0, 297.0);
/// The white at each side, which printers need.
pub(super) const MARGIN: f64 = 15.0;
/// What is left between the margins.
pub(super) const WIDTH: f64 = PAPER.0 - 2.0 * MARGIN;
/// Where the last line stands.
const FOOT: f64 = PAPER.1 - 10.0;

const LINE: f64 = 1.36;
/// How much less fits on a line in bold letters.
const BOLD: f64 = 0.88;
/// From the top of a line to the feet of its letters.
const ASCENT: f64 = 1.0;
const MONOSPACE: &str = "'DejaVu Sans Mono', 'Noto Sans Mono', Menlo, Consolas, monospace";

/// How letters look.
#[derive(Clone, Copy)]
pub(super) enum Font {
    Plain,
    Bold,
    Monospace,
    Small,
}

pub(super) struct Page {
    svg: String,
    y: f64,
    body: f64,
}

impl Page {
    pub(super) fn new(language: &str, fonts: &str, title: &str, body: f64) -> Self {
        let (width, height) = PAPER;
        let mut svg = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}" xml:lang="{language}" lang="{language}">
<style>
@page {{ size: A4; margin: 0 }}
text {{ font-family: {fonts}; fill: #000; white-space: pre }}
.bold {{ font-weight: bold }}
.monospace {{ font-family: {MONOSPACE} }}
.small {{ fill: #444 }}
</style>
"#
        );
        let _ = writeln!(svg, "<title>{}</title>", Escaped(title));
        svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
        Self { svg, y: MARGIN, body }
    }

    pub(super) fn to_svg(&self) -> String {
        format!("{}</svg>\n", self.svg)
    }

    /// False if the last lines would stand in the foot or below the paper.
    pub(super) fn fits(&self) -> bool {
        self.y <= FOOT - 4.0
    }

    /// The size of the running text.
    pub(super) fn body(&self) -> f64 {
        self.body
    }

    pub(super) fn y(&self) -> f64 {
        self.y
    }

    pub(super) fn down(&mut self, by: f64) {
        self.y += by;
    }

    /// At least so far down.
    pub(super) fn down_to(&mut self, y: f64) {
        self.y = self.y.max(y);
    }

    pub(super) fn heading(&mut self, text: &str) {
        let (from, to, y) = (MARGIN, MARGIN + WIDTH, self.y);
        let rule = "stroke=\"#000\" stroke-width=\"0.4\"";
        let _ = writeln!(self.svg, r#"<path d="M{from:.2} {y:.2}H{to:.2}" {rule}/>"#);
        self.down(2.0);
        self.paragraph(MARGIN, WIDTH, 5.6, Font::Bold, text);
        self.down(1.0);
    }

    /// What the next lines are.
    pub(super) fn caption(&mut self, text: &str) {
        self.paragraph(MARGIN, WIDTH, 3.4, Font::Small, text);
    }

    pub(super) fn paragraph(&mut self, x: f64, room: f64, size: f64, font: Font, text: &str) {
        for line in lines(text, room, size, font) {
            self.label(x, size, font, &line);
            self.down(size * LINE);
        }
    }

    /// Lines as they are, each character as wide as the others.
    pub(super) fn rows(&mut self, x: f64, size: f64, rows: &[String]) {
        for row in rows {
            self.label(x, size, Font::Monospace, row);
            self.down(size * LINE);
        }
    }

    /// A row of numbered words, in columns.
    pub(super) fn cells(
        &mut self,
        x: f64,
        room: f64,
        columns: usize,
        size: f64,
        row: &[(usize, String)],
    ) {
        let mut x = x;
        for (number, word) in row {
            self.label(x, size * 0.6, Font::Small, &number.to_string());
            self.label(x + size, size, Font::Plain, word);
            x += room / columns as f64;
        }
        self.down(size * LINE);
    }

    /// A line of text at the current height, which does not change.
    pub(super) fn label(&mut self, x: f64, size: f64, font: Font, text: &str) {
        self.text_at(x, self.y + size * ASCENT, size, font, text);
    }

    /// The last line of the page.
    pub(super) fn foot(&mut self, text: &str) {
        self.text_at(MARGIN, FOOT, 3.2, Font::Small, text);
    }

    fn text_at(&mut self, x: f64, y: f64, size: f64, font: Font, text: &str) {
        let class = match font {
            Font::Plain => "",
            Font::Bold => r#" class="bold""#,
            Font::Monospace => r#" class="monospace""#,
            Font::Small => r#" class="small""#,
        };
        let text = Escaped(text);
        let place = format!(r#"x="{x:.2}" y="{y:.2}" font-size="{size:.2}""#);
        let _ = writeln!(self.svg, "<text {place}{class}>{text}</text>");
    }

    /// A square of `side`, of `width` by `width` modules and `quiet` white ones on each side of
    /// them; the modules row by row, true where black.
    pub(super) fn squares(
        &mut self,
        x: f64,
        y: f64,
        side: f64,
        quiet: usize,
        width: usize,
        dark: Vec<bool>,
    ) {
        let module = side / (width + 2 * quiet) as f64;
        let place = format!("translate({x:.2} {y:.2}) scale({module:.5})");
        let _ = write!(
            self.svg,
            r#"<path transform="{place}" shape-rendering="crispEdges" fill="black" d=""#
        );
        for (at, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
            let (column, row) = (at % width + quiet, at / width + quiet);
            let _ = write!(self.svg, "M{column} {row}h1v1h-1z");
        }
        self.svg.push_str("\"/>\n");
    }
}

/// The lines of a paragraph.
pub(super) fn lines(text: &str, room: f64, size: f64, font: Font) -> Vec<String> {
    let share = if matches!(font, Font::Bold) { BOLD } else { 1.0 };
    wrap(text, room * share / size)
}

/// A text inside an element. What XML 1.0 §2.2 does not allow shows as a replacement character.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
