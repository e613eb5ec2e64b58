use super::*;
use crate::roster::testing::Newsroom;

const ONION: &str = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
const OTHER: &str = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion";
const LANGUAGES: [PosterLanguage; 3] =
    [PosterLanguage::English, PosterLanguage::Korean, PosterLanguage::ChineseSimplified];

fn publication(addresses: &[Address]) -> Publication {
    publication_of("A newsroom", addresses)
}

fn publication_of(name: &str, addresses: &[Address]) -> Publication {
    let newsroom = Newsroom::new(1);
    let mut files = newsroom.publication_named(name);
    for address in addresses {
        newsroom.extend(&mut files, |next| next.with_address(address.clone()));
    }
    files.verify(newsroom.id()).unwrap()
}

fn onion(host: &str) -> Address {
    Address::onion(host).unwrap()
}

fn url(url: &str) -> Address {
    Address::url(url, vec![[1; 32]]).unwrap()
}

#[test]
fn the_address_is_given_or_the_only_onion() {
    let chosen = |addresses: &[Address], given| address_of(&publication(addresses), given);
    let (desk, form) = (url("https://desk.example.org"), onion(ONION));
    assert!(matches!(chosen(&[], None), Err(OperatorError::NoOnion)));
    assert!(matches!(chosen(std::slice::from_ref(&desk), None), Err(OperatorError::NoOnion)));
    assert_eq!(chosen(&[desk.clone(), form.clone()], None).unwrap(), form);
    let both = [form.clone(), onion(OTHER)];
    assert!(matches!(chosen(&both, None), Err(OperatorError::SeveralOnions)));
    assert_eq!(chosen(&both, Some(OTHER)).unwrap(), onion(OTHER));
    let given = chosen(&[desk], Some("https://tips.example.org")).unwrap();
    assert!(matches!(given, Address::Url { url, .. } if url == "https://tips.example.org"));
    for wrong in ["http://tips.example.org", "tips.example.org", "https://a/b", &ONION[1..]] {
        assert!(matches!(chosen(&[], Some(wrong)), Err(OperatorError::Roster(_))), "{wrong}");
    }
}

#[test]
fn the_longest_of_everything_fits() {
    let host = [&*"a".repeat(63); 3].join(".");
    let long = url(&format!("https://{host}.{}:65535", "b".repeat(61)));
    for language in LANGUAGES {
        for name in ["w", "가", "謝"] {
            let publication = publication_of(&name.repeat(80), &[]);
            for address in [&onion(ONION), &long] {
                let fits =
                    |body: &f64| draw_in(*body, &publication, address, language.texts()).fits();
                assert!(BODIES.iter().any(fits), "{language:?} {name}");
                assert!(!fits(&8.0), "the control");
            }
        }
    }
}

#[test]
fn the_words_of_a_fingerprint_fit_their_columns() {
    for language in LANGUAGES {
        let texts = language.texts();
        let room = WIDTH / texts.words_in_row as f64;
        let longest = (0..2_048).map(|index| {
            let mut word = String::new();
            texts.words.write(index, &mut word);
            (1.0 + line::width(&word)) * 4.6
        });
        let longest = longest.fold(0.0, f64::max);
        assert!(longest < room, "{language:?}: {longest} of {room}");
    }
}
