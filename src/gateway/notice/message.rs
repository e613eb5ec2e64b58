//! The mail itself: constant subject, constant size, nothing of a tip.
//!
//! Who reads along sees the sender, the moment of the schedule, and an age file whose length never
//! varies. The recipient's address is in the SMTP envelope only, because it would give each mail
//! another length.

use lettre::Address;

use crate::{clock::Timestamp, random::Entropy, recipient::Recipient, seal, tip::Language};

/// The subject of every notice.
pub const SUBJECT: &str = "Sealpost notice";

/// Bytes of the text before it is sealed.
pub const TEXT_BYTES: usize = 512;

/// A whole mail (RFC 5322, lines ended by CRLF), sealed to `to`.
pub fn compose(
    arrived: bool,
    to: &Recipient,
    from: &Address,
    scheduled: Timestamp,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    mail(&seal::seal_armored(&text(arrived), to, entropy), from, scheduled, entropy)
}

/// What the reviewer reads, in every language of the form, padded with spaces to [`TEXT_BYTES`].
pub fn text(arrived: bool) -> [u8; TEXT_BYTES] {
    let lines = [Language::English, Language::Korean, Language::ChineseSimplified]
        .map(|language| sentence(language, arrived))
        .join("\n\n");
    let mut padded = [b' '; TEXT_BYTES];
    for (place, byte) in padded.iter_mut().zip(lines.bytes()) {
        *place = byte;
    }
    padded
}

fn sentence(language: Language, arrived: bool) -> &'static str {
    match (language, arrived) {
        (Language::English, true) => {
            "Something has arrived since the last notice. Look into your inbox."
        }
        (Language::English, false) => "Nothing has arrived since the last notice.",
        (Language::Korean, true) => {
            "지난 알림 이후 새로 도착한 것이 있습니다. 수신함을 확인하십시오."
        }
        (Language::Korean, false) => "지난 알림 이후 새로 도착한 것이 없습니다.",
        (Language::ChineseSimplified, true) => "自上次通知以来有新内容到达,请查看收件箱。",
        (Language::ChineseSimplified, false) => "自上次通知以来没有新内容到达。",
    }
}

fn mail(sealed: &str, from: &Address, scheduled: Timestamp, entropy: &dyn Entropy) -> Vec<u8> {
    let id = data_encoding::HEXLOWER.encode(&crate::random::bytes::<16>(entropy));
    let date = rfc5322_date(scheduled);
    let head = format!(
        "From: <{from}>\n\
         To: undisclosed-recipients:;\n\
         Subject: {SUBJECT}\n\
         Date: {date}\n\
         Message-ID: <{id}@sealpost.invalid>\n\
         MIME-Version: 1.0\n\
         Content-Type: text/plain; charset=us-ascii\n\
         Content-Transfer-Encoding: 7bit\n\
         Auto-Submitted: auto-generated\n\
         \n"
    );
    (head + sealed).lines().flat_map(|line| [line, "\r\n"]).collect::<String>().into_bytes()
}

/// RFC 5322, section 3.3, always of the same length.
fn rfc5322_date(at: Timestamp) -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(at.0).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let short = |name: String| name.chars().take(3).collect::<String>();
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
        short(at.weekday().to_string()),
        at.day(),
        short(at.month().to_string()),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    #[test]
    fn both_texts_fit_and_differ() {
        for arrived in [false, true] {
            let text = String::from_utf8(text(arrived).to_vec()).unwrap();
            assert!(text.ends_with("  "), "padding is left: {text}");
            for language in [Language::English, Language::Korean, Language::ChineseSimplified] {
                assert!(text.contains(sentence(language, arrived)));
            }
        }
        assert_ne!(text(true), text(false));
    }

    #[test]
    fn a_mail_is_a_mail() {
        let from: Address = "gateway@example.org".parse().unwrap();
        let entropy = SystemEntropy::new();
        let at = Timestamp(1_795_305_600); // 2026-11-22 00:00:00
        let mail = String::from_utf8(mail("sealed\nbody\n", &from, at, &entropy)).unwrap();
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "sealed\r\nbody\r\n");
        assert!(head.contains("\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n"), "{head}");
        assert_eq!(head.matches("@").count(), 2, "sender and message id, no one else: {head}");
    }

    #[test]
    fn the_size_of_a_mail_tells_nothing() {
        let from: Address = "gateway@example.org".parse().unwrap();
        let entropy = SystemEntropy::new();
        let lengths: Vec<_> = [false, true]
            .into_iter()
            .flat_map(|arrived| [0, 27_000, 1_795_305_600].map(|at| (arrived, Timestamp(at))))
            .map(|(arrived, at)| {
                let to = Recipient::throw_away(&entropy);
                compose(arrived, &to, &from, at, &entropy).len()
            })
            .collect();
        assert!(lengths.iter().all(|len| Some(len) == lengths.first()), "{lengths:?}");
    }
}
