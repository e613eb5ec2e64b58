//! ODT, ODS and ODP (OASIS ODF 1.3): the parts that are content are rewritten, the package is written anew.
//!
//! | part | what becomes of it |
//! |---|---|
//! | `mimetype`, `META-INF/manifest.xml` | written anew; a manifest that names encryption: refused |
//! | `content.xml`, `styles.xml` | rewritten, see [`rules`] and [`table`] |
//! | `settings.xml` | only settings that decide the layout; no printer, no view, no identifiers |
//! | pictures that the content shows | cleaned and numbered, EMF and WMF as in OOXML; those of kinds that cannot be cleaned are dropped |
//! | embedded charts, formulas and documents in OpenDocument | rewritten by the same rules |
//! | other embedded objects, sounds, films, fonts | dropped; the picture that stands for an object stays |
//! | `meta.xml`, `Thumbnails/`, `Configurations2/`, `manifest.rdf`, `layout-cache`, signatures, everything else | dropped |
//! | `Basic/`, `Scripts/` | refused if there is a program in them |
//!
//! Not detected: hidden sheets, rows, columns and slides stay as they are, and so does text that is there but cannot be
//! seen (white on white, behind a picture). A paragraph that a field hides is shown. What a chart, a pivot table or
//! a linked cell took from elsewhere stays as the values that are shown.

mod hidden;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::{
    collections::{BTreeSet, HashMap},
    io::{Read, Seek},
};

use zeroize::Zeroizing;

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    office::ooxml,
    replay::Pieces,
    work::Work,
    xml,
    zip::{Archive, Pack, Writer, whole},
};
use rules::{Markup, Settings};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let bytes = whole(input)?;
    let archive = Archive::open(&bytes, kind, work)?;
    let mut package = Package {
        kind,
        found: archive.found().clone(),
        archive,
        work,
        remains: [Remains::Wording, Remains::Layout].into(),
        folder: String::new(),
        target: String::new(),
        names: value::Names::default(),
        pictures: HashMap::new(),
        shown: 0,
        objects: Vec::new(),
        targets: HashMap::new(),
        hiding: hidden::Styles::default(),
        members: Vec::new(),
    };
    package.look_around()?;
    package.documents()?;
    let (found, remains) = (package.found.clone(), package.remains.clone());
    let mut pieces = Pieces::default();
    pieces.made(package.write()?).map_err(|_| Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, found, remains, pieces))
}

/// A package that is being rewritten.
struct Package<'a, 'w, 'l> {
    kind: Kind,
    archive: Archive<'a>,
    work: &'w mut Work<'l>,
    found: BTreeSet<Found>,
    remains: BTreeSet<Remains>,
    /// The folder of the document under way in the archive, empty or with its `/`.
    folder: String,
    /// The same as it is written.
    target: String,
    names: value::Names,
    /// Pictures by their names in the archive; none if it is dropped.
    pictures: HashMap<String, Option<String>>,
    /// How many of them are written.
    shown: usize,
    /// Embedded documents: their folders in the archive and as they are written.
    objects: Vec<(String, String)>,
    /// The same to look up by the first.
    targets: HashMap<String, String>,
    /// Styles of the document under way that hide text.
    hiding: hidden::Styles,
    /// What is written, with its media type.
    members: Vec<Member>,
}

struct Member {
    name: String,
    media: &'static str,
    bytes: Zeroizing<Vec<u8>>,
    pack: Pack,
}

impl Package<'_, '_, '_> {
    const fn mimetype(&self) -> &'static str {
        match self.kind {
            Kind::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Kind::Odp => "application/vnd.oasis.opendocument.presentation",
            _ => "application/vnd.oasis.opendocument.text",
        }
    }

    /// A member of the archive, if there is one of this name.
    fn read(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
        let Some(entry) = self.archive.entry(name) else {
            return Ok(None);
        };
        self.archive.read(entry, self.work).map(Some)
    }

    /// Tells what is left behind, and refuses what must be.
    fn look_around(&mut self) -> Result<(), Refusal> {
        let kind = self.kind;
        if let Some(manifest) = self.read("META-INF/manifest.xml")?
            && memchr::memmem::find(&manifest, b"encryption-data").is_some()
        {
            return Err(Refusal::Encrypted { kind });
        }
        if self.archive.entry("encrypted-package").is_some() {
            return Err(Refusal::Encrypted { kind });
        }
        let names: Vec<String> =
            self.archive.entries().iter().map(|e| e.name().to_owned()).collect();
        for name in names {
            let top = name.split('/').next().unwrap_or_default();
            match top {
                "Thumbnails" => self.found.extend([Found::Preview]),
                "Basic" | "Scripts" | "Dialogs" => {
                    self.found.insert(Found::Active);
                    let module = self.read(&name)?.unwrap_or_default();
                    if top != "Dialogs" && is_program(&name, &module) {
                        return Err(Refusal::Macros { kind });
                    }
                }
                "META-INF" if name.ends_with("signatures.xml") => {
                    self.found.extend([Found::Person, Found::Identifier]);
                }
                "META-INF" if name != "META-INF/manifest.xml" => self.found.extend([Found::Other]),
                "meta.xml" => {
                    let meta = self.read(&name)?.unwrap_or_default();
                    self.found.extend(META.iter().filter_map(|(element, found)| {
                        memchr::memmem::find(&meta, element.as_bytes()).map(|_| *found)
                    }));
                }
                "manifest.rdf" | "layout-cache" | "Configurations2" | "Fonts" | "Versions" => {
                    self.found.insert(Found::Other);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The main document, then those in it.
    fn documents(&mut self) -> Result<(), Refusal> {
        self.document(true)?;
        let mut next = 0;
        while let Some((folder, target)) = self.objects.get(next).cloned() {
            self.work.member(self.kind)?;
            (self.folder, self.target) = (folder, target);
            self.document(false)?;
            next += 1;
        }
        Ok(())
    }

    fn document(&mut self, main: bool) -> Result<(), Refusal> {
        self.hiding = hidden::Styles::default();
        // styles first, for the content uses their names
        for part in ["styles.xml", "content.xml"] {
            let name = format!("{}{part}", self.folder);
            match self.read(&name)? {
                Some(bytes) => self.markup(part, &bytes)?,
                None if part == "content.xml" && main => {
                    return Err(Refusal::Damaged { kind: self.kind });
                }
                None => {}
            }
        }
        let name = format!("{}settings.xml", self.folder);
        if let Some(bytes) = self.read(&name)? {
            let text = xml::decode(&bytes, self.kind)?;
            let mut settings = Settings::default();
            let limits = self.work.limits();
            let rewritten = xml::rewrite(&text, self.kind, &mut settings, limits)?;
            self.found.extend(rewritten.found);
            self.found.extend(settings.found);
            if settings.kept > 0 {
                self.member(format!("{}settings.xml", self.target), "text/xml", rewritten.bytes);
            }
        }
        Ok(())
    }

    fn markup(&mut self, part: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let text = xml::decode(bytes, self.kind)?;
        let (kind, limits) = (self.kind, self.work.limits());
        self.hiding.begin_part();
        let rewritten = xml::rewrite(&text, kind, &mut Markup::new(self), limits)?;
        self.found.extend(rewritten.found);
        self.member(format!("{}{part}", self.target), "text/xml", rewritten.bytes);
        Ok(())
    }

    fn member(&mut self, name: String, media: &'static str, bytes: Zeroizing<Vec<u8>>) {
        self.members.push(Member { name, media, bytes, pack: Pack::Deflate });
    }

    /// The name under which a picture of the document is written, relative to the document; None if it is dropped.
    fn picture(&mut self, href: &str) -> Result<Option<String>, Refusal> {
        let Some(name) = self.inside(href) else {
            self.found.insert(Found::Active);
            return Ok(None);
        };
        let written = match self.pictures.get(&name) {
            Some(written) => written.clone(),
            None => {
                self.work.member(self.kind)?;
                let written = self.cleaned_picture(&name)?;
                self.pictures.insert(name, written.clone());
                written
            }
        };
        // pictures of an embedded document are beside it
        Ok(written.and_then(|w| w.strip_prefix(&self.target).map(str::to_owned)))
    }

    fn cleaned_picture(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(bytes) = self.read(name)?.filter(|bytes| !bytes.is_empty()) else {
            return Ok(None);
        };
        if let Some(metafile) = ooxml::metafile(&bytes) {
            let Ok((bytes, extension, changed)) = metafile else {
                self.found.insert(Found::Attachment);
                return Ok(None);
            };
            self.found.extend(changed.then_some(Found::Other));
            let media = if extension == "emf" { "image/x-emf" } else { "image/x-wmf" };
            return Ok(Some(self.write_picture(extension, media, bytes, Pack::Deflate)));
        }
        let nested = match self.work.nested(self.kind, &bytes) {
            Ok(nested) => nested,
            Err(CleanError::Refused(refusal @ Refusal::TooLarge { .. })) => return Err(refusal),
            Err(_) => {
                self.found.insert(Found::Attachment);
                return Ok(None);
            }
        };
        let media = match nested.report.kind {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::Gif => "image/gif",
            Kind::Webp => "image/webp",
            Kind::Tiff => "image/tiff",
            Kind::Svg => "image/svg+xml",
            _ => {
                self.found.insert(Found::Attachment);
                return Ok(None);
            }
        };
        self.found.extend(nested.report.found);
        self.remains.extend(nested.report.remains);
        let (extension, pack) = (nested.report.kind.extension(), Pack::of(nested.report.kind));
        Ok(Some(self.write_picture(extension, media, nested.bytes, pack)))
    }

    /// Adds a cleaned picture and gives the name under which it is written.
    fn write_picture(
        &mut self,
        extension: &str,
        media: &'static str,
        bytes: Zeroizing<Vec<u8>>,
        pack: Pack,
    ) -> String {
        self.shown += 1;
        let name = format!("{}Pictures/{}.{extension}", self.target, self.shown);
        self.members.push(Member { name: name.clone(), media, bytes, pack });
        name
    }

    /// The reference to an embedded document; None if it is none in OpenDocument.
    fn object(&mut self, href: &str) -> Option<String> {
        let folder = format!("{}/", self.inside(href)?.trim_end_matches('/'));
        self.archive.entry(&format!("{folder}content.xml"))?;
        // one in itself would have no end
        let target = match self.targets.get(&folder) {
            Some(target) => target.clone(),
            None => {
                let target = format!("{}Object {}/", self.target, self.objects.len() + 1);
                self.objects.push((folder.clone(), target.clone()));
                self.targets.insert(folder, target.clone());
                target
            }
        };
        let relative = target.strip_prefix(&self.target)?;
        Some(format!("./{}", relative.trim_end_matches('/')))
    }

    /// The name in the archive of what a reference means; None if it is elsewhere.
    fn inside(&self, href: &str) -> Option<String> {
        let href = href.trim();
        let href = href.strip_prefix("./").unwrap_or(href);
        let elsewhere = href.is_empty()
            || href.contains([':', '#', '?'])
            || href.starts_with('/')
            || href.split('/').any(|part| part == "..");
        (!elsewhere).then(|| format!("{}{}", self.folder, percent_decoded(href)))
    }

    fn write(self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let mimetype = self.mimetype();
        let mut writer = Writer::new(self.kind);
        writer.add("mimetype", mimetype.as_bytes(), Pack::Store)?;
        let mut manifest = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest:manifest \
             xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" \
             manifest:version=\"1.3\">",
        );
        let mut line = |name: &str, media: &str| {
            manifest.push_str("<manifest:file-entry manifest:full-path=\"");
            manifest.push_str(name);
            manifest.push_str("\" manifest:media-type=\"");
            manifest.push_str(media);
            manifest.push_str("\"/>");
        };
        line("/", mimetype);
        let contents: HashMap<&str, &[u8]> =
            self.members.iter().map(|member| (member.name.as_str(), &**member.bytes)).collect();
        for (_, target) in &self.objects {
            let content = contents.get(format!("{target}content.xml").as_str()).copied();
            line(target, object_media(content.unwrap_or_default()));
        }
        for member in &self.members {
            writer.add(&member.name, &member.bytes, member.pack)?;
            line(&member.name, member.media);
        }
        manifest.push_str("</manifest:manifest>\n");
        writer.add("META-INF/manifest.xml", manifest.as_bytes(), Pack::Deflate)?;
        writer.finish()
    }
}

/// What an embedded document is, told from its content.
fn object_media(content: &[u8]) -> &'static str {
    let has = |tag: &str| memchr::memmem::find(content, tag.as_bytes()).is_some();
    match () {
        () if has("<math:math") => "application/vnd.oasis.opendocument.formula",
        () if has("<office:chart>") => "application/vnd.oasis.opendocument.chart",
        () if has("<office:spreadsheet") => "application/vnd.oasis.opendocument.spreadsheet",
        () if has("<office:presentation") => "application/vnd.oasis.opendocument.presentation",
        () if has("<office:drawing") => "application/vnd.oasis.opendocument.graphics",
        () => "application/vnd.oasis.opendocument.text",
    }
}

/// Elements of `meta.xml` (ODF 1.3 part 3 §4.3).
const META: &[(&str, Found)] = &[
    ("initial-creator>", Found::Person),
    ("creator>", Found::Person),
    ("printed-by>", Found::Person),
    ("creation-date>", Found::Time),
    ("date>", Found::Time),
    ("editing-duration>", Found::Time),
    ("print-date>", Found::Time),
    ("generator>", Found::Software),
    ("editing-cycles>", Found::History),
    ("title>", Found::Comment),
    ("subject>", Found::Comment),
    ("description>", Found::Comment),
    ("keyword>", Found::Comment),
    ("user-defined", Found::Other),
    ("template", Found::Other),
    ("document-statistic", Found::Other),
];

/// Whether a member of `Basic/` or `Scripts/` is more than what LibreOffice puts into every new module.
fn is_program(name: &str, module: &[u8]) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    if matches!(file, "script-lb.xml" | "script-lc.xml" | "dialog-lb.xml" | "dialog-lc.xml") {
        return false;
    }
    if !name.starts_with("Basic/") {
        return !module.is_empty();
    }
    let Ok(text) = std::str::from_utf8(module) else {
        return true;
    };
    // what the module's element holds, behind the declaration and the document type
    let body = text.split_once("<script:module").and_then(|(_, rest)| rest.split_once('>'));
    let Some((_, body)) = body else {
        return true;
    };
    let body = body.strip_suffix('\n').unwrap_or(body).trim_end();
    let body = body.strip_suffix("</script:module>").unwrap_or(body);
    body.lines().map(str::trim).any(|line| {
        let lower = line.to_ascii_lowercase();
        !(line.is_empty()
            || lower == "rem"
            || lower.starts_with("rem ")
            || lower.starts_with("option ")
            || matches!(lower.as_str(), "sub main" | "end sub"))
    })
}

fn percent_decoded(href: &str) -> String {
    href.replace("%20", " ")
}
