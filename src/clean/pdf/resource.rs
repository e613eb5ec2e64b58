//! What operators use beside fonts and images: forms, patterns, shadings, graphics states, colour spaces, functions.
//!
//! | part | what becomes of it |
//! |---|---|
//! | ICCBased, CalGray, CalRGB | the device's space of as many components; profiles are gone |
//! | Lab, Indexed, Separation, DeviceN, Pattern | written anew; colorants have no names but None, All and the process colours |
//! | Default spaces, black generation, halftones | dropped |
//! | functions, shadings, patterns, forms, graphics states, soft masks | written anew from the keys that rendering needs |

use std::rc::Rc;

use super::{
    content::{Category, calculator, is_intent},
    document::{KIND, Role, Step, Walk, rc_dict},
    file::Trouble,
    object::{Dict, Object, Stream},
};
use crate::clean::{Found, Refusal};

/// How deep colour spaces may lie in each other: an image's Indexed of a Separation of Lab.
const MOST_SPACES: u32 = 6;
/// DeviceN has at most 32 colorants (annex C).
const MOST_COLORANTS: usize = 32;

impl Walk<'_, '_> {
    /// What `value` becomes as a resource; none if it is none of its category, or is not shown.
    pub(super) fn resource(
        &mut self,
        category: Category,
        value: &Object,
        source: &Rc<Dict>,
    ) -> Result<Option<Object>, Trouble> {
        let object = self.file.get(value)?;
        if category == Category::Space {
            return self.space(value);
        }
        let Some(dict) = object.as_dict() else {
            return Ok(None);
        };
        let role = match category {
            Category::Font => Role::Font,
            Category::State => Role::State,
            Category::Pattern => match (self.file.value(dict, b"PatternType")?.as_u32(), &object) {
                (Some(1), Object::Stream(_)) | (Some(2), _) => Role::Pattern,
                _ => return Ok(None),
            },
            Category::Shading => Role::Shading,
            Category::XObject | Category::Space => {
                let layer = dict.get(b"OC").clone();
                if !matches!(object, Object::Stream(_))
                    || (layer != Object::Null && !self.is_visible(&layer)?)
                {
                    return Ok(None);
                }
                match self.file.value(dict, b"Subtype")?.as_name() {
                    Some(b"Form") => Role::Form,
                    Some(b"Image") => Role::Image,
                    _ => return Ok(None),
                }
            }
        };
        let context = self.context(role, value, source)?;
        Ok(Some(self.refer(role, value, &context)))
    }

    /// The resources of `dict`, or those it is given.
    fn own_resources(&mut self, dict: &Dict, context: &Rc<Dict>) -> Result<Rc<Dict>, Trouble> {
        let own = self.file.value(dict, b"Resources")?;
        Ok(rc_dict(&own).unwrap_or_else(|| Rc::clone(context)))
    }

    /// A stream of operators and its resources, into `dict`.
    pub(super) fn put_content(
        &mut self,
        number: u32,
        mut dict: Dict,
        stream: &Stream,
        context: &Rc<Dict>,
    ) -> Step {
        let resources = self.own_resources(&stream.dict, context)?;
        let data = self.file.decoded(stream)?;
        let (bytes, names) = self.content(&data, resources)?;
        dict.set(b"Resources", Self::finish_names(names));
        self.out.put_deflated(number, dict, &bytes)?;
        Ok(())
    }

    pub(super) fn form(&mut self, number: u32, object: &Object, context: &Rc<Dict>) -> Step {
        let Object::Stream(stream) = object else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        self.metadata(&stream.dict)?;
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"XObject"));
        dict.set(b"Subtype", Object::name(b"Form"));
        self.plain_keys(&stream.dict, &mut dict, &[b"BBox", b"Matrix"])?;
        let group = self.file.value(&stream.dict, b"Group")?;
        dict.set(b"Group", self.group(&group)?);
        self.put_content(number, dict, stream, context)
    }

    /// A transparency group's attributes (11.6.6).
    pub(super) fn group(&mut self, group: &Object) -> Result<Object, Trouble> {
        let Some(from) = group.as_dict() else {
            return Ok(Object::Null);
        };
        let mut dict = Dict::default();
        dict.set(b"S", Object::name(b"Transparency"));
        let space = from.get(b"CS").clone();
        dict.set(b"CS", self.space(&space)?.unwrap_or_default());
        self.plain_keys(from, &mut dict, &[b"I", b"K"])?;
        Ok(dict.object())
    }

    pub(super) fn pattern(&mut self, number: u32, object: &Object, context: &Rc<Dict>) -> Step {
        let Some(from) = object.as_dict() else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        self.metadata(from)?;
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"Pattern"));
        self.plain_keys(from, &mut dict, &[b"PatternType", b"Matrix"])?;
        if let Object::Stream(stream) = object {
            let keys: [&[u8]; 5] = [b"PaintType", b"TilingType", b"BBox", b"XStep", b"YStep"];
            self.plain_keys(from, &mut dict, &keys)?;
            return self.put_content(number, dict, stream, context);
        }
        let shading = from.get(b"Shading").clone();
        if self.file.get(&shading)?.as_dict().is_some() {
            let empty = Rc::clone(&self.empty);
            dict.set(b"Shading", self.refer(Role::Shading, &shading, &empty));
        }
        self.out.put(number, &dict.object())?;
        Ok(())
    }

    pub(super) fn shading(&mut self, number: u32, object: &Object) -> Step {
        let Some(from) = object.as_dict() else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        let mut dict = Dict::default();
        let keys: [&[u8]; 13] = [
            b"ShadingType",
            b"Background",
            b"BBox",
            b"AntiAlias",
            b"Domain",
            b"Matrix",
            b"Coords",
            b"BitsPerCoordinate",
            b"BitsPerComponent",
            b"BitsPerFlag",
            b"Decode",
            b"VerticesPerRow",
            b"Type",
        ];
        self.plain_keys(from, &mut dict, &keys)?;
        if let Object::Array(extend) = self.file.value(from, b"Extend")? {
            let both = [extend.first(), extend.get(1)];
            let both = both.map(|value| Object::Bool(value == Some(&Object::Bool(true))));
            dict.set(b"Extend", Object::array(both.to_vec()));
        }
        let space = from.get(b"ColorSpace").clone();
        dict.set(b"ColorSpace", self.space(&space)?.unwrap_or_default());
        let function = from.get(b"Function").clone();
        dict.set(b"Function", self.functions(&function)?);
        // of the other types a stream's data is not looked at
        let mesh = matches!(dict.get(b"ShadingType").as_u32(), Some(4..=7));
        if let (Object::Stream(stream), true) = (object, mesh) {
            let data = self.file.decoded(stream)?;
            self.out.put_deflated(number, dict, &data)?;
        } else {
            self.out.put(number, &dict.object())?;
        }
        Ok(())
    }

    /// A graphics state (8.4.5).
    pub(super) fn state(&mut self, number: u32, object: &Object, context: &Rc<Dict>) -> Step {
        let Some(from) = object.as_dict() else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        let mut dict = Dict::default();
        let keys: [&[u8]; 14] = [
            b"LW", b"LC", b"LJ", b"ML", b"OP", b"op", b"OPM", b"FL", b"SM", b"SA", b"CA", b"ca",
            b"AIS", b"TK",
        ];
        self.plain_keys(from, &mut dict, &keys)?;
        if let [dashes, phase, ..] = self.file.value(from, b"D")?.items() {
            let pair = [self.number_list(dashes)?, self.file.get(phase)?];
            if let [Object::Array(_), Object::Number(_)] = &pair {
                dict.set(b"D", Object::array(pair.to_vec()));
            }
        }
        if let Object::Name(name) = self.file.value(from, b"RI")?
            && is_intent(&name)
        {
            dict.set(b"RI", Object::Name(name));
        }
        if let [font, size, ..] = self.file.value(from, b"Font")?.items() {
            let font = self.resource(Category::Font, font, context)?;
            if let (Some(font), size @ Object::Number(_)) = (font, self.file.get(size)?) {
                dict.set(b"Font", Object::array(vec![font, size]));
            }
        }
        let mode = self.file.value(from, b"BM")?;
        let modes =
            if mode.as_name().is_some() { std::slice::from_ref(&mode) } else { mode.items() };
        if let Some(mode) = modes.iter().find(|mode| mode.as_name().is_some_and(is_blend_mode)) {
            dict.set(b"BM", mode.clone());
        }
        for key in [b"TR".as_slice(), b"TR2"] {
            let transfer = from.get(key).clone();
            dict.set(key, self.functions(&transfer)?);
        }
        let mask = self.file.value(from, b"SMask")?;
        dict.set(b"SMask", self.soft_mask(&mask, context)?);
        self.out.put(number, &dict.object())?;
        Ok(())
    }

    /// A soft-mask dictionary (11.6.5.2).
    fn soft_mask(&mut self, mask: &Object, context: &Rc<Dict>) -> Result<Object, Trouble> {
        let Some(from) = mask.as_dict() else {
            return Ok(if mask.is_name(b"None") { mask.clone() } else { Object::Null });
        };
        let group = from.get(b"G").clone();
        if !matches!(self.file.get(&group)?, Object::Stream(_)) {
            return Ok(Object::Null);
        }
        let mut dict = Dict::default();
        let luminosity = self.file.value(from, b"S")?.is_name(b"Luminosity");
        let kind: &[u8] = if luminosity { b"Luminosity" } else { b"Alpha" };
        dict.set(b"S", Object::name(kind));
        let context = self.context(Role::Form, &group, context)?;
        dict.set(b"G", self.refer(Role::Form, &group, &context));
        self.plain_keys(from, &mut dict, &[b"BC"])?;
        let transfer = from.get(b"TR").clone();
        dict.set(b"TR", self.functions(&transfer)?);
        Ok(dict.object())
    }

    /// One function, several, or a name that stands for one.
    fn functions(&mut self, value: &Object) -> Result<Object, Trouble> {
        let empty = Rc::clone(&self.empty);
        Ok(match self.file.get(value)? {
            Object::Name(name) if matches!(&*name, b"Identity" | b"Default") => Object::Name(name),
            Object::Dict(_) | Object::Stream(_) => self.refer(Role::Function, value, &empty),
            Object::Array(items) if items.len() <= MOST_COLORANTS => {
                let mut list = Vec::new();
                for item in items.iter() {
                    list.push(match self.file.get(item)? {
                        Object::Name(name) if &*name == b"Identity" => Object::Name(name),
                        Object::Dict(_) | Object::Stream(_) => {
                            self.refer(Role::Function, item, &empty)
                        }
                        _ => return Ok(Object::Null),
                    });
                }
                Object::array(list)
            }
            _ => Object::Null,
        })
    }

    pub(super) fn function(&mut self, number: u32, object: &Object) -> Step {
        let Some(from) = object.as_dict() else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        let mut dict = Dict::default();
        let kind = self.file.value(from, b"FunctionType")?.as_u32();
        let keys: [&[u8]; 3] = [b"FunctionType", b"Domain", b"Range"];
        self.plain_keys(from, &mut dict, &keys)?;
        match (kind, object) {
            (Some(0), Object::Stream(stream)) => {
                let keys: [&[u8]; 5] = [b"Size", b"BitsPerSample", b"Order", b"Encode", b"Decode"];
                self.plain_keys(from, &mut dict, &keys)?;
                let data = self.file.decoded(stream)?;
                let len = samples_len(&dict).unwrap_or(data.len());
                let data = data.get(..len).unwrap_or(&data);
                self.out.put_deflated(number, dict, data)?;
            }
            (Some(2), _) => {
                self.plain_keys(from, &mut dict, &[b"C0", b"C1", b"N"])?;
                self.out.put(number, &dict.object())?;
            }
            (Some(3), _) => {
                self.plain_keys(from, &mut dict, &[b"Bounds", b"Encode"])?;
                let parts = self.file.value(from, b"Functions")?;
                let mut list = Vec::new();
                let empty = Rc::clone(&self.empty);
                for part in parts.items() {
                    if self.file.get(part)?.as_dict().is_some() {
                        list.push(self.refer(Role::Function, part, &empty));
                    }
                }
                dict.set(b"Functions", Object::array(list));
                self.out.put(number, &dict.object())?;
            }
            (Some(4), Object::Stream(stream)) => {
                let data = self.file.decoded(stream)?;
                self.out.put_deflated(number, dict, &calculator(&data))?;
            }
            _ => self.out.put(number, &Object::Null)?,
        }
        Ok(())
    }

    /// A colour space; none if it is none.
    pub(super) fn space(&mut self, value: &Object) -> Result<Option<Object>, Trouble> {
        self.space_within(value, MOST_SPACES)
    }

    fn space_within(&mut self, value: &Object, depth: u32) -> Result<Option<Object>, Trouble> {
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(None);
        };
        let object = self.file.get(value)?;
        let items = match &object {
            Object::Name(name) => return Ok(device_space(name).map(Object::name)),
            Object::Array(items) => items,
            _ => return Ok(None),
        };
        let [family, operands @ ..] = &**items else {
            return Ok(None);
        };
        let family = self.file.get(family)?;
        let family = family.as_name().unwrap_or_default();
        match (family, operands) {
            (b"Pattern", []) => Ok(Some(Object::name(b"Pattern"))),
            (b"CalGray", _) => Ok(self.profile(1)),
            (b"CalRGB", _) => Ok(self.profile(3)),
            (b"CalCMYK", _) => Ok(self.profile(4)),
            (b"ICCBased", [profile, ..]) => self.icc(profile, depth),
            (b"Lab", [lab, ..]) => {
                let lab = self.file.get(lab)?;
                let mut dict = Dict::default();
                if let Some(from) = lab.as_dict() {
                    self.plain_keys(from, &mut dict, &[b"WhitePoint", b"Range"])?;
                }
                Ok(Some(Object::array(vec![Object::name(b"Lab"), dict.object()])))
            }
            (b"Indexed" | b"I" | b"Separation" | b"DeviceN" | b"Pattern", _) => {
                if matches!(value, Object::Ref(_)) {
                    let empty = Rc::clone(&self.empty);
                    return Ok(Some(self.refer(Role::Space, value, &empty)));
                }
                self.special_space(family, operands, depth)
            }
            (name, _) => Ok(device_space(name).map(Object::name)),
        }
    }

    pub(super) fn space_object(&mut self, number: u32, object: &Object) -> Step {
        let space = self.space(object)?.unwrap_or_default();
        self.out.put(number, &space)?;
        Ok(())
    }

    fn special_space(
        &mut self,
        family: &[u8],
        operands: &[Object],
        depth: u32,
    ) -> Result<Option<Object>, Trouble> {
        let mut list = Vec::new();
        match (family, operands) {
            (b"Pattern", [base, ..]) => {
                let base = self.space_within(base, depth)?;
                list.push(Object::name(b"Pattern"));
                list.extend(base);
            }
            (b"Indexed" | b"I", [base, highest, table, ..]) => {
                let count = self.components(base)?;
                let (Some(base), Some(highest), Some(count)) =
                    (self.space_within(base, depth)?, self.file.get(highest)?.as_usize(), count)
                else {
                    return Ok(None);
                };
                let highest = highest.min(255);
                let table = match self.file.get(table)? {
                    Object::String(table) => table.to_vec(),
                    Object::Stream(stream) => self.file.decoded(&stream)?.to_vec(),
                    _ => return Ok(None),
                };
                let table = table.get(..(highest + 1) * count).unwrap_or(&table);
                list.extend([Object::name(b"Indexed"), base, Object::int(highest)]);
                list.push(Object::String(table.into()));
            }
            (b"Separation", [name, base, tint, ..]) => {
                let name = self.file.get(name)?;
                let name = colorant(&name, 0);
                let Some(base) = self.space_within(base, depth)? else {
                    return Ok(None);
                };
                list.extend([Object::name(b"Separation"), name, base, self.functions(tint)?]);
            }
            (b"DeviceN", [names, base, tint, ..]) => {
                let names = self.file.get(names)?;
                let count = names.items().len();
                let Some(base) =
                    self.space_within(base, depth)?.filter(|_| count <= MOST_COLORANTS)
                else {
                    return Ok(None);
                };
                let names =
                    names.items().iter().enumerate().map(|(index, name)| colorant(name, index));
                let names = Object::array(names.collect());
                list.extend([Object::name(b"DeviceN"), names, base, self.functions(tint)?]);
            }
            _ => return Ok(None),
        }
        Ok(Some(Object::array(list)))
    }

    /// A device's space in place of a profile.
    fn profile(&mut self, components: usize) -> Option<Object> {
        self.find(Found::ColourProfile);
        Some(Object::name(match components {
            1 => b"DeviceGray".as_slice(),
            3 => b"DeviceRGB",
            4 => b"DeviceCMYK",
            _ => return None,
        }))
    }

    fn icc(&mut self, profile: &Object, depth: u32) -> Result<Option<Object>, Trouble> {
        let profile = self.file.get(profile)?;
        let Some(dict) = profile.as_dict() else {
            return Ok(None);
        };
        self.metadata(dict)?;
        let alternate = self.file.value(dict, b"Alternate")?;
        if alternate.items().first().is_some_and(|family| family.is_name(b"Lab")) {
            self.find(Found::ColourProfile);
            return self.space_within(&alternate, depth);
        }
        let count = self.file.value(dict, b"N")?.as_usize().unwrap_or(0);
        Ok(self.profile(count))
    }

    /// How many components a colour has; none if that cannot be said.
    pub(super) fn components(&mut self, space: &Object) -> Result<Option<usize>, Trouble> {
        let object = self.file.get(space)?;
        let family = match &object {
            Object::Array(items) => self.file.get(items.first().unwrap_or(&Object::Null))?,
            other => other.clone(),
        };
        let operand = object.items().get(1).cloned().unwrap_or_default();
        Ok(match family.as_name().unwrap_or_default() {
            b"DeviceGray" | b"CalGray" | b"G" | b"Indexed" | b"I" | b"Separation" => Some(1),
            b"DeviceRGB" | b"CalRGB" | b"RGB" | b"Lab" => Some(3),
            b"DeviceCMYK" | b"CMYK" | b"CalCMYK" => Some(4),
            b"ICCBased" => match self.file.get(&operand)?.as_dict() {
                Some(dict) => self.file.value(dict, b"N")?.as_usize().filter(|n| *n <= 4),
                None => None,
            },
            b"DeviceN" => Some(self.file.get(&operand)?.items().len()).filter(|n| *n <= 32),
            _ => None,
        })
    }
}

fn device_space(name: &[u8]) -> Option<&'static [u8]> {
    Some(match name {
        b"DeviceGray" | b"G" | b"CalGray" => b"DeviceGray",
        b"DeviceRGB" | b"RGB" | b"CalRGB" => b"DeviceRGB",
        b"DeviceCMYK" | b"CMYK" | b"CalCMYK" => b"DeviceCMYK",
        b"Pattern" => b"Pattern",
        _ => return None,
    })
}

/// Names that mean something to a renderer (8.6.6.4); others are free text.
fn colorant(name: &Object, index: usize) -> Object {
    match name.as_name() {
        Some(b"All" | b"None" | b"Cyan" | b"Magenta" | b"Yellow" | b"Black") => name.clone(),
        _ => Object::name(format!("Spot{index}").as_bytes()),
    }
}

fn is_blend_mode(name: &[u8]) -> bool {
    matches!(
        name,
        b"Normal"
            | b"Compatible"
            | b"Multiply"
            | b"Screen"
            | b"Overlay"
            | b"Darken"
            | b"Lighten"
            | b"ColorDodge"
            | b"ColorBurn"
            | b"HardLight"
            | b"SoftLight"
            | b"Difference"
            | b"Exclusion"
            | b"Hue"
            | b"Saturation"
            | b"Color"
            | b"Luminosity"
    )
}

/// Bytes of a sampled function's table (7.10.2).
fn samples_len(dict: &Dict) -> Option<usize> {
    let mut bits = dict.get(b"BitsPerSample").as_usize()?;
    bits = bits.checked_mul(dict.get(b"Range").items().len() / 2)?;
    for size in dict.get(b"Size").items() {
        bits = bits.checked_mul(size.as_usize()?)?;
    }
    Some(bits.div_ceil(8))
}
