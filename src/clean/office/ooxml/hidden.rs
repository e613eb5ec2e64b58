//! Styles that hide text.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::clean::{
    Kind, Limits, Refusal,
    xml::{self, Element, Fate, Open, Rules, Space},
};

use super::vocabulary::SPACES;

/// The identifiers of the styles of `text` that hide the runs they are given to, by themselves or by one they are based on.
pub(super) fn styles(text: &str, kind: Kind, limits: &Limits) -> Result<HashSet<String>, Refusal> {
    if memchr::memmem::find(text.as_bytes(), b"vanish").is_none() {
        return Ok(HashSet::new());
    }
    let mut scan = Scan::default();
    xml::read(text, kind, &mut scan, limits)?;
    let Scan { vanish, based_on, .. } = scan;
    let hides = |id: &String| {
        let mut at = id;
        // a chain that is longer than this is a circle
        for _ in 0..64 {
            if let Some(hides) = vanish.get(at) {
                return *hides;
            }
            let Some(next) = based_on.get(at) else { return false };
            at = next;
        }
        false
    };
    Ok(vanish.keys().chain(based_on.keys()).filter(|id| hides(id)).cloned().collect())
}

#[derive(Default)]
struct Scan {
    style: String,
    vanish: HashMap<String, bool>,
    based_on: HashMap<String, String>,
}

impl Rules for Scan {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let is_below = |levels: usize| {
            element.path.iter().rev().nth(levels).is_some_and(|open| open.name.is("w", "style"))
        };
        match (element.name.space, element.name.local) {
            ("w", "style") => {
                self.style = element.get("w", "styleId").unwrap_or_default().to_owned();
            }
            ("w", "basedOn") if is_below(0) => {
                let id = element.get("w", "val").unwrap_or_default().to_owned();
                self.based_on.insert(self.style.clone(), id);
            }
            ("w", "vanish") if is_below(1) => {
                self.vanish.insert(self.style.clone(), is_on(element));
            }
            _ => {}
        }
        element.attributes.clear();
        Ok(Fate::Keep)
    }

    fn text<'t>(
        &mut self,
        _: Cow<'t, str>,
        _: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        Ok(None)
    }
}

/// Whether a property such as `w:vanish` is set.
pub(super) fn is_on(element: &Element<'_, '_>) -> bool {
    !matches!(element.get("w", "val"), Some("0" | "false" | "off"))
}
