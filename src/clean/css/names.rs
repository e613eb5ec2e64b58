//! Names that are numbered.

use std::collections::{HashMap, HashSet};

/// What identifiers, classes and the like become: numbers in the order of their use, each with a letter for its sort.
#[derive(Default)]
pub(in crate::clean) struct Names {
    numbers: HashMap<(char, String), usize>,
    counts: HashMap<char, usize>,
    /// What was referred to in this passage.
    pub(in crate::clean) referred: HashSet<(char, String)>,
    /// What was referred to in the passage before; none in the first one.
    pub(in crate::clean) known: Option<HashSet<(char, String)>>,
}

impl Names {
    /// Those of a second passage, which knows what the first one met.
    pub(in crate::clean) fn knowing(referred: HashSet<(char, String)>) -> Self {
        Self { known: Some(referred), ..Self::default() }
    }

    /// A name that stays in any case.
    pub(in crate::clean) fn number(&mut self, sort: char, name: &str) -> String {
        let next = self.counts.entry(sort).or_default();
        let number = *self.numbers.entry((sort, name.to_owned())).or_insert_with(|| {
            *next += 1;
            *next
        });
        format!("{sort}{number}")
    }

    /// A name where it is used.
    pub(in crate::clean) fn refer(&mut self, sort: char, name: &str) -> String {
        self.referred.insert((sort, name.to_owned()));
        self.number(sort, name)
    }

    /// A name where it is given; None if nothing uses it.
    pub(in crate::clean) fn define(&mut self, sort: char, name: &str) -> Option<String> {
        let known = self.known.as_ref().is_none_or(|k| k.contains(&(sort, name.to_owned())));
        known.then(|| self.number(sort, name))
    }
}
