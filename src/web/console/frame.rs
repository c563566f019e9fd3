//! What surrounds every page: the store's name, the way around, the visitor's language and name.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    dev::Payload,
    http::header::{ACCEPT_LANGUAGE, LOCATION},
    web::{Data, Path, Query},
};
use serde::Deserialize;
use std::future::{Ready, ready};
use store_actors::{
    domain::people::access::Verdict,
    language::{Language, Value},
};

use super::people_page::role_id;
use crate::web::{
    Shared,
    caller::{Asker, Caller},
    problem::{Kind, Problem},
};

const LANGUAGE_COOKIE: &str = "language";
const LANGUAGE_DAYS: i64 = 400;

/// Who looks, as far as a page depends on it.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub language: Language,
    pub caller: Caller,
}

impl Visitor {
    pub(super) fn of(request: &HttpRequest, caller: Caller) -> Self {
        let chosen = request.cookie(LANGUAGE_COOKIE);
        let chosen = chosen.and_then(|cookie| Language::from_tag(cookie.value()));
        let accepted = || {
            let header = request.headers().get(ACCEPT_LANGUAGE)?;
            Language::accepted(header.to_str().ok()?)
        };
        let own = || Some(caller.person()?.language());
        let language = chosen.or_else(own).or_else(accepted).unwrap_or_default();
        Self { language, caller }
    }
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        ready(caller.map(|caller| Self::of(request, caller)))
    }
}

/// The surroundings of one page.
#[derive(Debug)]
pub(super) struct Frame {
    pub language: Language,
    pub store: String,
    /// Of the page, to come back to.
    pub path: String,
    /// No way around: a screen that customers face.
    pub is_bare: bool,
    pub caller: Caller,
}

/// A way to another page.
#[derive(Debug)]
pub(super) struct Link {
    pub path: &'static str,
    pub text: String,
    pub is_here: bool,
}

const LINKS: [(&str, &str); 7] = [
    ("/", "nav-store"),
    ("/payments", "nav-payments"),
    ("/unknown", "nav-unknown"),
    ("/outbox", "nav-outbox"),
    ("/office", "nav-office"),
    ("/people", "nav-people"),
    ("/audit", "nav-audit"),
];

impl Frame {
    pub(super) fn new(shared: &Data<Shared>, visitor: Visitor, path: impl Into<String>) -> Self {
        Self {
            language: visitor.language,
            store: shared.parts.shop.letterhead.store.clone(),
            path: path.into(),
            is_bare: false,
            caller: visitor.caller,
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
            is_here: self.path == path || (path == "/office" && self.path.starts_with("/office/")),
        };
        let links = LINKS.into_iter().filter(|(path, _)| self.leads_to(path));
        links.map(link).collect()
    }

    /// Whether the visitor may open this page. Where nobody signs in there are no people to see.
    fn leads_to(&self, path: &str) -> bool {
        let is_of_people = matches!(path, "/people" | "/audit");
        let is_off = matches!(self.caller.asker, Asker::Anyone);
        self.may("GET", path) && !(is_off && is_of_people)
    }

    /// Whether the visitor may ask for the route of this method and pattern.
    pub(super) fn may(&self, method: &str, pattern: &str) -> bool {
        self.caller.verdict(method, pattern) == Verdict::Allowed
    }

    /// What forms and scripts of this page prove themselves with.
    pub(super) fn csrf(&self) -> &str {
        self.caller.csrf()
    }

    /// Who is signed in, and as what.
    pub(super) fn person(&self) -> Option<(&str, String)> {
        let person = self.caller.person()?;
        Some((&person.name, self.say(role_id(person.role))))
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
    Ok(HttpResponse::SeeOther()
        .cookie(language_cookie(language))
        .insert_header((LOCATION, own_path(&back.back)))
        .finish())
}

pub(super) fn language_cookie(language: Language) -> Cookie<'static> {
    Cookie::build(LANGUAGE_COOKIE, language.tag())
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .max_age(Duration::days(LANGUAGE_DAYS))
        .finish()
}

/// A path of this server; anything else is the first page, so that nobody is sent elsewhere.
pub(super) fn own_path(back: &str) -> &str {
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
