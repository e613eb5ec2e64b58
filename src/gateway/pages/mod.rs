//! The source's pages: rendered on the server, one request each, without scripts.
//!
//! A page is an askama template (`templates/`) whose every word comes from the Fluent file of its
//! language (`languages/`). Each response carries the same headers: nothing is cached, nothing is
//! loaded from anywhere, nothing is told to the next site, and nothing says when it was made.

use std::sync::LazyLock;

use askama::Template;
use axum::{body::Body, response::Response};
use data_encoding::BASE64;
use fluent_bundle::FluentArgs;
use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use ring::digest;

use self::fates::{FileLines, Variable};
use super::{
    config::Limits,
    handout::{self, Handout},
    intake::problem::Problem,
};
use crate::tip::{FileFate, Language};

mod fates;
pub(crate) mod language;
mod texts;

/// Who takes tips here, as far as every visitor is told.
pub(crate) struct Newsroom {
    /// As the roster has it.
    pub(crate) name: String,
    /// Of the newsroom's key, as ssh-keygen prints it, to be compared with a poster.
    pub(crate) fingerprint: String,
}

/// The form; without its field for `files` when there is room for words only.
pub(crate) fn form(
    language: Language,
    newsroom: &Newsroom,
    limits: &Limits,
    files: bool,
) -> Response {
    let say = Speaker::new(language, newsroom, limits);
    page(StatusCode::OK, FormPage { say, files })
}

/// A tip was stored. Nothing of what was sent is shown again.
pub(crate) fn receipt(
    language: Language,
    newsroom: &Newsroom,
    limits: &Limits,
    fates: &[FileFate],
) -> Response {
    let say = Speaker::new(language, newsroom, limits);
    let files = fates::tell(&say, fates);
    page(StatusCode::OK, ReceiptPage { say, files })
}

/// The publication, as a file.
pub(crate) fn handout(handout: Handout) -> Response {
    let length = HeaderValue::from(handout.len());
    let mut response = with_headers(StatusCode::OK, handout.into_body());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

/// There is no form to show.
pub(crate) fn problem(
    language: Language,
    newsroom: &Newsroom,
    limits: &Limits,
    problem: &Problem,
) -> Response {
    problem_page(language, newsroom, limits, problem, false)
}

/// A tip was not taken. Tells how to get back to what was typed, and ends the connection, on which
/// the rest of the tip may still be coming.
pub(crate) fn refused(
    language: Language,
    newsroom: &Newsroom,
    limits: &Limits,
    problem: &Problem,
) -> Response {
    let mut response = problem_page(language, newsroom, limits, problem, true);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn problem_page(
    language: Language,
    newsroom: &Newsroom,
    limits: &Limits,
    problem: &Problem,
    after_sending: bool,
) -> Response {
    let say = Speaker::new(language, newsroom, limits);
    let (status, name) = problem.told_as();
    let files = match problem {
        Problem::NothingLeft(fates) => fates::tell(&say, fates),
        _ => Vec::new(),
    };
    let title = say.text(&format!("problem-{name}-title"));
    let text = say.text(&format!("problem-{name}-text"));
    let mut response = page(status, ProblemPage { say, title, text, files, after_sending });
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD, POST");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

#[derive(Template)]
#[template(path = "form.html", config = "src/gateway/pages/askama.toml")]
struct FormPage<'a> {
    say: Speaker<'a>,
    files: bool,
}

#[derive(Template)]
#[template(path = "receipt.html", config = "src/gateway/pages/askama.toml")]
struct ReceiptPage<'a> {
    say: Speaker<'a>,
    files: Vec<FileLines>,
}

#[derive(Template)]
#[template(path = "problem.html", config = "src/gateway/pages/askama.toml")]
struct ProblemPage<'a> {
    say: Speaker<'a>,
    title: String,
    text: String,
    files: Vec<FileLines>,
    after_sending: bool,
}

/// What a template speaks with: one language, and the variables that any text may use.
pub(super) struct Speaker<'a> {
    language: Language,
    fingerprint: &'a str,
    variables: FluentArgs<'a>,
}

impl<'a> Speaker<'a> {
    fn new(language: Language, newsroom: &'a Newsroom, limits: &Limits) -> Self {
        let mut variables = FluentArgs::new();
        variables.set("newsroom", newsroom.name.as_str());
        variables.set("files", limits.max_files.to_string());
        variables.set("size", rounded(limits.max_tip_bytes));
        variables.set("text-size", rounded(u64::try_from(limits.max_message_bytes).unwrap_or(0)));
        Self { language, fingerprint: &newsroom.fingerprint, variables }
    }

    /// A text; the key itself if there is none, which a test excludes.
    fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A text with variables of its own.
    fn with(&self, key: &str, own: &[Variable<'_>]) -> String {
        let mut variables = FluentArgs::with_capacity(own.len() + 4);
        for (name, value) in self.variables.iter() {
            variables.set(name, value.clone());
        }
        for (name, value) in own {
            variables.set(*name, value.to_string());
        }
        texts::text(self.language, key, &variables).unwrap_or_else(|| key.to_owned())
    }

    fn tag(&self) -> &'static str {
        language::tag(self.language)
    }

    fn fingerprint(&self) -> &str {
        self.fingerprint
    }

    fn handout(&self) -> &'static str {
        handout::PATH
    }

    fn style(&self) -> &'static str {
        STYLE
    }

    fn languages(&self) -> impl Iterator<Item = OtherLanguage> {
        language::ALL.into_iter().map(|of| OtherLanguage {
            tag: language::tag(of),
            name: texts::text(of, "language", &FluentArgs::new()).unwrap_or_default(),
            chosen: of == self.language,
        })
    }
}

/// A way to the same page in another language.
struct OtherLanguage {
    tag: &'static str,
    name: String,
    chosen: bool,
}

/// A limit in the largest unit that it fills, rounded down.
fn rounded(bytes: u64) -> String {
    match bytes {
        0x4000_0000.. => format!("{} GB", bytes >> 30),
        0x10_0000.. => format!("{} MB", bytes >> 20),
        _ => format!("{} KB", bytes >> 10),
    }
}

const STYLE: &str = include_str!("templates/style.css");

/// The page may show its own style and send its own form, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    // base64 and ASCII words are a header's value
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    ),
];

fn page(status: StatusCode, template: impl Template) -> Response {
    // a template fails only if a value cannot be written, and all of ours are strings
    with_headers(status, Body::from(template.render().unwrap_or_default()))
}

fn with_headers(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

#[cfg(test)]
mod tests;
