//! Where outgoing requests may go, as manifests write it: `api.example.com`, `*.example.com`,
//! `http://127.0.0.1:9000`. Without a scheme it is https, without a port the scheme's own.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// One entry of a list of allowed hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    scheme: Scheme,
    /// Every name below `host`, but not `host` itself.
    below: bool,
    /// Lower case, as the `url` crate writes hosts.
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl HostPattern {
    /// Whether a request to this address is within the pattern.
    pub fn matches(&self, url: &Url) -> bool {
        url.scheme() == self.scheme.as_str()
            && url.port_or_known_default() == Some(self.port)
            && url.host_str().is_some_and(|host| self.holds(host))
    }

    /// Whether everything that `other` allows is allowed here too.
    pub fn covers(&self, other: &Self) -> bool {
        let wider = if other.below {
            self.below && (self.host == other.host || self.holds(&other.host))
        } else {
            self.holds(&other.host)
        };
        wider && self.scheme == other.scheme && self.port == other.port
    }

    fn holds(&self, host: &str) -> bool {
        if !self.below {
            return host == self.host;
        }
        host.strip_suffix(&self.host).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = |problem: &str| Err(format!("host {text:?} {problem}"));
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return refuse("begins with neither http:// nor https://"),
            None => (Scheme::Https, text.as_str()),
        };
        let (below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        let Ok(url) = Url::parse(&format!("{}://{rest}/", scheme.as_str())) else {
            return refuse("is no host such as api.example.com or *.example.com");
        };
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        let host = url.host_str().unwrap_or_default();
        if !plain || rest.ends_with('/') || host.is_empty() || host.contains('*') {
            return refuse(
                "is more (or less) than a host and a port; name hosts such as api.example.com",
            );
        }
        if below && !host.contains('.') {
            return refuse("would allow a whole top-level domain");
        }
        let port = url.port().unwrap_or(scheme.port());
        Ok(Self { scheme, below, host: host.to_owned(), port })
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::Http {
            f.write_str("http://")?;
        }
        if self.below {
            f.write_str("*.")?;
        }
        f.write_str(&self.host)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::try_from(text.to_owned()).expect(text)
    }

    fn matches(host: &str, url: &str) -> bool {
        pattern(host).matches(&Url::parse(url).expect(url))
    }

    #[test]
    fn scheme_host_and_port_all_count() {
        assert!(matches("api.example.com", "https://API.example.com/x?y"));
        assert!(matches("api.example.com", "https://api.example.com:443/"));
        assert!(!matches("api.example.com", "http://api.example.com/"));
        assert!(!matches("api.example.com", "https://api.example.com:8443/"));
        assert!(!matches("api.example.com", "https://api.example.com.evil.test/"));
        assert!(!matches("api.example.com", "https://evil.test\\@api.example.com/"));
        assert!(matches("http://127.0.0.1:9000", "http://127.0.0.1:9000/a"));
        assert!(!matches("http://127.0.0.1:9000", "http://127.0.0.1/a"));
    }

    #[test]
    fn a_star_stands_for_what_is_below() {
        assert!(matches("*.example.com", "https://a.example.com/"));
        assert!(matches("*.example.com", "https://a.b.example.com/"));
        assert!(!matches("*.example.com", "https://example.com/"));
        assert!(!matches("*.example.com", "https://badexample.com/"));
        assert!(pattern("*.example.com").covers(&pattern("*.a.example.com")));
        assert!(pattern("*.example.com").covers(&pattern("a.example.com")));
        assert!(!pattern("a.example.com").covers(&pattern("*.example.com")));
        assert!(!pattern("*.example.com").covers(&pattern("http://a.example.com")));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in [
            "",
            "*",
            "*.com",
            "ftp://a.b",
            "a.b/path",
            "a.b/",
            "a b",
            "a.*.b",
            "user@a.b",
            "a.b?x",
            "https://",
        ] {
            assert!(HostPattern::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_was_read() {
        for text in
            ["api.example.com", "*.example.com:8443", "http://127.0.0.1:9000", "http://[::1]"]
        {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
