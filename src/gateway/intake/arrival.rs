//! The one place where a request's headers are seen: it is taken apart, and all but four things
//! are dropped on the spot.

use axum::{body::Body, extract::Request};
use hyper::{Method, body::Body as _, header};

use super::multipart::Boundary;
use crate::{
    gateway::{handout, listener::proxy_line::Circuit, pages::language},
    tip::Language,
};

/// What is left of a request: what is wished, in which language, the circuit (for fairness, in
/// memory only) and the body.
pub(super) struct Arrival {
    pub(super) language: Language,
    pub(super) wish: Wish,
    pub(super) circuit: Circuit,
    pub(super) body: Body,
}

/// What somebody wants.
pub(super) enum Wish {
    /// To see the form.
    Form,
    /// To send a tip.
    Submit {
        /// None if the body is no multipart form.
        boundary: Option<Boundary>,
        /// Bytes of the body, where they are known before.
        length: Option<u64>,
    },
    /// To see who can open tips.
    Handout,
    /// A page that there is not.
    Nowhere,
    /// Something that cannot be done with a page.
    Nonsense,
}

/// Takes a request apart. Query, cookies and all other headers end here.
pub(super) fn take_apart(request: Request) -> Arrival {
    let (parts, body) = request.into_parts();
    let circuit = parts.extensions.get().copied().unwrap_or_default();
    let chosen = || language::preferred(parts.headers.get(header::ACCEPT_LANGUAGE));
    let path = parts.uri.path();
    let named = path.strip_prefix('/').and_then(language::from_tag);
    let is_handout = path == handout::PATH;
    let found = path == "/" || named.is_some() || is_handout;
    let wish = match parts.method {
        _ if !found => Wish::Nowhere,
        Method::GET | Method::HEAD if is_handout => Wish::Handout,
        _ if is_handout => Wish::Nonsense,
        Method::GET | Method::HEAD => Wish::Form,
        Method::POST => Wish::Submit {
            boundary: parts
                .headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| Boundary::from_content_type(value.as_bytes())),
            length: body.size_hint().exact(),
        },
        _ => Wish::Nonsense,
    };
    Arrival { language: named.unwrap_or_else(chosen), wish, circuit, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(method: &str, uri: &str, headers: &[(&str, &str)]) -> Arrival {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        take_apart(request.body(Body::from("12345")).unwrap())
    }

    #[test]
    fn the_path_chooses_the_language_before_the_browser_does() {
        let korean = [("accept-language", "ko-KR,ko;q=0.9")];
        assert_eq!(arrival("GET", "/", &korean).language, Language::Korean);
        assert_eq!(arrival("GET", "/zh-Hans?x=1", &korean).language, Language::ChineseSimplified);
        assert_eq!(arrival("GET", "/", &[]).language, Language::English);
        assert_eq!(arrival("GET", "/nowhere", &korean).language, Language::Korean);
    }

    #[test]
    fn wishes_are_told_apart() {
        let multipart = [("content-type", "multipart/form-data; boundary=b")];
        let wish = |method, uri| arrival(method, uri, &multipart).wish;
        assert!(matches!(wish("GET", "/en"), Wish::Form));
        assert!(matches!(wish("HEAD", "/"), Wish::Form));
        assert!(matches!(wish("POST", "/ko"), Wish::Submit { boundary: Some(_), length: Some(5) }));
        assert!(matches!(wish("PUT", "/ko"), Wish::Nonsense));
        assert!(matches!(wish("GET", "/publication.tar"), Wish::Handout));
        assert!(matches!(wish("HEAD", "/publication.tar?x"), Wish::Handout));
        assert!(matches!(wish("POST", "/publication.tar"), Wish::Nonsense));
        assert!(matches!(wish("POST", "/ko/"), Wish::Nowhere));
        assert!(matches!(wish("GET", "/favicon.ico"), Wish::Nowhere));
        let plain = [("content-type", "application/x-www-form-urlencoded")];
        let plain = arrival("POST", "/en", &plain).wish;
        assert!(matches!(plain, Wish::Submit { boundary: None, .. }));
    }
}
