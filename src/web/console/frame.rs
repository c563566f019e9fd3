//! What surrounds every page: the store's name, the way around, the visitor's language.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    dev::Payload,
    http::header::{ACCEPT_LANGUAGE, LOCATION},
    web::{Data, Path, Query},
};
use serde::Deserialize;
use std::future::{Ready, ready};
use store_actors::language::{Language, Value};

use crate::web::{
    Shared,
    problem::{Kind, Problem},
};

const LANGUAGE_COOKIE: &str = "language";
const LANGUAGE_DAYS: i64 = 400;

/// Who looks, as far as a page depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor {
    pub language: Language,
}

impl Visitor {
    fn of(request: &HttpRequest) -> Self {
        let chosen = request.cookie(LANGUAGE_COOKIE);
        let chosen = chosen.and_then(|cookie| Language::from_tag(cookie.value()));
        let accepted = || {
            let header = request.headers().get(ACCEPT_LANGUAGE)?;
            Language::accepted(header.to_str().ok()?)
        };
        Self {
            language: chosen.or_else(accepted).unwrap_or_default(),
        }
    }
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The surroundings of one page.
#[derive(Debug)]
pub(super) struct Frame {
    pub language: Language,
    pub store: String,
    /// Of the page, to come back to.
    pub path: String,
}

/// A way to another page.
#[derive(Debug)]
pub(super) struct Link {
    pub path: &'static str,
    pub text: String,
    pub is_here: bool,
}

const LINKS: [(&str, &str); 4] = [
    ("/", "nav-store"),
    ("/payments", "nav-payments"),
    ("/unknown", "nav-unknown"),
    ("/outbox", "nav-outbox"),
];

impl Frame {
    pub(super) fn new(shared: &Data<Shared>, visitor: Visitor, path: impl Into<String>) -> Self {
        Self {
            language: visitor.language,
            store: shared.parts.shop.name.clone(),
            path: path.into(),
        }
    }

    pub(super) fn say(&self, id: &str) -> String {
        self.language.say(id)
    }

    pub(super) fn unknown_count(&self, count: &usize) -> String {
        let count = Value::from(*count);
        self.language.say_with("unknown-count", [("count", count)])
    }

    pub(super) fn languages(&self) -> [Language; 2] {
        Language::ALL
    }

    pub(super) fn links(&self) -> Vec<Link> {
        let link = |(path, id): (&'static str, &str)| Link {
            path,
            text: self.say(id),
            is_here: self.path == path,
        };
        LINKS.into_iter().map(link).collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

/// Remembers the language in a cookie and goes back to where the visitor was.
pub(super) async fn choose(tag: Path<String>, back: Query<Back>) -> Result<HttpResponse, Problem> {
    let language = Language::from_tag(&tag)
        .ok_or_else(|| Problem::new(Kind::NotFound, "there is no such language"))?;
    let cookie = Cookie::build(LANGUAGE_COOKIE, language.tag())
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .max_age(Duration::days(LANGUAGE_DAYS))
        .finish();
    Ok(HttpResponse::SeeOther()
        .cookie(cookie)
        .insert_header((LOCATION, own_path(&back.back)))
        .finish())
}

/// A path of this server; anything else is the first page, so that nobody is sent elsewhere.
fn own_path(back: &str) -> &str {
    let is_own = back.starts_with('/')
        && !back.starts_with("//")
        && back
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(
            own_path("/payments?state=unknown"),
            "/payments?state=unknown"
        );
        for elsewhere in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
    }
}
