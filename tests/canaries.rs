//! Invariant: no plaintext of a tip on any disk, in any log, mail or response but the source's own.
//!
//! A request carries a different canary in every place that a client can fill. The gateway runs
//! under a trace of every write, send and file name; then the trace and every folder are searched
//! for each canary, raw, in UTF-16, in hex, in base64 and inflated. The control: a build whose spool
//! is not encrypted, in whose trace the same search finds those that were in files.

use std::{collections::BTreeMap, net::TcpStream, path::Path, process::Command};

use flate2::{Decompress, FlushDecompress};

use crate::{
    mail_server::{MailServer, until},
    newsroom::{Form, Gateway, Newsroom, exchange, files_below, in_ci},
};

/// System calls that carry bytes out of the process, and those that name files.
const TRACED: &str = "trace=%file,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,\
                      sendfile,splice,vmsplice,copy_file_range";

/// The address that the source connects from: one that nothing else uses.
const SOURCE: &str = "127.83.94.201";

#[test]
fn no_canary_leaves_the_gateway() {
    if !has_strace() {
        return;
    }
    let Some(mail) = MailServer::start() else {
        return;
    };
    let newsroom = Newsroom::new(&["ridge"], &mail.notices(2));
    let canaries = Canaries::new();
    let (gateway, trace) =
        serve_traced(&newsroom, Path::new(env!("CARGO_BIN_EXE_sealpost-gateway")));
    send(&gateway, &canaries);
    // the first of these may have been on its way when the tip came
    let sent_before = mail.all().len();
    until("two more notices are delivered", || mail.all().len() >= sent_before + 2);

    let opened = newsroom.open_all(&gateway, "ridge");
    gateway.stop();

    let mut found = search(&newsroom, &trace, &canaries);
    for notice in mail.all() {
        found.extend(search_in("a mail", notice.as_bytes(), &canaries));
    }
    assert!(found.is_empty(), "{found:#?}");

    let mut opened_bytes = Vec::new();
    for file in opened.iter().flat_map(|folder| files_below(folder)) {
        opened_bytes.extend(std::fs::read(file).unwrap());
    }
    for kept in ["message", "pixels", "original"] {
        assert!(
            contains(&opened_bytes, canaries.get(kept).as_bytes()),
            "{kept} is in no opened tip"
        );
    }
    for (place, canary) in &canaries.0 {
        if !["message", "pixels", "original"].contains(place) {
            assert!(!contains(&opened_bytes, canary.as_bytes()), "{place} is in the opened tip");
        }
    }
}

#[test]
fn control_an_unencrypted_spool_is_found_out() {
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/under-test/plain-spool-gateway");
    if !program.exists() {
        assert!(!in_ci(), "tests/run.sh builds the control first");
        eprintln!("skipped: no {}; tests/run.sh builds it", program.display());
        return;
    }
    if !has_strace() {
        return;
    }
    let newsroom = Newsroom::new(&["ridge"], "");
    let canaries = Canaries::new();
    let (gateway, trace) = serve_traced(&newsroom, &program);
    send(&gateway, &canaries);
    gateway.stop();

    let found = search(&newsroom, &trace, &canaries);
    for place in ["pixels", "original", "exif artist", "jpeg comment", "jpeg trailing"] {
        assert!(found.iter().any(|f| f.contains(place)), "{place} was not found: {found:#?}");
    }
}

/// A different word for each place, none of which occurs by chance.
struct Canaries(BTreeMap<&'static str, String>);

impl Canaries {
    fn new() -> Self {
        let places = [
            "user agent",
            "cookie",
            "referer",
            "origin",
            "forwarded",
            "accept language",
            "etag",
            "own header",
            "query",
            "boundary",
            "unknown field",
            "unknown field name",
            "file name",
            "mime type",
            "part header",
            "exif artist",
            "exif gps",
            "jpeg comment",
            "jpeg trailing",
            "png text",
            "message",
            "pixels",
            "original",
        ];
        let word = |(number, place)| {
            let random: [u8; 6] = sealpost::random::bytes(&sealpost::random::SystemEntropy::new());
            let tail = data_encoding::BASE32_NOPAD.encode(&random).to_lowercase();
            (place, format!("kanari{number:02}{tail}"))
        };
        Self(places.into_iter().enumerate().map(word).collect())
    }

    fn get(&self, place: &str) -> &str {
        &self.0[place]
    }
}

fn has_strace() -> bool {
    let present = Command::new("strace").arg("-V").output().is_ok();
    if !present {
        assert!(!in_ci(), "strace is needed (Debian: strace)");
        eprintln!("skipped: no strace");
    }
    present
}

fn serve_traced(newsroom: &Newsroom, program: &Path) -> (Gateway, std::path::PathBuf) {
    let trace = newsroom.path("trace");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-s", "70000", "-xx", "-e", TRACED, "-o"])
        .arg(&trace)
        .arg("--")
        .arg(program);
    (newsroom.serve_as(command), trace)
}

/// Sends the tip with every canary, from an address of its own.
fn send(gateway: &Gateway, canaries: &Canaries) {
    let get = |place| canaries.get(place);
    let form = Form::with_boundary(get("boundary"))
        .field("message", &format!("a tip that says {}", get("message")))
        .field("uncleanable", "send-original")
        .field(get("unknown field name"), get("unknown field"))
        .part(
            &format!(
                "Content-Disposition: form-data; name=\"files\"; filename=\"{}.jpg\"\r\n\
                 Content-Type: image/{}\r\nX-Part: {}",
                get("file name"),
                get("mime type"),
                get("part header"),
            ),
            &jpeg(canaries),
        )
        .file("b.png", "image/png", &png(canaries))
        .file("c.bin", "application/octet-stream", &original(canaries));
    let request = form.request(
        &format!("/en?q={}", get("query")),
        &[
            ("User-Agent", get("user agent")),
            ("Cookie", get("cookie")),
            ("Referer", get("referer")),
            ("Origin", get("origin")),
            ("X-Forwarded-For", get("forwarded")),
            ("Accept-Language", get("accept language")),
            ("If-None-Match", get("etag")),
            ("X-Own", get("own header")),
        ],
    );
    let answer = exchange(gateway.over_tls(connect_from(SOURCE, gateway.tips)), &request);
    assert_eq!(answer.status, 200, "{}\n{}", answer.head, answer.body);
}

fn connect_from(source: &str, to: std::net::SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let from = std::net::SocketAddr::new(source.parse().unwrap(), 0);
    bind(&socket, &from).unwrap();
    connect(&socket, &to).unwrap();
    TcpStream::from(socket)
}

/// The demo's photo with canaries in its metadata, set by hand.
fn jpeg(canaries: &Canaries) -> Vec<u8> {
    let photo = include_bytes!("../src/demo/photo.jpg");
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
    let (artist, gps) = (canaries.get("exif artist"), canaries.get("exif gps"));
    let mut place = 8 + 2 + 2 * 12 + 4;
    for (tag, value) in [(0x010e_u16, gps), (0x013b, artist)] {
        exif.extend(tag.to_be_bytes());
        exif.extend([0, 2]);
        exif.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        exif.extend(u32::try_from(place).unwrap().to_be_bytes());
        place += value.len();
    }
    exif.extend([0; 4]);
    exif.extend(gps.bytes().chain(artist.bytes()));
    let segment = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], body].concat()
    };
    [
        &photo[..2],
        &segment(0xe1, &exif),
        &segment(0xfe, canaries.get("jpeg comment").as_bytes()),
        &photo[2..],
        canaries.get("jpeg trailing").as_bytes(),
    ]
    .concat()
}

/// One row of grey pixels that spell a canary, deflated without compression, and a text chunk.
fn png(canaries: &Canaries) -> Vec<u8> {
    let pixels = canaries.get("pixels").as_bytes();
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let tagged = [&kind[..], body].concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], &tagged, &crc32(&tagged).to_be_bytes()].concat()
    };
    let width = u32::try_from(pixels.len()).unwrap().to_be_bytes();
    let header = [&width[..], &[0, 0, 0, 1, 8, 0, 0, 0, 0]].concat();
    let row = [&[0][..], pixels].concat();
    let length = u16::try_from(row.len()).unwrap();
    let (a, b) = row.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    let data = [
        &[0x78, 0x01, 0x01][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &row,
        &((b << 16) | a).to_be_bytes(),
    ]
    .concat();
    let text = [b"Comment\0", canaries.get("png text").as_bytes()].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"tEXt", &text),
        chunk(b"IDAT", &data),
        chunk(b"IEND", b""),
    ]
    .concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8)
            .fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg()))
    })
}

/// A file of a kind that nothing can clean.
fn original(canaries: &Canaries) -> Vec<u8> {
    [b"\x00\x01\x02\x03", canaries.get("original").as_bytes(), &[7; 100_000]].concat()
}

/// Where each canary stands in the trace and in the gateway's folders, logs included.
fn search(newsroom: &Newsroom, trace: &Path, canaries: &Canaries) -> Vec<String> {
    let trace = std::fs::read(trace).unwrap();
    assert!(contains(&trace, b"write"), "the trace holds writes");
    let mut places = vec![("trace".to_owned(), traced_bytes(&trace))];
    let mut files = files_below(&newsroom.path("gateway"));
    files.push(newsroom.path("gateway.log"));
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        places.push((format!("{} (inflated)", file.display()), inflated(&bytes)));
        places.push((file.display().to_string(), bytes));
    }

    places.iter().flat_map(|(name, bytes)| search_in(name, bytes, canaries)).collect()
}

fn search_in(name: &str, bytes: &[u8], canaries: &Canaries) -> Vec<String> {
    let mut found = Vec::new();
    for (place, canary) in &canaries.0 {
        for (form, needle) in forms(canary) {
            if contains(bytes, &needle) {
                found.push(format!("{place} ({form}) in {name}"));
            }
        }
    }
    if contains(bytes, SOURCE.as_bytes()) || contains(bytes, &[127, 83, 94, 201]) {
        found.push(format!("the source's address in {name}"));
    }
    found
}

/// The bytes of every string in a trace made with `-xx`, those of each file descriptor together, so
/// that a word split between two writes is found.
fn traced_bytes(trace: &[u8]) -> Vec<u8> {
    let mut by_descriptor: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for line in trace.split(|byte| *byte == b'\n') {
        let call = line.split(|byte| *byte == b'(').nth(1).unwrap_or_default();
        let descriptor: Vec<u8> = call.iter().copied().take_while(u8::is_ascii_digit).collect();
        let bytes = by_descriptor.entry(descriptor).or_default();
        for quoted in line.split(|byte| *byte == b'"').skip(1).step_by(2) {
            for digits in quoted.chunks_exact(4) {
                let hex = std::str::from_utf8(&digits[2..]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
            }
        }
    }
    by_descriptor.into_values().flat_map(|bytes| [bytes, vec![0]]).flatten().collect()
}

/// The forms in which a word may hide.
fn forms(word: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| word.encode_utf16().flat_map(to_bytes).collect();
    let mut forms = vec![
        ("raw", word.as_bytes().to_vec()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("hex", data_encoding::HEXLOWER.encode(word.as_bytes()).into_bytes()),
        ("hex", data_encoding::HEXUPPER.encode(word.as_bytes()).into_bytes()),
    ];
    for shift in 0..3 {
        let shifted = [&vec![0; shift], word.as_bytes()].concat();
        let base64 = data_encoding::BASE64_NOPAD.encode(&shifted).into_bytes();
        // the first and last digits depend on what stands beside the word
        forms.push(("base64", base64[4..base64.len() - 4].to_vec()));
    }
    forms
}

/// Whatever zlib streams there are, inflated.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for start in 0..bytes.len().saturating_sub(2) {
        if bytes[start] == 0x78 && [0x01, 0x5e, 0x9c, 0xda].contains(&bytes[start + 1]) {
            let mut plain = Vec::with_capacity(1 << 16);
            // what is no stream gives nothing, or a little before that shows
            let _ = Decompress::new(true).decompress_vec(
                &bytes[start..],
                &mut plain,
                FlushDecompress::None,
            );
            all.append(&mut plain);
        }
    }
    all
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}
