//! Tests of whole pages and of the templates as text.

use std::collections::BTreeSet;

use http_body_util::BodyExt;

use super::*;
use crate::gateway::intake::{problem, tests::limits};

const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("templates/base.html")),
    ("form.html", include_str!("templates/form.html")),
    ("files.html", include_str!("templates/files.html")),
    ("receipt.html", include_str!("templates/receipt.html")),
    ("problem.html", include_str!("templates/problem.html")),
];

impl Speaker<'static> {
    /// A speaker outside any page.
    pub(super) fn plain(language: Language) -> Self {
        Self { language, fingerprint: "", variables: FluentArgs::new() }
    }
}

fn newsroom() -> Newsroom {
    Newsroom {
        name: "Kim & <Sons>".into(),
        fingerprint: "SHA256:Z1w9Q2w0dGhpcyBpcyBub3QgYSByZWFsIGtleSBoYXNo".into(),
    }
}

async fn html(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every page there is, in a language.
fn pages(language: Language) -> Vec<Response> {
    let (newsroom, limits) = (newsroom(), limits());
    let mut pages = vec![
        form(language, &newsroom, &limits, true),
        form(language, &newsroom, &limits, false),
        receipt(language, &newsroom, &limits, &fates::tests::one_of_each()),
    ];
    let nothing_left = Problem::NothingLeft(fates::tests::one_of_each());
    for problem in problem::all().iter().chain([&nothing_left]) {
        pages.push(super::problem(language, &newsroom, &limits, problem));
        pages.push(refused(language, &newsroom, &limits, problem));
    }
    pages
}

#[tokio::test]
async fn every_page_is_in_its_language_and_whole() {
    for language in language::ALL {
        for page in pages(language) {
            let html = html(page).await;
            assert!(html.starts_with("<!doctype html>"), "{html}");
            assert!(html.contains(&format!("<html lang=\"{}\">", language::tag(language))));
            assert!(html.trim_end().ends_with("</html>"));
            // a text that is missing would show as its key
            for prefix in ["form-", "problem-", "receipt-", "file-", "kind-", "refusal-"] {
                assert!(!html.contains(&format!(">{prefix}")), "{prefix}: {html}");
            }
            assert!(!html.contains("<Sons>"), "not escaped: {html}");
        }
    }
}

#[tokio::test]
async fn no_response_tells_more_than_it_must() {
    for page in pages(Language::Korean) {
        let names = page.headers().keys().map(HeaderName::as_str).collect::<BTreeSet<_>>();
        let allowed = [
            "allow",
            "cache-control",
            "connection",
            "content-security-policy",
            "content-type",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "referrer-policy",
            "x-content-type-options",
        ];
        assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
        assert!(names.len() >= 8);
    }
}

#[tokio::test]
async fn the_policy_lets_in_the_style_of_the_page_and_nothing_else() {
    let page = form(Language::English, &newsroom(), &limits(), true);
    let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    let html = html(page).await;
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = BASE64.encode(digest::digest(&digest::SHA256, style.as_bytes()).as_ref());
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(policy.starts_with("default-src 'none';"));
    for never in ["<script", "style=\"", "src=", "url(", "@import", "onclick"] {
        assert!(!html.contains(never), "{never}");
    }
    assert_eq!(html.matches("href=\"data:,\"").count(), 1);
}

#[tokio::test]
async fn the_form_fits_in_eight_kilobytes_with_its_headers() {
    for language in language::ALL {
        let page = form(language, &newsroom(), &limits(), true);
        let headers = page.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4);
        let size = headers.sum::<usize>() + html(page).await.len();
        assert!(size < 8000, "{language:?}: {size} bytes");
    }
}

#[tokio::test]
async fn the_form_leads_to_the_publication() {
    for language in language::ALL {
        let html = html(form(language, &newsroom(), &limits(), true)).await;
        assert_eq!(html.matches("<a href=\"/publication.tar\">").count(), 1);
    }
}

#[tokio::test]
async fn the_publication_is_sent_as_a_page_is() {
    let newsroom = crate::roster::testing::Newsroom::new(1);
    let publication = newsroom.publication().verify(newsroom.id()).unwrap();
    let tar = handout(Handout::new(&publication));
    let page = form(Language::English, &self::newsroom(), &limits(), true);
    assert_eq!(tar.headers()[header::CONTENT_TYPE], "application/x-tar");
    for (name, value) in page.headers().iter().filter(|(name, _)| *name != header::CONTENT_TYPE) {
        assert_eq!(tar.headers().get(name), Some(value), "{name}");
    }
    assert_eq!(tar.headers().len(), page.headers().len() + 1, "its length besides");
}

#[tokio::test]
async fn the_form_can_be_used_without_a_mouse_or_eyes() {
    let html = html(form(Language::English, &newsroom(), &limits(), true)).await;
    for control in ["message", "files"] {
        assert!(html.contains(&format!("<label for=\"{control}\">")));
        assert!(html.contains(&format!("id=\"{control}\" name=\"{control}\"")));
        assert!(html.contains(&format!("aria-describedby=\"{control}-hint\"")));
    }
    assert!(html.contains("<legend>") && html.contains("value=\"leave-out\" checked"));
    let broken = problem_page(Language::English, &newsroom(), &limits(), &Problem::Empty, true);
    assert!(self::html(broken).await.contains("role=\"alert\""));
}

#[test]
fn templates_have_no_words_of_their_own() {
    for (name, template) in TEMPLATES {
        let words = outside_tags(&without_expressions(template));
        assert!(!words.contains(char::is_alphabetic), "{name}: {words:?}");
        for attribute in ["aria-label=\"", "title=\"", "placeholder=\"", "alt=\""] {
            for value in template.split(attribute).skip(1) {
                assert!(value.starts_with("{{"), "{name}: {attribute}");
            }
        }
    }
    // the check itself sees a word
    let seen = outside_tags(&without_expressions("<p class=\"x\">{{ y }} word</p>"));
    assert_eq!(seen.trim(), "word");
}

fn without_expressions(template: &str) -> String {
    let mut left = template.to_owned();
    for (open, close) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
        while let Some(start) = left.find(open) {
            let end = left[start..].find(close).unwrap() + start + close.len();
            left.replace_range(start..end, "");
        }
    }
    left
}

fn outside_tags(html: &str) -> String {
    html.split('<').map(|part| part.split_once('>').map_or(part, |(_, after)| after)).collect()
}

#[test]
fn every_text_is_used_and_every_used_text_is_there() {
    let keys = texts::tests::keys(Language::English);
    let sources = [include_str!("mod.rs"), include_str!("fates.rs")];
    let rust = sources.map(|s| s.split("#[cfg(test)]").next().unwrap());
    let quoted =
        |source: &str| source.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut asked = Vec::new();
    for (_, template) in TEMPLATES {
        asked.extend(
            template.split("say.text(\"").skip(1).map(|t| t.split_once('"').unwrap().0.to_owned()),
        );
    }
    for key in &asked {
        assert!(keys.contains_key(key), "{key} is in a template and in no language");
    }
    asked.extend(rust.into_iter().flat_map(quoted));
    for problem in problem::all() {
        let (_, name) = problem.told_as();
        for part in ["title", "text"] {
            let key = format!("problem-{name}-{part}");
            assert!(keys.contains_key(&key), "{key} is missing");
            asked.push(key);
        }
    }
    for key in keys.keys() {
        let by_name =
            ["kind-", "found-", "remains-", "refusal-"].iter().any(|p| key.starts_with(p));
        assert!(by_name || asked.contains(key), "{key} is used nowhere");
    }
}
