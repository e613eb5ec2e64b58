use std::io::Cursor;

use proptest::prelude::*;

use super::{
    page::{BEGINS, CONTINUED, ENDS},
    *,
};
use crate::clean::Limits;

const CANARY: &[u8] = b"CANARY-8d1f";

/// One stream's pages, as a muxer with the number `serial` writes them.
struct Muxer(Writer, Vec<u8>);

impl Muxer {
    fn new(serial: u32) -> Self {
        Self(Writer { serial, sequence: 7 }, Vec::new())
    }

    /// A page of whole packets, shorter than 255 bytes each.
    fn page(mut self, flags: u8, position: u64, packets: &[&[u8]]) -> Self {
        let segments: Vec<u8> =
            packets.iter().map(|packet| u8::try_from(packet.len()).unwrap()).collect();
        let body = packets.concat();
        let page =
            Page { flags, position, serial: self.0.serial, segments: &segments, body: &body };
        self.1.extend(page.write(&mut self.0));
        self.1.extend(body);
        self
    }

    fn headers(mut self, packets: &[&[u8]]) -> Self {
        self.1.extend(self.0.headers(&packets[..1], true));
        self.1.extend(self.0.headers(&packets[1..], false));
        self
    }
}

fn text(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text].concat()
}

fn comments(vendor: &[u8], field: &[u8]) -> Vec<u8> {
    [text(vendor), vec![1, 0, 0, 0], text(field)].concat()
}

fn opus_head(rate: u8) -> Vec<u8> {
    [b"OpusHead\x01\x02\x38\x01".as_slice(), &[rate; 4], &[9, 0, 0]].concat()
}

/// Two pages of two packets of 20 ms.
fn opus_sound(muxer: Muxer, begin: u64) -> Muxer {
    let packet: &[&[u8]] = &[b"\xfc\x01first", b"\xfc\x02second"];
    muxer.page(0, begin + 1920, packet).page(ENDS, begin + 3700, packet)
}

fn opus(serial: u32, rate: u8, vendor: &[u8], field: &[u8], begin: u64) -> Vec<u8> {
    let tags = [b"OpusTags", comments(vendor, field).as_slice()].concat();
    opus_sound(Muxer::new(serial).headers(&[&opus_head(rate), &tags]), begin).1
}

/// What it becomes, as the `link`th stream.
fn plain(link: u32) -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\x09\0\0";
    let mut muxer = Muxer::new(link);
    muxer.0.sequence = 0;
    opus_sound(muxer.headers(&[head, b"OpusTags\0\0\0\0\0\0\0\0"]), 0).1
}

fn vorbis(rates: u8, field: &[u8]) -> Vec<u8> {
    let head =
        [b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0".as_slice(), &[rates; 12], b"\xb8\x01"].concat();
    let tags = [b"\x03vorbis".as_slice(), &comments(b"Xiph.Org libVorbis I 20200704", field), &[1]]
        .concat();
    let setup = [b"\x05vorbis".as_slice(), &[0x42; 3000]].concat();
    Muxer::new(77)
        .headers(&[&head, &tags, &setup])
        .page(0, 1000, &[b"a", b"b"])
        .page(ENDS, 1500, &[b"c"])
        .1
}

fn flac(md5: u8, last: &[u8]) -> Vec<u8> {
    let info =
        [&[16, 0, 16, 0, 0, 0, 9, 0, 0, 9, 10, 196, 64, 240, 0, 0, 3, 3], [md5; 16].as_slice()]
            .concat();
    let head = [b"\x7fFLAC\x01\0\0\x02fLaC\0\0\0\x22".as_slice(), &info].concat();
    let tags = [b"\x04\0\0\x30".as_slice(), &comments(b"v", b"artist=x")].concat();
    Muxer::new(5).headers(&[&head, &tags, last]).page(ENDS, 96, &[b"\xff\xf8 a frame"]).1
}

fn speex(version: u8, extra: u8) -> Vec<u8> {
    let mut head = [b"Speex   ".as_slice(), &[version; 20]].concat();
    for number in [1, 80, 8000, 0, 4, 1, u32::MAX, 160, 0, 1, extra.into(), version.into(), 0_u32] {
        head.extend(number.to_le_bytes());
    }
    Muxer::new(5).headers(&[&head, &comments(b"v", b"artist=x")]).page(ENDS, 160, &[b"speech"]).1
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn refusal(bytes: &[u8]) -> Refusal {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

#[test]
fn what_is_clean_stays() {
    assert_eq!(cleaned(&plain(1)).unwrap(), (plain(1), BTreeSet::new()));
}

#[test]
fn comments_numbers_and_times_make_no_difference() {
    for (field, found) in [
        (b"artist=CANARY-8d1f".as_slice(), Found::Person),
        (b"DATE=CANARY-8d1f", Found::Time),
        (b"METADATA_BLOCK_PICTURE=CANARY-8d1f", Found::Preview),
        (b"Location=CANARY-8d1f", Found::Location),
        (b"CANARY-8d1f", Found::Comment),
    ] {
        let (output, told) =
            cleaned(&opus(0x1234_5678, 0x55, CANARY, field, 48_000 * 3600)).unwrap();
        assert_eq!(output, plain(1));
        assert_eq!(told, [Found::Software, found].into());
    }
    let long = [b"x=".as_slice(), &b"CANARY-8d1f".repeat(20_000)].concat();
    assert_eq!(cleaned(&opus(2, 0, b"", &long, 0)).unwrap().0, plain(1));
}

#[test]
fn every_codec_keeps_what_decoding_needs_and_nothing_else() {
    let (output, told) = cleaned(&vorbis(0x33, b"artist=CANARY")).unwrap();
    assert_eq!(output, cleaned(&vorbis(0x44, b"x=another")).unwrap().0);
    assert_eq!(told, [Found::Software, Found::Person].into());
    assert!(
        has(&output, &[0x42; 3000][..255]) && !has(&output, b"CANARY") && !has(&output, b"Xiph")
    );
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));

    for last in [
        b"\x81\0\0\x02\0\0".as_slice(),
        b"\x86\0\0\x0bCANARY-8d1f",
        b"\x82\0\0\x0bCANARY-8d1f",
        b"\x01\0\0\x01 ",
    ] {
        let (output, _) = cleaned(&flac(0x33, last)).unwrap();
        assert_eq!(output, cleaned(&flac(0x44, b"\x81\0\0\x02\0\0")).unwrap().0);
        assert!(has(&output, b"\x84\0\0\x08\0\0\0\0\0\0\0\0"));
        assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    }

    let (output, _) = cleaned(&speex(0x33, 0)).unwrap();
    assert_eq!(output, cleaned(&speex(0x44, 0)).unwrap().0);
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    assert_eq!(refusal(&speex(0, 1)), Refusal::Damaged { kind: Kind::Ogg });
}

#[test]
fn a_chain_of_streams_is_kept() {
    let chain = [opus(9, 1, b"a", b"b", 0), opus(9, 2, b"c", b"d", 5000)].concat();
    assert_eq!(cleaned(&chain).unwrap().0, [plain(1), plain(2)].concat());
}

#[test]
fn everything_else_is_dropped() {
    let skeleton = Muxer::new(3).page(BEGINS, 0, &[b"fishead\0CANARY-8d1f"]);
    let bone = Muxer::new(3).page(0, 0, &[CANARY]).1;
    let mut broken = bone.clone();
    broken[40 - 12] ^= 1;
    let file = opus(4, 0, b"", b"", 0);
    let first = 27 + 1 + 19;
    for (dirty, found) in [
        ([skeleton.1.clone(), file.clone()].concat(), Found::Other),
        ([&file[..first], &bone, &file[first..]].concat(), Found::Other),
        ([&file[..first], &broken, &file[first..]].concat(), Found::Other),
        ([&file[..first], CANARY, &file[first..]].concat(), Found::Other),
        ([&file, CANARY].concat(), Found::Trailing),
        ([file.clone(), Muxer::new(4).page(0, 9, &[CANARY]).1].concat(), Found::Trailing),
    ] {
        let (output, told) = cleaned(&dirty).unwrap();
        assert_eq!(output, plain(1), "{told:?}");
        assert!(told.contains(&found));
    }
    let zeros = [file.as_slice(), &[0; 99]].concat();
    assert_eq!(cleaned(&zeros).unwrap().0, plain(1));
}

#[test]
fn what_is_not_known_is_refused() {
    let unsupported = Refusal::Unsupported { kind: Kind::Ogg };
    let damaged = Refusal::Damaged { kind: Kind::Ogg };
    let begin = |packet: &[u8]| Muxer::new(1).page(BEGINS, 0, &[packet]).1;
    assert_eq!(refusal(&begin(b"\x80theora\x03\x02\x01")), unsupported);
    assert_eq!(refusal(&begin(b"\x80kate\0\0\0")), unsupported);
    assert_eq!(refusal(&begin(b"OpusHead\xff")), damaged);
    assert_eq!(refusal(&begin(&opus_head(0))), damaged);
    assert_eq!(refusal(b"OggS"), damaged);
    let two = [begin(&opus_head(0)), opus(2, 0, b"", b"", 0)].concat();
    assert_eq!(refusal(&two), unsupported);
    let many = b"OggS\0".repeat(300);
    assert_eq!(refusal(&[opus(2, 0, b"", b"", 0), many].concat()), damaged);
}

#[test]
fn a_packet_may_go_on_on_the_next_page() {
    let packet = [b"\xfc".as_slice(), &[7; 600]].concat();
    let page = |flags, position, segments: &[u8], body: &[u8], serial| {
        let page = Page { flags, position, serial, segments, body };
        [page.write(&mut Writer { serial, sequence: u32::from(flags) + 1 }), body.to_vec()].concat()
    };
    let sound = |serial, begin: u64| {
        [
            page(0, NOWHERE, &[255, 255], &packet[..510], serial),
            page(CONTINUED, begin + 960, &[91], &packet[510..], serial),
        ]
        .concat()
    };
    let head = plain(1)[..plain(1).len() - opus_sound(Muxer::new(1), 0).1.len()].to_vec();
    let (output, _) = cleaned(&[head.clone(), sound(1, 123_456)].concat()).unwrap();
    let (other, _) = cleaned(&[head, sound(1, 0)].concat()).unwrap();
    assert_eq!(output, other);
    assert!(has(&output, &packet[..510]) && has(&output, &packet[510..]));
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        serial in any::<u32>(),
        rate in any::<u8>(),
        vendor in "[ -~]{0,400}",
        field in "[ -~]{0,400}",
        begin in 0..1_u64 << 50,
    ) {
        let file = opus(serial, rate, vendor.as_bytes(), field.as_bytes(), begin);
        prop_assert_eq!(cleaned(&file).unwrap().0, plain(1));
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
        which in 0..4_usize,
    ) {
        let mut file = match which {
            0 => [opus(1, 1, b"v", b"x=y", 99), opus(2, 2, b"", b"z", 0)].concat(),
            1 => vorbis(3, b"x"),
            2 => flac(3, b"\x81\0\0\x02\0\0"),
            _ => speex(3, 0),
        };
        for (at, byte) in changes {
            let at = at.index(file.len() - 4) + 4;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 4) / 4);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 100);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_packet_panics(
        kind in 0..4_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        flags in 0..8_u8,
        position in any::<u64>(),
    ) {
        let name: &[u8] = [b"\x01vorbis".as_slice(), b"OpusHead", b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22", b"Speex   "][kind];
        let first = [name, &bytes].concat();
        let file = Muxer::new(1).page(BEGINS, 0, &[&first]).page(flags, position, &[&bytes, &first]);
        let _ = cleaned(&file.page(flags, position, &[&bytes]).1);
        let _ = cleaned(&[b"OggS\0".as_slice(), &bytes].concat());
    }
}

#[test]
fn a_negative_position_is_none() {
    let file = |position: u64| {
        let tags = [b"OpusTags", comments(b"v", b"a=b").as_slice()].concat();
        let muxer = Muxer::new(3).headers(&[&opus_head(1), &tags]);
        opus_sound(muxer.page(0, position, &[b"\xfc\x01first"]), 0).1
    };
    let nowhere = cleaned(&file(NOWHERE)).unwrap().0;
    for position in [1 << 63, u64::from_be_bytes(*b"\xffCANARY-"), NOWHERE - 1] {
        assert_eq!(cleaned(&file(position)).unwrap().0, nowhere, "{position:x}");
    }
}
