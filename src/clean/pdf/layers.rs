//! Optional content (ISO 32000-2, 8.11): what a viewer shows when it opens the file.

use std::collections::HashSet;

use super::{
    document::{KIND, Walk},
    file::{File, Trouble},
    object::{Dict, Object},
};
use crate::clean::{Found, Refusal};

/// Which layers are hidden.
#[derive(Default)]
pub(super) struct Layers {
    /// Whether layers are hidden that nothing is said of.
    base_hidden: bool,
    shown: HashSet<u32>,
    hidden: HashSet<u32>,
    /// How many groups and operands of membership dictionaries have been looked at: expressions may share their parts.
    asked: usize,
}

/// Groups and operands that are looked at in one document.
const MOST_ASKED: usize = 1 << 20;

impl Layers {
    /// Reads the default configuration.
    pub(super) fn read(file: &mut File<'_, '_>, properties: &Dict) -> Result<Self, Trouble> {
        let mut layers = Self::default();
        let default = file.value(properties, b"D")?;
        let Some(default) = default.as_dict() else {
            return Ok(layers);
        };
        layers.base_hidden = file.value(default, b"BaseState")?.is_name(b"OFF");
        for (key, set) in [(b"ON".as_slice(), &mut layers.shown), (b"OFF", &mut layers.hidden)] {
            for item in file.value(default, key)?.items() {
                if let Object::Ref(number) = item {
                    set.insert(*number);
                }
            }
        }
        Ok(layers)
    }

    const fn ask(&mut self, count: usize) -> Result<(), Refusal> {
        self.asked = self.asked.saturating_add(count);
        if self.asked > MOST_ASKED {
            return Err(Refusal::TooLarge { kind: KIND });
        }
        Ok(())
    }

    fn shows(&self, group: u32) -> bool {
        if self.base_hidden { self.shown.contains(&group) } else { !self.hidden.contains(&group) }
    }
}

impl Walk<'_, '_> {
    /// Whether what belongs to a group or a membership dictionary is shown.
    pub(super) fn is_visible(&mut self, layer: &Object) -> Result<bool, Trouble> {
        let visible = self.visible(layer)?;
        if *layer != Object::Null {
            self.find(if visible { Found::Comment } else { Found::History });
        }
        Ok(visible)
    }

    fn visible(&mut self, layer: &Object) -> Result<bool, Trouble> {
        let object = self.file.get(layer)?;
        let Some(dict) = object.as_dict() else {
            return Ok(true);
        };
        if !dict.get(b"Type").is_name(b"OCMD") {
            return Ok(match layer {
                Object::Ref(number) => self.layers.shows(*number),
                _ => true,
            });
        }
        let expression = self.file.value(dict, b"VE")?;
        if !expression.items().is_empty() {
            return self.expression(&expression, 16);
        }
        let groups = match dict.get(b"OCGs") {
            Object::Ref(number) => match self.file.get(&Object::Ref(*number))? {
                Object::Array(groups) => groups.to_vec(),
                Object::Null => Vec::new(),
                _ => vec![Object::Ref(*number)],
            },
            Object::Array(groups) => groups.to_vec(),
            _ => Vec::new(),
        };
        self.layers.ask(groups.len())?;
        let mut shown = groups.iter().filter_map(|group| match group {
            Object::Ref(number) => Some(self.layers.shows(*number)),
            _ => None,
        });
        let policy = dict.get(b"P");
        Ok(match policy.as_name() {
            _ if groups.is_empty() => true,
            Some(b"AllOn") => shown.all(|shown| shown),
            Some(b"AnyOff") => shown.any(|shown| !shown),
            Some(b"AllOff") => shown.all(|shown| !shown),
            _ => shown.any(|shown| shown),
        })
    }

    fn expression(&mut self, expression: &Object, depth: u32) -> Result<bool, Trouble> {
        let (Some((operator, operands)), Some(depth)) =
            (expression.items().split_first(), depth.checked_sub(1))
        else {
            return Ok(true);
        };
        let mut values = Vec::new();
        for operand in operands.iter().take(64) {
            self.layers.ask(1)?;
            // what is no expression is a group; a membership dictionary may not be here
            values.push(match (self.file.get(operand)?, operand) {
                (resolved @ Object::Array(_), _) => self.expression(&resolved, depth)?,
                (Object::Dict(_), Object::Ref(number)) => self.layers.shows(*number),
                _ => true,
            });
        }
        let mut values = values.into_iter();
        Ok(match operator.as_name() {
            Some(b"Not") => !values.next().unwrap_or(false),
            Some(b"Or") => values.any(|value| value),
            _ => values.all(|value| value),
        })
    }
}
