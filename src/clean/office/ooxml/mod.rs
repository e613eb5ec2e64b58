//! DOCX, XLSX and PPTX (ECMA-376): the package.
//!
//! | part | what becomes of it |
//! |---|---|
//! | the main part, and parts that are reached from it by relationships of `roles` | written anew by an allow-list of names and values, see `part` |
//! | `[Content_Types].xml`, relationships | made anew; parts and relationships are numbered |
//! | pictures | cleaned as files of their own; one that is refused refuses the document |
//! | metafiles (EMF, WMF) | drawing records only, see `metafile` |
//! | macros | refused |
//! | properties, thumbnails, custom XML, printer settings, people, comments, notes, glossary | dropped |
//! | embedded files, recordings | dropped; the picture that stands for one stays |
//! | pivot tables, connections, links to other files and the web | dropped; the values and texts that are shown stay |
//!
//! Hidden sheets, rows, columns and slides are content and stay as they are.
//!
//! Not detected: what is written in the document itself, and what the layout says of who made it (its fonts, its theme).

mod drawing;
mod excel;
mod fields;
mod hidden;
mod metafile;
mod names;
mod part;
mod plan;
mod records;
mod relations;
mod roles;
mod rule;
#[cfg(test)]
mod tests;
mod values;
mod vocabulary;
mod word;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    io::{Read, Seek},
};

use zeroize::Zeroizing;

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    replay::Pieces,
    work::Work,
    xml,
    zip::{Archive, Pack, Writer, inside, whole},
};

use part::{Part, Shared};
use relations::Relation;
use roles::Role;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let bytes = whole(input)?;
    let archive = Archive::open(&bytes, kind, work)?;
    let package = Package {
        kind,
        shared: Shared::new(kind),
        found: archive.found().clone(),
        names: archive
            .entries()
            .iter()
            .map(|e| (e.name().to_ascii_lowercase(), e.name()))
            .collect(),
        archive: &archive,
        work,
        remains: [Remains::Wording, Remains::Layout].into(),
        parts: Vec::new(),
        by_source: HashMap::new(),
        counts: HashMap::new(),
        reached: BTreeSet::new(),
        hiding: HashSet::new(),
    };
    package.clean()
}

/// A metafile cleaned, its extension and whether something was left behind; None if it is no metafile. OpenDocument
/// holds the same.
pub(super) fn metafile(bytes: &[u8]) -> Option<Result<metafile::Metafile, ()>> {
    metafile::clean(bytes)
}

/// A document under way.
struct Package<'a, 'w, 'l> {
    kind: Kind,
    archive: &'a Archive<'a>,
    work: &'w mut Work<'l>,
    /// The members' names by their names in lower case: parts are equal whatever their case (part 2 §6.2.2.3).
    names: HashMap<String, &'a str>,
    shared: Shared,
    found: BTreeSet<Found>,
    remains: BTreeSet<Remains>,
    parts: Vec<Written>,
    /// Which of `parts` a source part is, by its name in lower case.
    by_source: HashMap<String, usize>,
    /// How many parts each role has.
    counts: HashMap<&'static str, usize>,
    /// Members that were read, written or not.
    reached: BTreeSet<String>,
    /// Styles that hide the runs they are given to.
    hiding: HashSet<String>,
}

/// A part of the new package.
struct Written {
    role: &'static Role,
    source: String,
    name: String,
    bytes: Zeroizing<Vec<u8>>,
    /// Types and targets of its relationships, which are numbered from 1.
    relations: Vec<(&'static Role, usize)>,
}

impl Package<'_, '_, '_> {
    fn clean(mut self) -> Result<Cleaned, CleanError> {
        let main = self.main()?;
        self.read_styles(main)?;
        let mut queue = VecDeque::from([main]);
        // strings that no sheet shows are left out, names that no formula uses and fonts of no text: these parts are last
        let mut late = Vec::new();
        while let Some(at) = queue.pop_front() {
            let known = self.parts.len();
            let what = self.part(at)?.role.what;
            if matches!(what, "sharedStrings" | "fontTable") {
                late.push(at);
            } else {
                self.write(at)?;
            }
            queue.extend(known..self.parts.len());
        }
        if self.kind == Kind::Xlsx {
            late.push(main);
            self.shared.is_last = true;
        }
        for at in late {
            self.write(at)?;
        }
        self.tell_unreached();
        self.finish()
    }

    /// The main part.
    fn main(&mut self) -> Result<usize, CleanError> {
        let damaged = Refusal::Damaged { kind: self.kind };
        let types = self.text_of("[Content_Types].xml")?.ok_or(damaged)?;
        let types = relations::content_types(&types, self.kind, self.work.limits())?;
        if types.iter().any(|t| {
            t.contains("macroenabled") || t.contains("vbaproject") || t.contains("macrosheet")
        }) {
            return Err(Refusal::Macros { kind: self.kind }.into());
        }
        let role = match self.kind {
            Kind::Docx => &roles::DOCUMENT,
            Kind::Xlsx => &roles::WORKBOOK,
            _ => &roles::PRESENTATION,
        };
        let mut main = None;
        for relation in self.relations_of("")? {
            if relation.what == "officeDocument" && main.is_none() {
                main = relation.target;
            } else {
                self.found.extend(roles::left_behind(&relation.what));
            }
        }
        let source = main.ok_or(damaged)?;
        self.reach(role, &source).ok_or_else(|| damaged.into())
    }

    /// What must be known of a document's styles before its texts.
    fn read_styles(&mut self, main: usize) -> Result<(), Refusal> {
        if self.kind != Kind::Docx {
            return Ok(());
        }
        let source = self.part(main)?.source.clone();
        for relation in self.relations_of(&source)? {
            let styles = relation.target.filter(|_| relation.what == "styles");
            if let Some(text) = styles.map(|styles| self.text_of(&styles)).transpose()?.flatten() {
                self.hiding.extend(hidden::styles(&text, self.kind, self.work.limits())?);
            }
        }
        Ok(())
    }

    fn part(&mut self, at: usize) -> Result<&mut Written, Refusal> {
        self.parts.get_mut(at).ok_or(Refusal::Damaged { kind: self.kind })
    }

    /// Whether `source` is a part of this role or can become one.
    fn is_reachable(&self, role: &Role, source: &str) -> bool {
        let key = source.to_ascii_lowercase();
        let known = self.by_source.get(&key).and_then(|&at| self.parts.get(at));
        known.map_or(self.names.contains_key(&key), |part| part.role.what == role.what)
    }

    /// The part for `source`, which becomes one now if it is none yet; None if there is no such member.
    fn reach(&mut self, role: &'static Role, source: &str) -> Option<usize> {
        let key = source.to_ascii_lowercase();
        if let Some(&at) = self.by_source.get(&key) {
            return self.parts.get(at).filter(|part| part.role.what == role.what).map(|_| at);
        }
        self.names.get(&key)?;
        let count = self.counts.entry(role.name).or_default();
        *count += 1;
        let folder = match self.kind {
            _ if role.what == "officeDocument" => "",
            Kind::Docx => "word/",
            Kind::Xlsx => "xl/",
            _ => "ppt/",
        };
        let number = if *count == 1 && (role.implied || folder.is_empty()) {
            String::new()
        } else {
            count.to_string()
        };
        let name = format!("{folder}{}{number}.xml", role.name);
        self.by_source.insert(key, self.parts.len());
        self.parts.push(Written {
            role,
            source: source.to_owned(),
            name,
            bytes: Zeroizing::default(),
            relations: Vec::new(),
        });
        Some(self.parts.len() - 1)
    }

    /// Fills a part.
    fn write(&mut self, at: usize) -> Result<(), CleanError> {
        let (role, source) = {
            let part = self.part(at)?;
            (part.role, part.source.clone())
        };
        self.work.member(self.kind)?;
        if role.is_media() {
            return self.write_media(at, &source);
        }
        let mut relations = self.relations_of(&source)?;
        for relation in &mut relations {
            // a target that is missing, or that is another kind of part already, is none
            let target = relation.target.take().zip(roles::role(&relation.what));
            relation.target = target
                .filter(|(target, role)| self.is_reachable(role, target))
                .map(|(target, _)| target);
        }
        let text = self.text_of(&source)?.ok_or(Refusal::Damaged { kind: self.kind })?;
        let plan = plan::Plan::of(&text, self.kind, &self.hiding, self.work.limits())?;
        let mut rules = Part::new(&mut self.shared, role, &source, &relations, &plan);
        let rewritten = xml::rewrite(&text, self.kind, &mut rules, self.work.limits())?;
        let (found, used) = rules.finish();
        self.found.extend(found);
        self.found.extend(rewritten.found);
        self.relate(at, &relations, &used)?;
        self.part(at)?.bytes = rewritten.bytes;
        Ok(())
    }

    /// Reaches the parts that a part refers to, then those that a relationship alone implies.
    fn relate(
        &mut self,
        at: usize,
        relations: &[Relation],
        used: &[String],
    ) -> Result<(), Refusal> {
        let mut list = Vec::new();
        let by_id = relations::by_id(relations);
        for id in used {
            let target = by_id.get(id.as_str()).and_then(|relation| {
                Some((roles::role(&relation.what)?, relation.target.as_ref()?))
            });
            let reached = target.and_then(|(role, source)| Some((role, self.reach(role, source)?)));
            // the source refers to it by number already
            list.push(reached.ok_or(Refusal::Damaged { kind: self.kind })?);
        }
        let used: HashSet<&str> = used.iter().map(String::as_str).collect();
        for relation in relations.iter().filter(|relation| !used.contains(&*relation.id)) {
            self.work.member(self.kind)?;
            let role = roles::role(&relation.what).filter(|role| role.implied);
            match (role, &relation.target) {
                (Some(role), Some(source)) => {
                    // from its own masters and layouts a presentation is reached again by other ways
                    list.extend(self.reach(role, source).map(|target| (role, target)));
                }
                _ => self.found.extend(roles::left_behind(&relation.what)),
            }
        }
        self.note_drawings(relations, &used, &list)?;
        self.part(at)?.relations = list;
        Ok(())
    }

    /// A diagram's data refers to its drawing by a relationship of the part that shows both.
    fn note_drawings(
        &mut self,
        relations: &[Relation],
        used: &HashSet<&str>,
        list: &[(&'static Role, usize)],
    ) -> Result<(), Refusal> {
        let places: HashMap<usize, usize> =
            list.iter().enumerate().rev().map(|(at, (_, part))| (*part, at)).collect();
        let of =
            |what: &'static str| relations.iter().filter(move |relation| relation.what == what);
        for drawing in of("diagramDrawing") {
            let Some(source) = &drawing.target else { continue };
            let part = self.by_source.get(&source.to_ascii_lowercase());
            let Some(at) = part.and_then(|part| places.get(part)) else {
                continue;
            };
            for data in of("diagramData").filter(|data| used.contains(&*data.id)) {
                self.work.member(self.kind)?;
                let data = data.target.as_deref().unwrap_or_default().to_ascii_lowercase();
                self.shared.drawings.insert((data, drawing.id.clone()), at + 1);
            }
        }
        Ok(())
    }

    fn write_media(&mut self, at: usize, source: &str) -> Result<(), CleanError> {
        let bytes = self.bytes_of(source)?.ok_or(Refusal::Damaged { kind: self.kind })?;
        let (bytes, extension) = if let Some(metafile) = metafile::clean(&bytes) {
            let (bytes, extension, changed) =
                metafile.map_err(|()| Refusal::Inside { kind: self.kind, inner: Kind::Unknown })?;
            if changed {
                self.found.insert(Found::Other);
            }
            (bytes, extension)
        } else {
            let nested =
                self.work.nested(self.kind, &bytes).map_err(|error| inside(error, self.kind))?;
            // a program would show nothing else, and what is not shown has no reason to be there
            if !is_shown(nested.report.kind) {
                let inner = nested.report.kind;
                return Err(Refusal::Inside { kind: self.kind, inner }.into());
            }
            self.found.extend(nested.report.found);
            self.remains.extend(nested.report.remains);
            (nested.bytes, nested.report.kind.extension())
        };
        let part = self.part(at)?;
        part.name = part.name.replace(".xml", &format!(".{extension}"));
        part.bytes = bytes;
        Ok(())
    }

    fn bytes_of(&mut self, source: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
        let key = source.to_ascii_lowercase();
        let Some(entry) = self.names.get(&key).and_then(|name| self.archive.entry(name)) else {
            return Ok(None);
        };
        self.reached.insert(key);
        self.archive.read(entry, self.work).map(Some)
    }

    fn text_of(&mut self, source: &str) -> Result<Option<Zeroizing<String>>, Refusal> {
        let Some(bytes) = self.bytes_of(source)? else {
            return Ok(None);
        };
        xml::decode_whole(bytes, self.kind).map(Some)
    }

    fn relations_of(&mut self, source: &str) -> Result<Vec<Relation>, Refusal> {
        let Some(text) = self.text_of(&relations::part_of(source))? else {
            return Ok(Vec::new());
        };
        relations::read(&text, source, self.kind, self.work.limits())
    }

    /// Members that nothing leads to.
    fn tell_unreached(&mut self) {
        if self.names.keys().any(|name| !self.reached.contains(name)) {
            self.found.insert(Found::Other);
        }
    }

    fn finish(self) -> Result<Cleaned, CleanError> {
        let mut writer = Writer::new(self.kind);
        writer.add("[Content_Types].xml", self.content_types().as_bytes(), Pack::Deflate)?;
        let main = [(
            roles::OFFICE,
            "officeDocument",
            self.parts.first().map_or("", |part| part.name.as_str()),
        )];
        writer.add("_rels/.rels", relationships(&main).as_bytes(), Pack::Deflate)?;
        for part in &self.parts {
            let pack = match part.name.rsplit('.').next() {
                Some("jpg" | "png" | "gif" | "webp") => Pack::Store,
                _ => Pack::Deflate,
            };
            writer.add(&part.name, &part.bytes, pack)?;
            if !part.relations.is_empty() {
                let rows: Vec<_> = part
                    .relations
                    .iter()
                    .filter_map(|(role, at)| {
                        Some((role.namespace, role.what, self.parts.get(*at)?.name.as_str()))
                    })
                    .collect();
                writer.add(
                    &relations::part_of(&part.name),
                    relationships(&rows).as_bytes(),
                    Pack::Deflate,
                )?;
            }
        }
        let mut pieces = Pieces::default();
        let too_large = Refusal::TooLarge { kind: self.kind };
        pieces.made(writer.finish()?).map_err(|_| too_large)?;
        Ok(Cleaned::new(self.kind, self.found, self.remains, pieces))
    }

    fn content_types(&self) -> String {
        let mut text = format!(
            "{DECLARATION}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>"
        );
        let media = self.parts.iter().filter(|part| part.role.is_media());
        let extensions: BTreeSet<&str> =
            media.filter_map(|part| part.name.rsplit('.').next()).collect();
        for extension in extensions {
            let kind = match extension {
                "jpg" => "image/jpeg",
                "tif" => "image/tiff",
                "svg" => "image/svg+xml",
                "emf" => "image/x-emf",
                "wmf" => "image/x-wmf",
                "pdf" => "application/pdf",
                other => &format!("image/{other}"),
            };
            text.push_str(&format!("<Default Extension=\"{extension}\" ContentType=\"{kind}\"/>"));
        }
        for part in self.parts.iter().filter(|part| !part.role.is_media()) {
            let kind = match (part.role.what, self.kind) {
                ("styles", Kind::Xlsx) => {
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
                }
                ("styles", _) => {
                    "application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"
                }
                _ => part.role.content_type,
            };
            text.push_str(&format!(
                "<Override PartName=\"/{}\" ContentType=\"{kind}\"/>",
                part.name
            ));
        }
        text.push_str("</Types>");
        text
    }
}

/// Whether a file can be a document's picture.
const fn is_shown(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Jpeg
            | Kind::Png
            | Kind::Webp
            | Kind::Gif
            | Kind::Tiff
            | Kind::Heic
            | Kind::Avif
            | Kind::Bmp
            | Kind::Svg
            | Kind::Pdf
    )
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// A relationships part; targets are absolute.
fn relationships(rows: &[(&str, &str, &str)]) -> String {
    let mut text = format!(
        "{DECLARATION}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    );
    for (number, (namespace, what, target)) in rows.iter().enumerate() {
        let number = number + 1;
        text.push_str(&format!(
            "<Relationship Id=\"rId{number}\" Type=\"{namespace}{what}\" Target=\"/{target}\"/>"
        ));
    }
    text.push_str("</Relationships>");
    text
}
