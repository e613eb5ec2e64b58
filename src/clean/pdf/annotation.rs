//! Annotations (ISO 32000-2, 12.5): what they draw becomes content of the page, they themselves are left behind.
//!
//! Drawn is what a viewer shows without a click: the appearance in its present state. Links, with their targets, are
//! gone; their frames are drawn. Popups, notes' texts, authors and times are gone.

use super::{
    content::{Category, Names},
    document::{KIND, Role, Step, Walk},
    file::Trouble,
    filter::Bytes,
    object::{Decimal, Dict, Object},
};
use crate::clean::Found;

/// Flags (table 167): hidden, and not to be viewed.
const HIDDEN: u32 = 2 | 32;

type Matrix = [f64; 6];

impl Walk<'_, '_> {
    /// Draws what the page's annotations show onto its content.
    pub(super) fn annotations(
        &mut self,
        page: &Dict,
        bytes: &mut Bytes,
        names: &mut Names,
    ) -> Step {
        let list = self.file.value(page, b"Annots")?;
        let mut drawn = Bytes::default();
        for annotation in list.items() {
            // pages may share one list
            self.file.work.member(KIND)?;
            let annotation = self.file.get(annotation)?;
            let Some(dict) = annotation.as_dict() else {
                continue;
            };
            self.annotation_traces(dict)?;
            let subtype = self.file.value(dict, b"Subtype")?;
            let flags = self.file.value(dict, b"F")?.as_u32().unwrap_or(0);
            if subtype.is_name(b"Popup") || flags & HIDDEN != 0 {
                continue;
            }
            let layer = dict.get(b"OC").clone();
            if layer != Object::Null && !self.is_visible(&layer)? {
                continue;
            }
            if let Some((form, matrix)) = self.appearance(dict)? {
                let context = std::rc::Rc::clone(&self.form_resources);
                let context = self.context(Role::Form, &form, &context)?;
                let form = self.refer(Role::Form, &form, &context);
                let name = names.add(Category::XObject, form);
                drawn.extend_from_slice(b"q\n");
                for number in matrix {
                    Decimal::of(number).write(&mut drawn);
                    drawn.push(b' ');
                }
                drawn.extend_from_slice(b"cm\n/");
                drawn.extend_from_slice(&name);
                drawn.extend_from_slice(b" Do\nQ\n");
            } else if subtype.is_name(b"Link") {
                self.frame(dict, &mut drawn)?;
            }
        }
        if drawn.is_empty() {
            return Ok(());
        }
        // what the page's own operators set must not hold for these
        let own = std::mem::take(&mut **bytes);
        bytes.reserve(own.len() + drawn.len() + 4);
        bytes.extend_from_slice(b"q\n");
        bytes.extend_from_slice(&Bytes::new(own));
        bytes.extend_from_slice(b"Q\n");
        bytes.extend_from_slice(&drawn);
        Ok(())
    }

    fn annotation_traces(&mut self, dict: &Dict) -> Step {
        let subtype = self.file.value(dict, b"Subtype")?;
        self.find(match subtype.as_name().unwrap_or_default() {
            b"FileAttachment" | b"Sound" | b"Movie" | b"Screen" | b"3D" | b"RichMedia" => {
                Found::Attachment
            }
            b"Link" | b"Widget" => Found::Active,
            _ => Found::Other,
        });
        for key in dict.0.keys() {
            match &**key {
                b"T" if !subtype.is_name(b"Widget") => self.find(Found::Person),
                b"T" | b"TU" | b"TM" | b"V" | b"DV" | b"Contents" | b"RC" | b"Subj" => {
                    self.find(Found::Comment);
                }
                b"M" | b"CreationDate" => self.find(Found::Time),
                b"NM" => self.find(Found::Identifier),
                b"A" | b"AA" | b"PA" => self.find(Found::Active),
                _ => {}
            }
        }
        if self.file.value(dict, b"FT")?.is_name(b"Sig") {
            self.find(Found::Person);
        }
        Ok(())
    }

    /// The normal appearance and where it goes (12.5.5, algorithm 8).
    fn appearance(&mut self, dict: &Dict) -> Result<Option<(Object, Matrix)>, Trouble> {
        let appearances = self.file.value(dict, b"AP")?;
        let Some(appearances) = appearances.as_dict() else {
            return Ok(None);
        };
        let mut form = appearances.get(b"N").clone();
        let mut resolved = self.file.get(&form)?;
        if let Object::Dict(states) = &resolved {
            let state = self.file.value(dict, b"AS")?;
            form = states.get(state.as_name().unwrap_or(b"Off")).clone();
            resolved = self.file.get(&form)?;
        }
        let Object::Stream(stream) = resolved else {
            return Ok(None);
        };
        let (Some(rectangle), Some(bounds)) = (
            self.numbers_of::<4>(dict.get(b"Rect"))?,
            self.numbers_of::<4>(stream.dict.get(b"BBox"))?,
        ) else {
            return Ok(None);
        };
        let own = self.numbers_of::<6>(stream.dict.get(b"Matrix"))?;
        let own = own.map_or([1., 0., 0., 1., 0., 0.], |own| own.map(Decimal::value));
        let [left, bottom, right, top] = bounds.map(Decimal::value);
        let corners = [(left, bottom), (left, top), (right, bottom), (right, top)].map(|(x, y)| {
            let [a, b, c, d, e, f] = own;
            (a * x + c * y + e, b * x + d * y + f)
        });
        let least = |values: [f64; 4]| values.into_iter().fold(f64::INFINITY, f64::min);
        let most = |values: [f64; 4]| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let (xs, ys) = (corners.map(|corner| corner.0), corners.map(|corner| corner.1));
        let [x0, y0, x1, y1] = rectangle.map(Decimal::value);
        let (x0, x1, y0, y1) = (x0.min(x1), x0.max(x1), y0.min(y1), y0.max(y1));
        let (width, height) = (most(xs) - least(xs), most(ys) - least(ys));
        if width <= 0. || height <= 0. {
            return Ok(None);
        }
        let (across, up) = ((x1 - x0) / width, (y1 - y0) / height);
        // what has no size is not seen, as the appearance of a signature that shows none
        if Decimal::of(across).value() == 0. || Decimal::of(up).value() == 0. {
            return Ok(None);
        }
        Ok(Some((form, [across, 0., 0., up, x0 - least(xs) * across, y0 - least(ys) * up])))
    }

    /// The frame of a link (12.5.4), as LaTeX leaves them.
    fn frame(&mut self, dict: &Dict, drawn: &mut Bytes) -> Step {
        let border = self.file.value(dict, b"Border")?;
        let style = self.file.value(dict, b"BS")?;
        let width = match (border.items(), style.as_dict()) {
            (_, Some(style)) => match self.file.value(style, b"W")? {
                Object::Null => Some(Decimal::from(1)),
                width => width.as_number(),
            },
            ([_, _, width, ..], None) => self.file.get(width)?.as_number(),
            _ => None,
        };
        let colour = self.number_list(dict.get(b"C"))?;
        let (Some(width), Some(rectangle)) = (width, self.rectangle(dict.get(b"Rect"))?) else {
            return Ok(());
        };
        let operator: &[u8] = match colour.items().len() {
            _ if width.value() <= 0. => return Ok(()),
            1 => b"G",
            3 => b"RG",
            4 => b"K",
            _ => return Ok(()),
        };
        drawn.extend_from_slice(b"q\n");
        let mut numbers = |list: &[Object], operator: &[u8]| {
            for number in list.iter().filter_map(Object::as_number) {
                number.write(drawn);
                drawn.push(b' ');
            }
            drawn.extend_from_slice(operator);
            drawn.push(b'\n');
        };
        numbers(colour.items(), operator);
        numbers(&[Object::Number(width)], b"w");
        if let [left, bottom, right, top] = rectangle.as_slice() {
            let less = |a: &Object, b: &Object| {
                let [a, b] = [a, b].map(|number| number.as_number().unwrap_or_default().value());
                Object::Number(Decimal::of(a - b))
            };
            let sizes = [left.clone(), bottom.clone(), less(right, left), less(top, bottom)];
            numbers(&sizes, b"re");
        }
        drawn.extend_from_slice(b"S\nQ\n");
        Ok(())
    }
}
