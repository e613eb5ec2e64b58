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
    /// Bytes that are not text.
    Binary,
    /// Anything: said of the file on this disk, not of its bytes.
    Any,
}

impl Allowed {
    pub(super) fn matches(&self, tag: &str, value: &str) -> bool {
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let tag_fits = match (self.tag.strip_suffix('*'), self.tag.strip_prefix("IFD#")) {
            (Some(prefix), _) => tag.starts_with(prefix),
            (_, Some(name)) => tag
                .strip_prefix("IFD")
                .is_some_and(|page| page.strip_suffix(name).is_some_and(number)),
            _ => tag == self.tag,
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
                Values::Binary => value.starts_with("(Binary data "),
                Values::Any => true,
            }
    }
}

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
