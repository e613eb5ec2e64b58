//! The tags that ExifTool may find in a clean file: a table per family of kinds. No free text, no time, no number of a
//! device; every row says why decoding needs it.

mod document;
mod film;
mod picture;
mod sound;

/// Every row there is.
pub(super) fn tables() -> impl Iterator<Item = &'static Allowed> {
    [COMMON, picture::ALLOWED, film::ALLOWED, sound::ALLOWED, document::ALLOWED]
        .into_iter()
        .flatten()
}

/// A tag that a clean file may have, with the values that it may have, and why. `*` at its end stands for anything, `#`
/// behind `IFD` for the number of a page.
pub(super) struct Allowed {
    tag: &'static str,
    value: Values,
    #[expect(dead_code, reason = "read by people")]
    why: &'static str,
}

pub(super) enum Values {
    /// One of these.
    Of(&'static [&'static str]),
    /// A whole number.
    Number,
    /// Several of these, with commas or semicolons between them.
    List(&'static [&'static str]),
    /// A time in seconds.
    Seconds,
    /// Whole numbers with `x` between them.
    Size,
    /// Whole numbers with blanks between them.
    Numbers,
    /// A number, perhaps with a point, a sign and a unit: a duration, a rate.
    Measure,
    /// Numbers with points and signs.
    Matrix,
    /// Numbers, colours, and words of SVG's own.
    Drawing,
    /// A checksum.
    Checksum,
    /// Whatever begins so.
    Prefix(&'static str),
    /// Bytes that are not text.
    Binary,
    /// Anything: said of the file on this disk, not of its bytes.
    Any,
}

impl Allowed {
    pub(super) fn matches(&self, tag: &str, value: &str) -> bool {
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let numbered = |rest: &str, end: &str| rest.strip_suffix(end).is_some_and(number);
        let tag_fits = match self.tag.split_once(':') {
            _ if self.tag.ends_with('*') => tag.starts_with(self.tag.trim_end_matches('*')),
            // a film's tracks and a picture's pages are numbered
            Some((group @ ("Track" | "IFD#"), name)) => tag
                .strip_prefix(group.trim_end_matches('#'))
                .is_some_and(|rest| numbered(rest, &format!(":{name}"))),
            _ => tag == self.tag,
        };
        let digits = |text: &str, others: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || others.contains(c))
        };
        tag_fits
            && match self.value {
                Values::Of(values) => values.contains(&value),
                Values::Number => number(value),
                Values::List(values) => {
                    value.split([',', ';']).all(|one| values.contains(&one.trim()))
                }
                Values::Seconds => {
                    value.strip_suffix(" s").is_some_and(|time| time.split('.').all(number))
                }
                Values::Size => value.split('x').all(number),
                Values::Numbers => value.split(' ').all(number),
                Values::Measure => {
                    let units = [" s", " bps", " kbps", " Mbps", " Gbps", "%", ""];
                    units
                        .iter()
                        .any(|unit| value.strip_suffix(unit).is_some_and(|n| digits(n, ".:-")))
                }
                Values::Drawing => is_drawing(value),
                Values::Checksum => value.strip_prefix("0x").is_some_and(|digits| {
                    digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && digits.len() <= 8
                }),
                Values::Prefix(prefix) => value.starts_with(prefix),
                Values::Matrix => value.split(' ').all(|value| digits(value, ".-")),
                Values::Binary => value.starts_with("(Binary data "),
                Values::Any => true,
            }
    }
}

/// Whether a value of an SVG attribute has no words but SVG's: commands of paths, units, names by number and those of
/// [`SVG_WORDS`].
fn is_drawing(value: &str) -> bool {
    let mut words = value.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.all(|word| {
        let letters = word.trim_matches(|c: char| c.is_ascii_digit() || c == '-');
        letters.len() <= 2
            || SVG_WORDS.contains(&word)
            || word.chars().all(|c| c.is_ascii_digit() || "MmLlHhVvCcSsQqTtAaZze-".contains(c))
            || (word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

/// Words that attributes of a drawing may have as their values.
const SVG_WORDS: &[&str] = &[
    "http",
    "www",
    "org",
    "2000",
    "1999",
    "svg",
    "xlink",
    "matrix",
    "translate",
    "scale",
    "rotate",
    "skewX",
    "skewY",
    "rgb",
    "rgba",
    "url",
    "none",
    "inline",
    "block",
    "evenodd",
    "nonzero",
    "fill",
    "fill-rule",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-linejoin",
    "stroke-linecap",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-opacity",
    "stroke-miterlimit",
    "paint-order",
    "markers",
    "display",
    "opacity",
    "filter",
    "stop-color",
    "stop-opacity",
    "color-interpolation-filters",
    "sRGB",
    "linearRGB",
    "userSpaceOnUse",
    "objectBoundingBox",
    "reflect",
    "repeat",
    "pad",
    "SourceGraphic",
    "SourceAlpha",
    "over",
    "atop",
    "xor",
    "arithmetic",
    "round",
    "butt",
    "square",
    "miter",
    "bevel",
    "red",
    "black",
    "white",
    "green",
    "blue",
    "yellow",
    "gray",
    "grey",
    "orange",
    "auto",
    "visible",
    "hidden",
    "sans-serif",
    "serif",
    "monospace",
    "normal",
    "bold",
    "italic",
    "start",
    "middle",
    "end",
    "xMidYMid",
    "meet",
    "slice",
];

const fn row(tag: &'static str, value: Values, why: &'static str) -> Allowed {
    Allowed { tag, value, why }
}

/// What ExifTool says of any file.
const COMMON: &[Allowed] = &[
    row("ExifTool:ExifToolVersion", Values::Any, "of the oracle itself"),
    row("System:*", Values::Any, "name, size and times of the test's own file, not in its bytes"),
    row("Composite:ImageSize", Values::Size, "computed from width and height"),
    row("Composite:Megapixels", Values::Any, "computed from width and height"),
];
