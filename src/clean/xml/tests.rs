use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::clean::Limits;

const SPACES: &[Space] = &[
    Space { id: "a", prefix: "", uri: "urn:a", also: &["urn:a:old"], always: false },
    Space { id: "b", prefix: "b", uri: "urn:b", also: &[], always: false },
    Space { id: "c", prefix: "c", uri: "urn:c", also: &[], always: true },
];

/// Keeps what is called `k…`, unwraps `u…`, drops the rest; keeps attributes `k…`.
#[derive(Default)]
struct Plain {
    ended: usize,
}

impl Rules for Plain {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        element.attributes.retain(|attribute| attribute.name.local.starts_with('k'));
        if element.get("", "kprefix").is_some_and(|prefix| element.space_of(prefix) == "b") {
            element.set("", "kprefix", "b");
        }
        Ok(match element.name.local.get(..1) {
            Some("k") => Fate::Keep,
            Some("u") => Fate::Unwrap,
            _ => Fate::Drop,
        })
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        assert!(!path.is_empty());
        Ok(Some(text))
    }

    fn end(&mut self, _path: &[Open<'_>]) -> Result<(), Refusal> {
        self.ended += 1;
        Ok(())
    }
}

fn within(bytes: &[u8], limits: &Limits) -> Result<(String, BTreeSet<Found>), Refusal> {
    let text = decode(bytes, Kind::Svg)?;
    let rewritten = rewrite(&text, Kind::Svg, &mut Plain::default(), limits)?;
    Ok((String::from_utf8(rewritten.bytes.to_vec()).unwrap(), rewritten.found))
}

fn body(text: &str) -> String {
    let (written, _) = within(text.as_bytes(), &Limits::default()).unwrap();
    let declared =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<k xmlns=\"urn:a\" xmlns:c=\"urn:c\"";
    written.strip_prefix(declared).unwrap_or_else(|| panic!("{written}")).to_owned()
}

fn refused(text: &str) -> Refusal {
    within(text.as_bytes(), &Limits::default()).unwrap_err()
}

const DAMAGED: Refusal = Refusal::Damaged { kind: Kind::Svg };
const TOO_LARGE: Refusal = Refusal::TooLarge { kind: Kind::Svg };

#[test]
fn what_is_kept_is_written_in_one_way() {
    let text = "<?xml version='1.0'?><!-- by --><!DOCTYPE k><?pi x?>\n<x:k xmlns:x='urn:a' kb = 'a\"&#10;\n>' \
        ka=\"'\" d='1' x:kx='2'>a<!--c-->b<![CDATA[<&]]>&amp;&#xe9;\r\n<x:u>in</x:u><x:d>out<x:k/></x:d>\
        <x:k></x:k></x:k><!-- after -->\n";
    assert_eq!(body(text), " ka=\"'\" kb=\"a&quot;&#10; &gt;\">ab&lt;&amp;&amp;é\nin<k/></k>\n");
    assert!(within(text.as_bytes(), &Limits::default()).unwrap().1.contains(&Found::Comment));
}

#[test]
fn prefixes_say_nothing() {
    let one = "<k xmlns='urn:a' xmlns:q='urn:b'><q:k q:k='1' kprefix='q'/><k xmlns='urn:b'/></k>";
    let other = "<me:k xmlns:me='urn:a:old' xmlns:b='urn:x'><k k:k='1' kprefix='k' xmlns='urn:b' \
        xmlns:k='urn:b'/><b:k/><b:k xmlns:b='urn:b'/></me:k>";
    let (one, _) = within(one.as_bytes(), &Limits::default()).unwrap();
    let (other, _) = within(other.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(one, other);
    assert!(one.contains("<b:k kprefix=\"b\" b:k=\"1\"/><b:k/>"), "{one}");
    assert!(one.contains("xmlns:b=\"urn:b\""), "{one}");
}

#[test]
fn a_declaration_ends_with_its_element() {
    let text = "<k xmlns='urn:a'><d xmlns='urn:b' xmlns:z='urn:b'/><z:k/><k/></k>";
    assert_eq!(body(text), "><k/></k>\n");
}

#[test]
fn every_encoding_becomes_utf_8() {
    let text = "<k xmlns='urn:a'>가é</k>";
    let limits = Limits::default();
    let utf_8 = within(text.as_bytes(), &limits).unwrap().0;
    for bom in [true, false] {
        let units = || bom.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        let le: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        assert_eq!(within(&le, &limits).unwrap().0, utf_8);
        assert_eq!(within(&be, &limits).unwrap().0, utf_8);
    }
    let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><k xmlns='urn:a'>\xe9</k>";
    assert_eq!(within(latin, &limits).unwrap().0, body_of("é"));
    let korean = b"<?xml version=\"1.0\" encoding='euc-kr'?><k xmlns='urn:a'>\xb0\xa1</k>";
    assert_eq!(within(korean, &limits).unwrap().0, body_of("가"));
    assert_eq!(within(b"<k xmlns='urn:a'>\xe9</k>", &limits), Err(DAMAGED));
}

fn body_of(text: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<k xmlns=\"urn:a\" xmlns:c=\"urn:c\">{text}</k>\n"
    )
}

#[test]
fn short_entities_are_resolved_and_growing_ones_are_refused() {
    let declared = "<!DOCTYPE k PUBLIC '-//X' 'http://x' [<!ELEMENT k ANY><!ATTLIST k a CDATA 'b>'>\n\
        <!ENTITY ns 'urn:a'><!-- ' --> <!ENTITY t \"x>\"> ]>";
    assert_eq!(
        body(&format!("{declared}<k xmlns='&ns;' k='&t;'>&t;</k>")),
        " k=\"x&gt;\">x&gt;</k>\n"
    );
    let growing = "<!DOCTYPE k [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><k xmlns='urn:a'>&b;</k>";
    assert_eq!(refused(growing), DAMAGED);
    for subset in [
        "<!ENTITY a SYSTEM 'file:///etc/passwd'>",
        "<!ENTITY % p 'x'> %p;",
        "%p;",
        "<!ENTITY a '<k/>'>",
    ] {
        assert_eq!(refused(&format!("<!DOCTYPE k [{subset}]><k xmlns='urn:a'/>")), DAMAGED);
    }
    let many = format!(
        "<!DOCTYPE k [<!ENTITY a '{}'>]><k xmlns='urn:a'>{}</k>",
        "a".repeat(200),
        "&a;".repeat(10_000)
    );
    assert_eq!(refused(&many), DAMAGED);
    assert_eq!(body("<k xmlns='urn:a'>&nbsp;</k>"), ">\u{a0}</k>\n");
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        "text",
        "<k xmlns='urn:a'>",
        "<k xmlns='urn:a'></d>",
        "<k xmlns='urn:a'/><k xmlns='urn:a'/>",
        "<k xmlns='urn:a'/>after",
        "<k xmlns='urn:a' k='1' k='2'/>",
        "<k xmlns='urn:a' k=1/>",
        "<k xmlns='urn:a' k/>",
        "<k xmlns='urn:a'>&unknown;</k>",
        "<k xmlns='urn:a'>&#0;</k>",
        "<k xmlns='urn:a'>\u{1}</k>",
        "<k xmlns='urn:a'>\u{ffff}</k>",
        "<d xmlns='urn:a'/>",
        "<u xmlns='urn:a'/>",
        "<u xmlns='urn:a'><k/><k/></u>",
        "<k xmlns='urn:other'/>",
        "<k/>",
        "</k>",
    ] {
        assert_eq!(refused(text), DAMAGED, "{text}");
    }
}

#[test]
fn depth_elements_attributes_and_declarations_are_counted() {
    let deep = |depth: usize, name: &str| {
        let (open, close) = (format!("<{name}>").repeat(depth), format!("</{name}>").repeat(depth));
        format!("<k xmlns='urn:a'>{open}{close}</k>")
    };
    assert!(within(deep(127, "k").as_bytes(), &Limits::default()).is_ok());
    for name in ["k", "u", "d"] {
        assert_eq!(refused(&deep(128, name)), TOO_LARGE);
    }
    let limits = Limits { parts: 3, ..Limits::default() };
    assert!(within(b"<k xmlns='urn:a'><k/><d/></k>", &limits).is_ok());
    assert_eq!(within(b"<k xmlns='urn:a'><k/><d><d/></d></k>", &limits), Err(TOO_LARGE));
    let (mut attributes, mut declarations) = (String::new(), String::new());
    for n in 0..600 {
        write!(attributes, " k{n}=''").unwrap();
        write!(declarations, " xmlns:k{n}='urn:b'").unwrap();
    }
    assert_eq!(refused(&format!("<k xmlns='urn:a'{attributes}/>")), TOO_LARGE);
    assert_eq!(refused(&format!("<k xmlns='urn:a'{declarations}/>")), TOO_LARGE);
}

/// Documents that are well-formed, of names that are kept, unwrapped and dropped.
fn documents() -> impl Strategy<Value = String> {
    let text = "[a-z &<>\"'\r\n\t가😀]{0,8}".prop_map(|text| {
        let mut out = String::new();
        escape::value(&mut out, &text);
        out
    });
    let leaf =
        prop_oneof![text.clone(), Just("<!-- c -->".to_owned()), Just("<![CDATA[<]]>".into())];
    let name = prop_oneof![Just("k"), Just("u"), Just("d"), Just("b:k"), Just("no:k"), Just("k1")];
    let element = leaf.prop_recursive(5, 40, 5, move |inner| {
        (name.clone(), text.clone(), proptest::collection::vec(inner, 0..5)).prop_map(
            |(name, value, inner)| {
                format!("<{name} k=\"{value}\" b:k=\"{value}\" d=''>{}</{name}>", inner.concat())
            },
        )
    });
    proptest::collection::vec(element, 0..4).prop_map(|inner| {
        format!("<k xmlns='urn:a' xmlns:b='urn:b' xmlns:no='urn:no'>{}</k>", inner.concat())
    })
}

proptest! {
    #[test]
    fn rewriting_twice_is_rewriting_once(text in documents()) {
        let (once, _) = within(text.as_bytes(), &Limits::default()).unwrap();
        let (twice, found) = within(once.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&once, &twice);
        prop_assert!(found.is_empty());
        for gone in ["<u", "<d", "d=", "<!", "no:"] {
            prop_assert!(!once.contains(gone), "{} in {}", gone, once);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in documents(), cuts in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = text.into_bytes();
        for (at, byte) in cuts {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok((written, _)) = within(&bytes, &Limits::default()) {
            prop_assert!(written.len() <= 6 * bytes.len() + 200);
            prop_assert_eq!(&within(written.as_bytes(), &Limits::default()).unwrap().0, &written);
        }
    }
}
