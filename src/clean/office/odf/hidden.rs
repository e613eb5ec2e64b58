//! Text that is hidden: styles with `text:display="none"` (ODF 1.3 part 3 §20.420), sections and fields.

use std::collections::HashMap;

use crate::clean::xml::Element;

/// How many parents of a style are followed: programs nest a dozen.
const PARENTS: usize = 64;

/// Which styles hide their text.
#[derive(Default)]
pub(super) struct Styles {
    /// Common styles, then automatic ones of the part under way, by family and name.
    common: HashMap<(String, String), Style>,
    automatic: HashMap<(String, String), Style>,
    /// The style whose properties come next, and whether it is automatic.
    open: Option<((String, String), bool)>,
}

#[derive(Default)]
struct Style {
    hides: Option<bool>,
    parent: Option<String>,
}

impl Styles {
    /// Automatic styles are of one part alone.
    pub(super) fn begin_part(&mut self) {
        self.automatic.clear();
        self.open = None;
    }

    /// Takes note of a style or of its properties.
    pub(super) fn note(&mut self, element: &Element<'_, '_>) {
        if element.name.is("style", "style") {
            let get = |local| element.get("style", local).unwrap_or_default().to_owned();
            let key = (get("family"), get("name"));
            let is_automatic =
                element.path.iter().any(|open| open.name.is("office", "automatic-styles"));
            let parent = element.get("style", "parent-style-name").map(str::to_owned);
            self.styles(is_automatic).insert(key.clone(), Style { hides: None, parent });
            self.open = Some((key, is_automatic));
        } else if element.name.is("style", "text-properties")
            && element.parent().is_some_and(|parent| parent.is("style", "style"))
            && let Some(display) = element.get("text", "display")
            && let Some((key, is_automatic)) = self.open.take()
            && let Some(style) = self.styles(is_automatic).get_mut(&key)
        {
            style.hides = Some(display.trim() == "none");
        }
    }

    const fn styles(&mut self, is_automatic: bool) -> &mut HashMap<(String, String), Style> {
        if is_automatic { &mut self.automatic } else { &mut self.common }
    }

    /// Whether a paragraph or span says that its text is hidden or shown; None if it says nothing.
    pub(super) fn hides(&self, element: &Element<'_, '_>) -> Option<bool> {
        let family = match (element.name.space, element.name.local) {
            ("text", "p" | "h") => "paragraph",
            ("text", "span" | "a" | "ruby-text") => "text",
            _ => return None,
        };
        let name = element.get("text", "style-name")?;
        let mut key = (family.to_owned(), name.to_owned());
        for _ in 0..PARENTS {
            let style = self.automatic.get(&key).or_else(|| self.common.get(&key))?;
            if style.hides.is_some() {
                return style.hides;
            }
            key.1.clone_from(style.parent.as_ref()?);
        }
        None
    }
}

/// Whether an element is a section or a field that is not shown at all.
pub(super) fn is_hidden(element: &Element<'_, '_>) -> bool {
    let says = |local: &str, value: &str| {
        element.get("text", local).is_some_and(|said| said.trim() == value)
    };
    match (element.name.space, element.name.local) {
        ("text", "section") => {
            says("display", "none") || (says("display", "condition") && says("is-hidden", "true"))
        }
        ("text", "hidden-text") => says("is-hidden", "true"),
        _ => false,
    }
}
