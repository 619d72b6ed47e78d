//! Where requests may go, and the key that goes nowhere else.
//! Which endpoint and which key an agent has is the user's configuration to say.

use std::fmt;
use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use crate::error::HintExt;

/// Keys shorter than this are placeholders, as local servers want them: their letters may be words of
/// any text, and are no secret.
const SHORTEST_SECRET: usize = 8;

/// A key. It can be sent and scrubbed from texts, and never be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a key without the white space around it; `None` if it is empty or holds anything but visible
    /// ASCII, which no header takes.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        (visible && !text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text with `***` in place of the key.
    pub(crate) fn scrub(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_SECRET {
            return text.to_owned();
        }
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How a vendor wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    /// `Authorization: Bearer KEY`
    Bearer,
    /// A header of its own.
    Header(&'static str),
}

/// A base URL and the key that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    base: Url,
    key: Option<(KeyPlace, Secret)>,
}

impl Endpoint {
    /// Reads a base URL, which API paths follow. It must be `https`, with two exceptions: this machine,
    /// and, without a key, a machine of a private network.
    pub(crate) fn new(base: &str, key: Option<(KeyPlace, Secret)>) -> Result<Self> {
        let url = Url::parse(base.trim())
            .with_context(|| "the endpoint is no URL".to_owned())
            .hint("write it like `https://host/v1`")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(anyhow::anyhow!(
                "the endpoint holds a user name or a password"
            ))
            .hint("name the variable that has the key with `key_env`");
        }
        if url.query().is_some() || url.fragment().is_some() {
            bail!("the endpoint has a query or a fragment, which API paths can't follow");
        }
        let Some(host) = url.host_str() else {
            bail!("the endpoint names no host");
        };
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(host) => {}
            "http" if key.is_some() => {
                return Err(anyhow::anyhow!(
                    "a key would go to `{host}` without encryption"
                ))
                .hint("use `https`, or leave `key_env` out");
            }
            "http" if is_private(host) => {}
            "http" => {
                return Err(anyhow::anyhow!(
                    "code would go to `{host}` without encryption"
                ))
                .hint("use `https`");
            }
            other => bail!("the endpoint is `{other}`, not `https`"),
        }
        Ok(Self { base: url, key })
    }

    /// True if what is sent is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The host, for people.
    pub(crate) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The path of the base, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    /// The text without the key.
    pub(crate) fn scrub(&self, text: &str) -> String {
        match &self.key {
            Some((_, key)) => key.scrub(text),
            None => text.to_owned(),
        }
    }

    /// The address of a path below the base; what follows a `?` becomes the query.
    pub(in crate::http) fn url(&self, path: &str) -> Url {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let mut url = self.base.clone();
        let base = self.path();
        url.set_path(&format!("{base}{path}"));
        url.set_query(query);
        url
    }

    /// The header that carries the key, marked so that nothing prints it.
    pub(in crate::http) fn key_header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (place, Secret(key)) = self.key.as_ref()?;
        let (name, text) = match place {
            KeyPlace::Bearer => ("authorization", format!("Bearer {key}")),
            KeyPlace::Header(name) => (*name, key.clone()),
        };
        let mut value =
            HeaderValue::from_str(&text).expect("a secret holds visible ASCII characters only");
        value.set_sensitive(true);
        Some((HeaderName::from_static(name), value))
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Loopback by address or by name (RFC 6761 reserves `localhost`).
fn is_this_machine(host: &str) -> bool {
    match address(host) {
        Some(address) => address.to_canonical().is_loopback(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Addresses and names that don't leave a private network: RFC 1918, RFC 4193, link-local, names without
/// a dot, `.local` (RFC 6762), `.internal`, `.home.arpa` (RFC 8375), `.lan`.
fn is_private(host: &str) -> bool {
    match address(host).map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
        Some(IpAddr::V6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
        None => {
            !host.contains('.')
                || [".local", ".internal", ".home.arpa", ".lan"]
                    .iter()
                    .any(|ending| host.ends_with(ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Option<(KeyPlace, Secret)> {
        Secret::new("sk-0123456789").map(|key| (KeyPlace::Bearer, key))
    }

    #[test]
    fn a_key_is_never_shown_and_always_scrubbed() {
        let endpoint = Endpoint::new("https://api.example/v1", key()).unwrap();
        let (_, header) = endpoint.key_header().unwrap();
        let (_, secret) = endpoint.key.clone().unwrap();
        for shown in [
            format!("{endpoint:?}"),
            format!("{header:?}"),
            format!("{secret} {secret:?}"),
            endpoint.scrub("bad key sk-0123456789, sk-0123456789"),
        ] {
            assert!(!shown.contains("0123"), "{shown}");
        }
        let placeholder = Secret::new("ollama").unwrap();
        assert_eq!(placeholder.scrub("ollama"), "ollama");
        for none in ["", "  ", "two words", "gr\u{fc}n", "line\nbreak"] {
            assert_eq!(Secret::new(none), None, "{none:?}");
        }
    }

    #[test]
    fn paths_follow_the_base() {
        for (base, path, wanted) in [
            (
                "https://a.example",
                "/v1/messages",
                "https://a.example/v1/messages",
            ),
            (
                "http://127.0.0.1:11434/v1",
                "/chat/completions",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            (
                "https://a.example/v1/",
                "/x?alt=sse",
                "https://a.example/v1/x?alt=sse",
            ),
            (
                "https://a.example/v1beta",
                "/models/../a b#c:go?alt=sse",
                "https://a.example/v1beta/a%20b%23c:go?alt=sse",
            ),
        ] {
            let endpoint = Endpoint::new(base, None).unwrap();
            assert_eq!(endpoint.url(path).as_str(), wanted);
        }
    }

    #[test]
    fn without_encryption_only_near_machines_are_asked_and_only_this_one_gets_a_key() {
        for near in [
            "http://127.0.0.1:1/v1",
            "http://localhost",
            "http://[::1]:8080",
            "http://a.localhost",
        ] {
            assert!(Endpoint::new(near, key()).is_ok(), "{near}");
        }
        for private in [
            "http://192.168.1.4:8000/v1",
            "http://10.0.0.1",
            "http://gpu-box:8000",
            "http://box.local",
            "http://[fd00::1]",
        ] {
            assert!(Endpoint::new(private, None).is_ok(), "{private}");
            let refused = Endpoint::new(private, key()).unwrap_err().to_string();
            assert!(refused.contains("a key would go to"), "{refused}");
        }
        for public in [
            "http://api.example.com/v1",
            "http://8.8.8.8",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ftp://localhost",
            "file:///etc/passwd",
            "https://user:pass@api.example.com",
            "https://api.example.com/?key=1",
            "https://api.example.com/#x",
            "api.example.com",
            "",
        ] {
            assert!(Endpoint::new(public, None).is_err(), "{public}");
        }
    }
}
