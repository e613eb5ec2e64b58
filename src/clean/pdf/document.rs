//! The walk over a document: from its pages to everything that they show, and to nothing else.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    rc::Rc,
};

use super::{
    content::Names,
    file::{File, Trouble, is_linearised},
    font::Program,
    layers::Layers,
    object::{Decimal, Dict, Object},
    writer::Writer,
};
use crate::clean::{Found, Kind, Refusal, Remains, replay::Pieces, traces};

pub(super) const KIND: Kind = Kind::Pdf;

/// What a step of the walk gives.
pub(super) type Step = Result<(), Trouble>;

/// As what an object is looked at. One object in two roles becomes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Form,
    Image,
    SoftMask,
    Font,
    Space,
    Function,
    Pattern,
    Shading,
    State,
    CMap,
    GlyphMap,
}

/// An object whose number is given and that is still to be written.
struct Job {
    number: u32,
    role: Role,
    object: Object,
    /// Resources of what uses it, for those that have none of their own.
    context: Rc<Dict>,
}

/// What pages inherit (7.7.3.4).
#[derive(Clone, Default)]
struct Inherited {
    resources: Object,
    media: Object,
    crop: Object,
    rotate: Object,
}

pub(super) struct Walk<'a, 'w> {
    pub(super) file: File<'a, 'w>,
    pub(super) out: Writer,
    pub(super) layers: Layers,
    /// Resources of a form's fields, for appearances that have none.
    pub(super) form_resources: Rc<Dict>,
    pub(super) empty: Rc<Dict>,
    found: BTreeSet<Found>,
    known: HashMap<(u32, Role, usize), u32>,
    /// Font programs that are written, by their old number and whether glyphs are found by name.
    pub(super) programs: HashMap<(u32, bool), Program>,
    jobs: VecDeque<Job>,
}

/// What was made of a file.
pub(super) struct Document {
    pub(super) pieces: Pieces,
    pub(super) found: BTreeSet<Found>,
}

impl<'a, 'w> Walk<'a, 'w> {
    pub(super) fn new(file: File<'a, 'w>) -> Self {
        let out = Writer::new(file.work.limits().document_bytes);
        let empty = Rc::new(Dict::default());
        Self {
            file,
            out,
            layers: Layers::default(),
            form_resources: Rc::clone(&empty),
            empty,
            found: BTreeSet::new(),
            known: HashMap::new(),
            programs: HashMap::new(),
            jobs: VecDeque::new(),
        }
    }

    pub(super) fn find(&mut self, found: Found) {
        self.found.insert(found);
    }

    pub(super) fn find_all(&mut self, found: impl IntoIterator<Item = Found>) {
        self.found.extend(found);
    }

    /// The whole document. `data` is the file from its header on, which lies at `offset`.
    pub(super) fn run(mut self, data: &[u8], offset: u64) -> Result<Document, Trouble> {
        let root = self.out.number();
        let pages = self.out.number();
        let trailer = self.file.trailer.clone();
        let catalog = self.file.value(&trailer, b"Root")?;
        let catalog = rc_dict(&catalog).ok_or(Refusal::Damaged { kind: KIND })?;
        self.catalog(&catalog)?;
        let kids = self.pages(catalog.get(b"Pages"), pages)?;
        if kids.is_empty() {
            return Err(Trouble::Table);
        }
        while let Some(job) = self.jobs.pop_front() {
            self.file.work.member(KIND)?;
            self.job(job)?;
        }
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"Pages"));
        dict.set(b"Count", Object::int(kids.len()));
        dict.set(b"Kids", Object::array(kids));
        self.out.put(pages, &dict.object())?;
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"Catalog"));
        dict.set(b"Pages", Object::Ref(pages));
        self.out.put(root, &dict.object())?;
        self.revisions(data);
        self.trailer(&trailer)?;
        let pieces = self.out.finish(root, data, offset)?;
        Ok(Document { pieces, found: self.found })
    }

    fn job(&mut self, job: Job) -> Step {
        let Job { number, role, object, context } = job;
        let object = self.file.get(&object)?;
        match role {
            Role::Form => self.form(number, &object, &context),
            Role::Image | Role::SoftMask => self.image(number, &object, role),
            Role::Font => self.font(number, &object, &context),
            Role::Space => self.space_object(number, &object),
            Role::Function => self.function(number, &object),
            Role::Pattern => self.pattern(number, &object, &context),
            Role::Shading => self.shading(number, &object),
            Role::State => self.state(number, &object, &context),
            Role::CMap => self.cmap(number, &object),
            Role::GlyphMap => self.glyph_map(number, &object),
        }
    }

    /// The new reference to what `object` is in `role`; it is written later.
    pub(super) fn refer(&mut self, role: Role, object: &Object, context: &Rc<Dict>) -> Object {
        // what has no resources of its own differs with those that it is given
        let context_id = match role {
            Role::Form | Role::Pattern | Role::Font | Role::State => Rc::as_ptr(context) as usize,
            _ => 0,
        };
        let known = match object {
            Object::Ref(source) => self.known.get(&(*source, role, context_id)).copied(),
            _ => None,
        };
        if let Some(number) = known {
            return Object::Ref(number);
        }
        let number = self.out.number();
        if let Object::Ref(source) = object {
            self.known.insert((*source, role, context_id), number);
        }
        let context = Rc::clone(context);
        self.jobs.push_back(Job { number, role, object: object.clone(), context });
        Object::Ref(number)
    }

    /// The context of something with resources of its own, or without need of any, is always the same.
    pub(super) fn context(
        &mut self,
        role: Role,
        object: &Object,
        given: &Rc<Dict>,
    ) -> Result<Rc<Dict>, Trouble> {
        let object = self.file.get(object)?;
        let needs = match object.as_dict() {
            Some(dict) => self.needs_resources(role, &object, dict)?,
            None => false,
        };
        Ok(Rc::clone(if needs { given } else { &self.empty }))
    }

    fn needs_resources(
        &mut self,
        role: Role,
        object: &Object,
        dict: &Dict,
    ) -> Result<bool, Trouble> {
        let operators = match role {
            Role::Form | Role::Pattern => matches!(object, Object::Stream(_)),
            Role::Font => self.file.value(dict, b"Subtype")?.is_name(b"Type3"),
            Role::State => {
                let mask = self.file.value(dict, b"SMask")?;
                let group = match mask.as_dict() {
                    Some(mask) => self.file.value(mask, b"G")?,
                    None => Object::Null,
                };
                let font = self.file.value(dict, b"Font")?;
                let font = self.file.get(font.items().first().unwrap_or(&Object::Null))?;
                let mut needs = false;
                for (role, object) in [(Role::Form, group), (Role::Font, font)] {
                    if let Some(dict) = object.as_dict() {
                        needs |= self.needs_resources(role, &object, dict)?;
                    }
                }
                return Ok(needs);
            }
            _ => false,
        };
        Ok(operators && self.file.value(dict, b"Resources")?.as_dict().is_none())
    }

    /// The catalog (7.7.2): everything but the pages is left behind.
    fn catalog(&mut self, catalog: &Dict) -> Step {
        if catalog.has(b"Collection") {
            return Err(Refusal::Unsupported { kind: KIND }.into());
        }
        for key in catalog.0.keys() {
            match &**key {
                b"Type" | b"Pages" | b"AcroForm" | b"Names" | b"Metadata" => {}
                b"OpenAction" | b"AA" | b"URI" | b"SpiderInfo" => self.find(Found::Active),
                b"Outlines" | b"PageLabels" | b"Dests" | b"Lang" | b"StructTreeRoot" => {
                    self.find(Found::Comment);
                }
                b"Perms" | b"DSS" | b"Legal" => self.find(Found::Person),
                b"AF" => self.find(Found::Attachment),
                _ => self.find(Found::Other),
            }
        }
        self.metadata(catalog)?;
        if let Some(names) = self.file.value(catalog, b"Names")?.as_dict() {
            for key in names.0.keys() {
                self.find(match &**key {
                    b"EmbeddedFiles" => Found::Attachment,
                    b"JavaScript" => Found::Active,
                    b"Dests" => Found::Comment,
                    _ => Found::Other,
                });
            }
        }
        let layers = self.file.value(catalog, b"OCProperties")?;
        if let Some(layers) = layers.as_dict() {
            self.layers = Layers::read(&mut self.file, layers)?;
        }
        self.interactive(catalog)
    }

    /// The form (12.7): what its fields show is kept as content of the pages, by their annotations.
    fn interactive(&mut self, catalog: &Dict) -> Step {
        let form = self.file.value(catalog, b"AcroForm")?;
        let Some(form) = form.as_dict() else {
            return Ok(());
        };
        self.find(Found::Active);
        let rendering = self.file.value(catalog, b"NeedsRendering")?;
        if form.has(b"XFA") && rendering == Object::Bool(true) {
            return Err(Refusal::Unsupported { kind: KIND }.into());
        }
        if self.file.value(form, b"SigFlags")?.as_u32().unwrap_or(0) & 1 != 0 {
            self.find(Found::Person);
        }
        let resources = self.file.value(form, b"DR")?;
        if let Some(resources) = rc_dict(&resources) {
            self.form_resources = resources;
        }
        Ok(())
    }

    /// Every page of the tree in order, as references. `parent` is the number of the new tree.
    fn pages(&mut self, root: &Object, parent: u32) -> Result<Vec<Object>, Trouble> {
        let mut pages = Vec::new();
        let mut seen = HashSet::new();
        let mut open = vec![(root.clone(), Inherited::default())];
        let most = self.file.work.limits().parts as usize;
        let mut opened = 0_usize;
        while let Some((node, mut inherited)) = open.pop() {
            if let Object::Ref(number) = node
                && !seen.insert(number)
            {
                continue;
            }
            let node = self.file.get(&node)?;
            let Some(dict) = rc_dict(&node) else {
                continue;
            };
            for (place, key) in [
                (&mut inherited.resources, b"Resources".as_slice()),
                (&mut inherited.media, b"MediaBox"),
                (&mut inherited.crop, b"CropBox"),
                (&mut inherited.rotate, b"Rotate"),
            ] {
                if dict.has(key) {
                    *place = dict.get(key).clone();
                }
            }
            let kids = self.file.value(&dict, b"Kids")?;
            if let Object::Array(kids) = kids
                && !dict.get(b"Type").is_name(b"Page")
            {
                self.file.work.member(KIND)?;
                // nodes may share one list
                opened = opened.saturating_add(kids.len());
                if opened > most {
                    return Err(Refusal::TooLarge { kind: KIND }.into());
                }
                for kid in kids.iter().rev() {
                    open.push((kid.clone(), inherited.clone()));
                }
                continue;
            }
            self.file.work.member(KIND)?;
            let number = self.out.number();
            self.page(number, parent, &dict, &inherited)?;
            pages.push(Object::Ref(number));
        }
        Ok(pages)
    }

    /// One page (7.7.3.3) with what is drawn onto it by its annotations.
    fn page(&mut self, number: u32, parent: u32, dict: &Rc<Dict>, inherited: &Inherited) -> Step {
        self.page_traces(dict)?;
        let resources = self.file.get(&inherited.resources)?;
        let resources = rc_dict(&resources).unwrap_or_else(|| Rc::clone(&self.empty));
        let data = self.contents(dict.get(b"Contents"))?;
        let (mut bytes, mut names) = self.content(&data, resources)?;
        drop(data);
        self.annotations(dict, &mut bytes, &mut names)?;

        let mut page = Dict::default();
        page.set(b"Type", Object::name(b"Page"));
        page.set(b"Parent", Object::Ref(parent));
        let letter = [0, 0, 612, 792].map(Object::int).to_vec();
        let media = self.rectangle(&inherited.media)?.unwrap_or(letter);
        if let Some(crop) = self.rectangle(&inherited.crop)?
            && crop != media
        {
            page.set(b"CropBox", Object::array(crop));
        }
        page.set(b"MediaBox", Object::array(media));
        let rotate = self.file.get(&inherited.rotate)?.as_number().unwrap_or_default().whole();
        if rotate % 360 != 0 && rotate % 90 == 0 {
            page.set(b"Rotate", Object::Number(Decimal::from(rotate.rem_euclid(360))));
        }
        if let unit @ Object::Number(_) = self.file.value(dict, b"UserUnit")? {
            page.set(b"UserUnit", unit);
        }
        let group = self.file.value(dict, b"Group")?;
        page.set(b"Group", self.group(&group)?);
        page.set(b"Resources", names.resources().object());
        if !bytes.is_empty() {
            let contents = self.out.number();
            self.out.put_deflated(contents, Dict::default(), &bytes)?;
            page.set(b"Contents", Object::Ref(contents));
        }
        self.out.put(number, &page.object())?;
        Ok(())
    }

    /// A page's content: one stream, or several that are read as one (7.8.2).
    fn contents(&mut self, contents: &Object) -> Result<super::filter::Bytes, Trouble> {
        let contents = self.file.get(contents)?;
        let list = match &contents {
            Object::Stream(_) => std::slice::from_ref(&contents),
            other => other.items(),
        };
        let mut whole = super::filter::Bytes::default();
        for part in list {
            // pages may share one list
            self.file.work.member(KIND)?;
            if let Object::Stream(stream) = self.file.get(part)? {
                self.metadata(&stream.dict)?;
                let bytes = self.file.decoded(&stream)?;
                if list.len() == 1 {
                    return Ok(bytes);
                }
                whole.extend_from_slice(&bytes);
                whole.push(b'\n');
            }
        }
        Ok(whole)
    }

    /// Keys of pages that are left behind.
    fn page_traces(&mut self, dict: &Dict) -> Step {
        for key in dict.0.keys() {
            match &**key {
                b"LastModified" => self.find(Found::Time),
                b"Thumb" => self.find(Found::Preview),
                b"AA" | b"PresSteps" => self.find(Found::Active),
                b"AF" => self.find(Found::Attachment),
                b"ID" => self.find(Found::Identifier),
                b"PieceInfo" | b"B" | b"VP" | b"SeparationInfo" | b"TemplateInstantiated" => {
                    self.find(Found::Other);
                }
                _ => {}
            }
        }
        self.metadata(dict)
    }

    /// What a metadata stream (14.3.2) tells, and other keys that any object may have.
    pub(super) fn metadata(&mut self, dict: &Dict) -> Step {
        if dict.has(b"PieceInfo") {
            self.find(Found::Other);
        }
        if dict.has(b"LastModified") {
            self.find(Found::Time);
        }
        if !dict.has(b"Metadata") {
            return Ok(());
        }
        let packet = self.file.value(dict, b"Metadata");
        if let Ok(Object::Stream(stream)) = packet {
            let bytes = match self.file.decoded(&stream) {
                Err(Trouble::Refused(refusal @ Refusal::TooLarge { .. })) => {
                    return Err(refusal.into());
                }
                bytes => bytes.unwrap_or_default(),
            };
            self.find_all(traces::xmp(&bytes));
            if memchr::memmem::find(&bytes, b"pdf:Producer").is_some() {
                self.find(Found::Software);
            }
            if memchr::memmem::find(&bytes, b"DocumentID").is_some() {
                self.find(Found::Identifier);
            }
        } else {
            self.find(Found::Other);
        }
        Ok(())
    }

    /// What the trailer (7.5.5) tells.
    fn trailer(&mut self, trailer: &Dict) -> Step {
        if trailer.has(b"ID") {
            self.find(Found::Identifier);
        }
        let info = self.file.value(trailer, b"Info").unwrap_or_default();
        for key in info.as_dict().iter().flat_map(|info| info.0.keys()) {
            self.find(match &**key {
                b"Author" => Found::Person,
                b"Creator" | b"Producer" | b"PTEX.Fullbanner" => Found::Software,
                b"CreationDate" | b"ModDate" => Found::Time,
                b"Title" | b"Subject" | b"Keywords" => Found::Comment,
                _ => Found::Other,
            });
        }
        Ok(())
    }

    /// Earlier revisions, and objects that nothing shows.
    fn revisions(&mut self, data: &[u8]) {
        let ordinary = if is_linearised(data) { 2 } else { 1 };
        let marks = memchr::memmem::find_iter(data, b"startxref").count();
        if self.file.revisions > ordinary || marks > ordinary {
            self.find(Found::History);
        }
        // the table itself is never read as an object
        if self.file.used() > self.file.read() + 1 {
            self.find(Found::Other);
        }
        let end = memchr::memmem::rfind(data, b"%%EOF").map_or(data.len(), |at| at + 5);
        if !data.get(end..).unwrap_or_default().trim_ascii().is_empty() {
            self.find(Found::Trailing);
        }
    }

    /// Four numbers as a rectangle of left, bottom, right, top (7.9.5).
    pub(super) fn rectangle(&mut self, object: &Object) -> Result<Option<Vec<Object>>, Trouble> {
        let Some([left, bottom, right, top]) = self.numbers_of::<4>(object)? else {
            return Ok(None);
        };
        let order = |a: Decimal, b: Decimal| if a.value() <= b.value() { (a, b) } else { (b, a) };
        let ((left, right), (bottom, top)) = (order(left, right), order(bottom, top));
        if left == right || bottom == top {
            return Ok(None);
        }
        Ok(Some([left, bottom, right, top].map(Object::Number).to_vec()))
    }

    pub(super) fn numbers_of<const N: usize>(
        &mut self,
        object: &Object,
    ) -> Result<Option<[Decimal; N]>, Trouble> {
        let array = self.file.get(object)?;
        let mut numbers = [Decimal::default(); N];
        if array.items().len() < N {
            return Ok(None);
        }
        for (number, item) in numbers.iter_mut().zip(array.items()) {
            let Some(value) = self.file.get(item)?.as_number() else {
                return Ok(None);
            };
            *number = value;
        }
        Ok(Some(numbers))
    }

    /// An array of nothing but numbers, of any length.
    pub(super) fn number_list(&mut self, object: &Object) -> Result<Object, Trouble> {
        let Object::Array(array) = self.file.get(object)? else {
            return Ok(Object::Null);
        };
        if array.iter().all(|item| item.as_number().is_some()) {
            return Ok(Object::Array(array));
        }
        let mut items = Vec::with_capacity(array.len());
        for item in array.iter() {
            let number = self.file.get(item)?.as_number().unwrap_or_default();
            items.push(Object::Number(number));
        }
        Ok(Object::array(items))
    }

    /// Copies keys whose values are numbers, truth values, or arrays of numbers.
    pub(super) fn plain_keys(&mut self, from: &Dict, to: &mut Dict, keys: &[&[u8]]) -> Step {
        for key in keys {
            match self.file.value(from, key)? {
                value @ (Object::Number(_) | Object::Bool(_)) => to.set(key, value),
                array @ Object::Array(_) => {
                    let array = self.number_list(&array)?;
                    to.set(key, array);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything that was used by a stream of operators, as new resources.
    pub(super) fn finish_names(names: Names) -> Object {
        names.resources().object()
    }
}

/// A dictionary, or a stream's, to be kept.
pub(super) fn rc_dict(object: &Object) -> Option<Rc<Dict>> {
    match object {
        Object::Dict(dict) => Some(Rc::clone(dict)),
        Object::Stream(stream) => Some(Rc::new(stream.dict.clone())),
        _ => None,
    }
}

/// What remains in a document is what it says, shows and looks like.
pub(super) const REMAINS: [Remains; 3] = [Remains::Wording, Remains::Picture, Remains::Layout];
