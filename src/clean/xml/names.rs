//! Names, and the namespaces they are in.

/// A namespace that may be written.
#[derive(Debug)]
pub(in crate::clean) struct Space {
    /// What rules call it.
    pub(in crate::clean) id: &'static str,
    /// The prefix that is written; "" for the one that is written as the default namespace. No attribute is written in
    /// that one.
    pub(in crate::clean) prefix: &'static str,
    /// The name that is written.
    pub(in crate::clean) uri: &'static str,
    /// Other names that are taken for it.
    pub(in crate::clean) also: &'static [&'static str],
    /// Whether it is declared though no name in the document uses it, because values do.
    pub(in crate::clean) always: bool,
}

/// A name and its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::clean) struct Name<'i> {
    /// [`Space::id`]; "" for none, "?" for one that is not in the table, "xml" for that prefix.
    pub(in crate::clean) space: &'static str,
    /// The name without its prefix.
    pub(in crate::clean) local: &'i str,
}

impl Name<'_> {
    /// Whether it is this one.
    pub(in crate::clean) fn is(&self, space: &str, local: &str) -> bool {
        self.local == local && self.space == space
    }
}

/// The most declarations that are in force at one place. They are looked through for each name.
const MAX_BINDINGS: usize = 256;

/// The declarations in force.
pub(super) struct Bindings<'i> {
    spaces: &'static [Space],
    used: Vec<bool>,
    list: Vec<Binding<'i>>,
}

struct Binding<'i> {
    prefix: &'i str,
    space: &'static str,
    depth: usize,
}

impl<'i> Bindings<'i> {
    pub(super) fn new(spaces: &'static [Space]) -> Self {
        let used = spaces.iter().map(|space| space.always).collect();
        Self { spaces, used, list: Vec::new() }
    }

    /// Binds `prefix` for the element at `depth` and those in it; None if there are too many.
    pub(super) fn declare(&mut self, prefix: &'i str, uri: &str, depth: usize) -> Option<()> {
        let uri = uri.trim();
        let known = self.spaces.iter().find(|space| space.uri == uri || space.also.contains(&uri));
        let space = match known {
            Some(space) => space.id,
            None if uri.is_empty() => "",
            None => "?",
        };
        if self.list.len() >= MAX_BINDINGS {
            return None;
        }
        self.list.push(Binding { prefix, space, depth });
        Some(())
    }

    /// Ends what was declared for an element at `depth`.
    pub(super) fn close(&mut self, depth: usize) {
        while self.list.last().is_some_and(|binding| binding.depth >= depth) {
            self.list.pop();
        }
    }

    /// The namespace of a prefix, or the default one; None if there is none.
    pub(super) fn space(&self, prefix: Option<&str>) -> Option<&'static str> {
        if prefix == Some("xml") {
            return Some("xml");
        }
        let prefix = prefix.unwrap_or("");
        self.list.iter().rev().find(|binding| binding.prefix == prefix).map(|b| b.space)
    }

    fn row(&self, id: &str) -> Option<(usize, &'static Space)> {
        self.spaces.iter().enumerate().find(|(_, space)| space.id == id)
    }

    /// Whether a name may be written at all.
    pub(super) fn is_writable(&self, name: Name<'_>, element: bool) -> bool {
        let plain = name.local.bytes().enumerate().all(|(at, byte)| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' | b'-' | b'.' => at > 0,
            _ => false,
        });
        let space = match name.space {
            // without a default namespace, names without a prefix are in none
            "" => !element || self.spaces.iter().all(|space| !space.prefix.is_empty()),
            "xml" => !element,
            id => self.row(id).is_some_and(|(_, space)| element || !space.prefix.is_empty()),
        };
        plain && space && !name.local.is_empty()
    }

    /// Writes a name with its prefix, which is declared from now on.
    pub(super) fn write(&mut self, out: &mut String, name: Name<'_>) {
        if name.space == "xml" {
            out.push_str("xml:");
        } else if let Some((at, space)) = self.row(name.space) {
            if let Some(used) = self.used.get_mut(at) {
                *used = true;
            }
            if !space.prefix.is_empty() {
                out.push_str(space.prefix);
                out.push(':');
            }
        }
        out.push_str(name.local);
    }

    /// Writes the declarations of what is used.
    pub(super) fn write_declarations(&self, out: &mut String) {
        for (space, used) in self.spaces.iter().zip(&self.used) {
            if *used {
                out.push_str(if space.prefix.is_empty() { " xmlns" } else { " xmlns:" });
                out.push_str(space.prefix);
                out.push_str("=\"");
                super::escape::value(out, space.uri);
                out.push('"');
            }
        }
    }
}

/// XML's white space.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Takes the next attribute off `rest`: its name and its value as it is written. None at the tag's end.
pub(super) fn attribute<'i>(rest: &mut &'i str) -> Result<Option<(&'i str, &'i str)>, ()> {
    let tag = rest.trim_start_matches(is_space);
    if tag.is_empty() {
        return Ok(None);
    }
    let (name, tag) = tag.split_once('=').ok_or(())?;
    let name = name.trim_end_matches(is_space);
    let tag = tag.trim_start_matches(is_space);
    let quote = tag.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(())?;
    let tag = tag.get(1..).ok_or(())?;
    let (value, tag) = tag.split_once(quote).ok_or(())?;
    if name.is_empty() || name.contains(is_space) {
        return Err(());
    }
    *rest = tag;
    Ok(Some((name, value)))
}
