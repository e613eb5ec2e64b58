//! What of the markup of a document stays.
//!
//! | markup | what becomes of it |
//! |---|---|
//! | structure, tables, drawings, charts, formulas, styles | kept by [`table`] |
//! | names of styles, frames, sections, layers, fonts' declarations | numbered, but for those that programs know |
//! | names of sheets and ranges | kept: formulas and readers use them |
//! | comments, tracked changes | dropped; what was inserted stays, what was deleted goes |
//! | fields (author, date, file name, user, references, …) | the text that they show; page and sheet numbers stay fields |
//! | links | the text; where they lead is dropped |
//! | tables of contents | their lines as plain paragraphs |
//! | languages of Asian and complex scripts | kept, for they choose the forms of characters |
//! | titles and descriptions of pictures, other languages, identifiers of sessions (`rsid`) | dropped |
//! | forms, scripts, events, animations, pivot tables' and databases' definitions | dropped |
//! | formulas, conditions and addresses that reach into other files | dropped; the value stays |
//! | text that a style, a section or a field hides | dropped |
//! | notes of the speaker | dropped |

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    Package, hidden, table,
    value::{self, Sort},
};
use crate::clean::{
    Found, Kind, Refusal,
    xml::{Element, Fate, Name, Open, Rules, Space},
};

macro_rules! spaces {
    ($($id:literal $uri:literal $always:literal $(also $also:literal)*;)*) => {
        const SPACES: &[Space] = &[$(Space {
            id: $id, prefix: $id, uri: $uri, also: &[$($also),*], always: $always,
        }),*];
    };
}

spaces! {
    "office" "urn:oasis:names:tc:opendocument:xmlns:office:1.0" false;
    "style" "urn:oasis:names:tc:opendocument:xmlns:style:1.0" false;
    "text" "urn:oasis:names:tc:opendocument:xmlns:text:1.0" false;
    "table" "urn:oasis:names:tc:opendocument:xmlns:table:1.0" false;
    "draw" "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" false;
    "fo" "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" false;
    "svg" "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" false;
    "number" "urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" false;
    "presentation" "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" false;
    "chart" "urn:oasis:names:tc:opendocument:xmlns:chart:1.0" false;
    "dr3d" "urn:oasis:names:tc:opendocument:xmlns:dr3d:1.0" false;
    "config" "urn:oasis:names:tc:opendocument:xmlns:config:1.0" false;
    "xlink" "http://www.w3.org/1999/xlink" false;
    "math" "http://www.w3.org/1998/Math/MathML" false;
    "ooo" "http://openoffice.org/2004/office" true;
    "of" "urn:oasis:names:tc:opendocument:xmlns:of:1.2" true;
    "drawooo" "http://openoffice.org/2010/draw" false;
    "loext" "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0" false;
    "calcext" "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" false;
    // read only to tell what was found
    "officeooo" "http://openoffice.org/2009/office" false;
    "form" "urn:oasis:names:tc:opendocument:xmlns:form:1.0" false;
    "script" "urn:oasis:names:tc:opendocument:xmlns:script:1.0" false;
    "anim" "urn:oasis:names:tc:opendocument:xmlns:animation:1.0" false;
    "dc" "http://purl.org/dc/elements/1.1/" false;
    "field" "urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0" false;
}

/// Elements whose text is shown.
const TEXT: &[(&str, &[&str])] = &[
    (
        "text",
        &[
            "p",
            "h",
            "span",
            "ruby-base",
            "ruby-text",
            "note-citation",
            "page-number",
            "page-count",
            "sheet-name",
            "linenumbering-separator",
            "footnote-continuation-notice-forward",
            "footnote-continuation-notice-backward",
        ],
    ),
    ("number", &["text", "currency-symbol", "embedded-text", "fill-character"]),
    ("loext", &["text", "fill-character", "p"]),
    ("presentation", &["header-decl", "footer-decl"]),
    ("math", &["mi", "mn", "mo", "ms", "mtext"]),
];

/// The content or the styles of a document.
pub(super) struct Markup<'p, 'a, 'w, 'l> {
    package: &'p mut Package<'a, 'w, 'l>,
    /// Whether the text of the elements that are open is hidden, the root first.
    hidden: Vec<bool>,
}

impl<'p, 'a, 'w, 'l> Markup<'p, 'a, 'w, 'l> {
    pub(super) const fn new(package: &'p mut Package<'a, 'w, 'l>) -> Self {
        Self { package, hidden: Vec::new() }
    }

    fn found(&mut self, found: Found) {
        self.package.found.insert(found);
    }

    /// An element that is in no list.
    fn unlisted(&mut self, element: &Element<'_, '_>) -> Fate {
        let in_text = element.path.iter().any(|open| is_text(open.name));
        let (found, fate) = match (element.name.space, element.name.local) {
            ("office", "annotation" | "annotation-end") => {
                self.package.found.extend([Found::Comment, Found::Person, Found::Time]);
                (None, Fate::Drop)
            }
            ("text" | "table", "tracked-changes")
            | ("text", "change" | "change-start" | "change-end") => {
                (Some(Found::History), Fate::Drop)
            }
            ("office", "forms" | "scripts" | "event-listeners")
            | ("draw", "control" | "applet" | "plugin" | "floating-frame" | "image-map")
            | ("presentation", "event-listener" | "sound")
            | ("form" | "script", _) => (Some(Found::Active), Fate::Drop),
            ("text", "script" | "dde-connection-decls") => (Some(Found::Active), Fate::Drop),
            ("svg", "title" | "desc") | ("table", "title" | "desc") | ("presentation", "notes") => {
                (Some(Found::Comment), Fate::Drop)
            }
            ("draw", "object-ole") => (Some(Found::Attachment), Fate::Drop),
            ("draw", "a") => (Some(Found::Active), Fate::Unwrap),
            (
                "text",
                "table-of-content" | "illustration-index" | "table-index" | "object-index"
                | "user-index" | "alphabetical-index" | "bibliography" | "index-body"
                | "index-title",
            ) => (Some(Found::Other), Fate::Unwrap),
            (
                "text",
                "author-name" | "author-initials" | "creator" | "initial-creator" | "printed-by",
            ) if in_text => (Some(Found::Person), Fate::Unwrap),
            (
                "text",
                "bookmark"
                | "bookmark-start"
                | "bookmark-end"
                | "reference-mark"
                | "reference-mark-start"
                | "reference-mark-end"
                | "soft-page-break"
                | "toc-mark"
                | "toc-mark-start"
                | "toc-mark-end"
                | "alphabetical-index-mark",
            ) => (Some(Found::Other), Fate::Drop),
            ("text" | "field", _) if in_text => (Some(Found::Other), Fate::Unwrap),
            ("loext", "content-control") => (Some(Found::Other), Fate::Unwrap),
            _ => (Some(Found::Other), Fate::Drop),
        };
        self.package.found.extend(found);
        fate
    }

    /// What an element refers to; false if it is not there.
    fn reference(&mut self, element: &mut Element<'_, '_>) -> Result<bool, Refusal> {
        let Some(href) = element.remove("xlink", "href") else {
            return Ok(!element.name.is("draw", "object") && !element.name.is("draw", "image"));
        };
        let written = match (element.name.space, element.name.local) {
            ("draw", "image" | "fill-image")
            | ("style", "background-image")
            | ("text", "list-level-style-image") => self.package.picture(&href)?,
            ("draw", "object") => {
                let object = self.package.object(&href);
                if object.is_none() {
                    self.found(Found::Attachment);
                }
                object
            }
            _ => {
                self.found(Found::Active);
                return Ok(true);
            }
        };
        let Some(written) = written else {
            return Ok(element.name.is("text", "list-level-style-image"));
        };
        element.set("xlink", "href", written);
        element.set("xlink", "type", "simple");
        Ok(true)
    }

    fn attributes(&mut self, element: &mut Element<'_, '_>) {
        let formula = self.formula(element);
        let shown_name = element
            .get("style", "name")
            .and_then(shown_name)
            .filter(|_| element.name.is("style", "style"));
        let of_sheets = self.package.kind == Kind::Ods && element.name.space == "table";
        let element_name = element.name;
        let Package { names, found, .. } = &mut *self.package;
        element.attributes.retain_mut(|attribute| {
            let Name { space, local, .. } = attribute.name;
            if element_name.is("draw", "equation") && (space, local) == ("draw", "name") {
                return value::is_equation(&attribute.value);
            }
            let sort = match (space, local) {
                ("xlink", "href" | "type") => return true,
                ("xlink", _) => return false,
                ("table", "formula") | ("style", "display-name") => None,
                ("table", "name") if of_sheets => Some(Sort::Text),
                ("xml", "id") => (element_name.space == "draw" || element_name.local == "list")
                    .then_some(Sort::Names),
                ("", _) if element_name.space == "math" => math(local),
                _ => sort(space, local),
            };
            let value = sort.and_then(|sort| value::clean(sort, &attribute.value, names));
            match value {
                Some(value) => attribute.value = Cow::Owned(value),
                None => {
                    let told = match (space, local) {
                        _ if sort == Some(Sort::Cells) => Some(Found::Active),
                        ("officeooo", _) => Some(Found::Identifier),
                        ("table", "formula") => formula.is_none().then_some(Found::Active),
                        ("style", "display-name") => (shown_name.as_deref()
                            != Some(&*attribute.value))
                        .then_some(Found::Other),
                        ("office", "version") => None,
                        _ => Some(Found::Other),
                    };
                    found.extend(told);
                    return false;
                }
            }
            true
        });
        if let Some(formula) = formula {
            element.set("table", "formula", formula);
        }
        if let Some(name) = shown_name {
            element.set("style", "display-name", name);
        }
    }

    /// Whether an element is dropped because it is hidden. Of hidden text the paragraphs and spans stay, empty, for others
    /// in them may be shown, and the layout counts them.
    fn hides(&mut self, element: &Element<'_, '_>) -> bool {
        self.package.hiding.note(element);
        let around = self.hidden.last().copied().unwrap_or(false);
        let own = self.package.hiding.hides(element);
        let is_hidden = own.unwrap_or(around);
        let holds_others =
            own.is_some() || element.name.is("text", "span") || element.name.is("text", "a");
        if hidden::is_hidden(element) || (is_hidden && !holds_others) {
            self.found(Found::Other);
            return true;
        }
        self.hidden.push(is_hidden);
        false
    }

    /// A cell's formula (ODF 1.3 part 4), unless it calls for something outside the document.
    fn formula(&self, element: &Element<'_, '_>) -> Option<String> {
        let formula = element.get("table", "formula").filter(|_| self.package.kind == Kind::Ods)?;
        let (prefix, text) = formula.split_once(':').filter(|(prefix, _)| *prefix != "=")?;
        (element.space_of(prefix) == "of" && !value::is_outside(text)).then(|| format!("of:{text}"))
    }
}

impl Rules for Markup<'_, '_, '_, '_> {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let Name { space, local, .. } = element.name;
        self.hidden.resize(element.path.len(), false);
        if element.path.is_empty() {
            let version = element.get("office", "version").filter(|v| VERSIONS.contains(v));
            let version = version.unwrap_or("1.3").to_owned();
            element.attributes.clear();
            if space == "office" {
                element.set("office", "version", version);
            }
            let is_root = matches!(
                (space, local),
                ("office", "document-content" | "document-styles") | ("math", "math")
            );
            return if is_root {
                Ok(Fate::Keep)
            } else {
                Err(Refusal::Damaged { kind: self.package.kind })
            };
        }
        if self.hides(element) {
            return Ok(Fate::Drop);
        }
        if (space, local) == ("text", "a") {
            self.found(Found::Active);
            let style = element.remove("text", "style-name");
            element.attributes.clear();
            let style = style.unwrap_or(Cow::Borrowed("Internet_20_link"));
            element.rename("span");
            element.set("text", "style-name", self.package.names.number(&style));
            return Ok(Fate::Keep);
        }
        let row = table::ROWS.iter().find(|row| row.space == space);
        if row.is_none_or(|row| row.elements.binary_search(&local).is_err()) {
            return Ok(self.unlisted(element));
        }
        // sheets of other files that LibreOffice keeps for its formulas
        if (space, local) == ("table", "table")
            && element.get("table", "name").is_some_and(|name| {
                name.starts_with("'file:") || name.contains("://") || name.contains("'#")
            })
        {
            self.found(Found::Attachment);
            return Ok(Fate::Drop);
        }
        if !self.reference(element)? {
            return Ok(Fate::Drop);
        }
        self.attributes(element);
        Ok(Fate::Keep)
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        if path.len().checked_sub(1).and_then(|at| self.hidden.get(at)) == Some(&true) {
            self.package.found.extend((!text.is_empty()).then_some(Found::Other));
            return Ok(None);
        }
        let holder = path.iter().rev().find(|open| open.fate == Fate::Keep);
        Ok(holder.filter(|open| holds_text(open.name)).map(|_| text))
    }
}

const VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "1.3", "1.4"];

fn is_text(name: Name<'_>) -> bool {
    name.space == "text" && matches!(name.local, "p" | "h")
}

fn holds_text(name: Name<'_>) -> bool {
    // a link is written as a span
    name.is("text", "a")
        || TEXT.iter().any(|(space, names)| *space == name.space && names.contains(&name.local))
}

fn sort(space: &str, local: &str) -> Option<Sort> {
    let row = table::ROWS.iter().find(|row| row.space == space)?;
    let at = row.attributes.binary_search_by(|(name, _)| (*name).cmp(local)).ok()?;
    row.attributes.get(at).map(|(_, sort)| *sort)
}

/// Attributes of formulas (MathML 2): what LibreOffice reads.
fn math(local: &str) -> Option<Sort> {
    matches!(
        local,
        "mathvariant"
            | "mathsize"
            | "mathcolor"
            | "display"
            | "stretchy"
            | "fence"
            | "form"
            | "separator"
            | "accent"
            | "accentunder"
            | "linethickness"
            | "bevelled"
            | "width"
            | "height"
            | "depth"
            | "rowalign"
            | "columnalign"
            | "notation"
            | "displaystyle"
            | "scriptlevel"
    )
    .then_some(Sort::Value)
}

/// What programs show for a style that they know; its name in files has `_20_` for spaces (ODF 1.3 part 3 §19.506).
fn shown_name(name: &str) -> Option<String> {
    let known = name.contains("_20_") && table::KNOWN.binary_search(&name).is_ok();
    known.then(|| name.replace("_20_", " "))
}

/// The settings of a document.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) found: BTreeSet<Found>,
    /// How many are kept.
    pub(super) kept: usize,
}

impl Rules for Settings {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let name = element.get("config", "name").unwrap_or_default().to_owned();
        let kind = element.get("config", "type").unwrap_or_default().to_owned();
        element.attributes.clear();
        Ok(match (element.name.space, element.name.local) {
            ("office", "document-settings") => {
                element.set("office", "version", "1.3");
                Fate::Keep
            }
            ("office", "settings") => Fate::Keep,
            ("config", "config-item-set") if name.ends_with(":configuration-settings") => {
                element.set("config", "name", "ooo:configuration-settings");
                Fate::Keep
            }
            ("config", "config-item")
                if element.path.len() == 3
                    && table::SETTINGS.binary_search(&name.as_str()).is_ok()
                    && matches!(kind.as_str(), "boolean" | "short" | "int" | "long") =>
            {
                self.kept += 1;
                element.set("config", "name", name);
                element.set("config", "type", kind);
                Fate::Keep
            }
            ("config", _) => {
                self.found.insert(match name.as_str() {
                    name if name.starts_with("Printer") => Found::Device,
                    name if name.starts_with("Rsid") => Found::Identifier,
                    _ => Found::Other,
                });
                Fate::Drop
            }
            _ => Fate::Drop,
        })
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        let plain = matches!(&*text, "true" | "false")
            || (text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit()));
        let item = path.last().is_some_and(|open| open.name.is("config", "config-item"));
        Ok((item && plain).then_some(text))
    }
}
