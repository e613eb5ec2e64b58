//! A source's browser: fetches the form and posts it, as multipart/form-data (RFC 7578), over TLS.

use anyhow::Context as _;

use crate::reviewer::tls;

/// What a browser that sends this form lets slip, unless the gateway drops it.
const USER_AGENT: &str = "Mozilla/5.0 (Android 13; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0";

/// A browser that has the gateway's form open.
pub(super) struct Browser {
    client: reqwest::Client,
    address: String,
}

/// One file picked in the form: the name and type that the browser would send with it.
pub(super) struct Picked<'a> {
    pub(super) name: &'a str,
    pub(super) mime: &'a str,
    pub(super) bytes: &'a [u8],
}

impl Browser {
    /// A browser that trusts the TLS key with this SHA-256 and no other.
    pub(super) fn new(address: &str, tls_key: [u8; 32]) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::pinned(vec![tls_key])?)
            .user_agent(USER_AGENT)
            .no_proxy()
            .build()?;
        Ok(Self { client, address: address.to_owned() })
    }

    /// Fetches the form in a language.
    pub(super) async fn form(&self, language: &str) -> anyhow::Result<String> {
        let page = self.client.get(format!("{}/{language}", self.address)).send().await?;
        Ok(page.error_for_status()?.text().await?)
    }

    /// Posts the form; what comes back is the receipt.
    pub(super) async fn post(
        &self,
        language: &str,
        message: &str,
        files: &[Picked<'_>],
    ) -> anyhow::Result<String> {
        const BOUNDARY: &str = "---------------------------31415926535897932384626433832";
        let mut body = Vec::new();
        let mut part = |headers: &str, bytes: &[u8]| {
            body.extend_from_slice(format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        };
        part("Content-Disposition: form-data; name=\"message\"", message.as_bytes());
        part("Content-Disposition: form-data; name=\"uncleanable\"", b"leave-out");
        for file in files {
            let headers = format!(
                "Content-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\n\
                 Content-Type: {}",
                file.name, file.mime
            );
            part(&headers, file.bytes);
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());

        let receipt = self
            .client
            .post(format!("{}/{language}", self.address))
            .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)
            .send()
            .await?
            .error_for_status()
            .context("the gateway did not take the tip")?;
        Ok(receipt.text().await?)
    }
}

/// The words of a page, a paragraph a line: what a reader of the page sees.
pub(super) fn words(page: &str) -> Vec<String> {
    let body = page.split("<main").nth(1).unwrap_or(page);
    let mut lines = vec![String::new()];
    let mut in_tag = true; // the split has left us inside `<main`
    for c in body.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                lines.push(String::new());
            }
            _ if in_tag => {}
            _ => lines.last_mut().into_iter().for_each(|line| line.push(c)),
        }
    }
    let unescape = |line: &String| {
        let text = line.replace("&#39;", "'").replace("&#x27;", "'").replace("&quot;", "\"");
        text.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(unescape).filter(|line| !line.is_empty()).collect()
}
