//! The guard before every route: who asks, whether the table allows it, and whether a change is
//! asked for by a page of the session's own.
//!
//! A program shows its token (`Authorization: Bearer`), a person's browser its cookie. A browser
//! sends the cookie whoever's page asked, so a change needs what only the store's own pages know
//! (`X-CSRF-Token`, or the field `csrf` of a form), beside what the browser itself says of the page
//! (`same_site`). People are led to the sign-in, programs are told.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    body::{BoxBody, MessageBody},
    cookie::{Cookie, SameSite, time::Duration},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION},
    middleware::Next,
    web::{Bytes, Data},
};
use futures_util::stream;
use store_actors::{
    domain::people::access::{self, Permission, Verdict},
    language::Language,
};

use super::{
    Shared,
    caller::{Asker, Caller},
    console,
    problem::{Kind, Problem, Words},
};
use crate::people::{People, proof};

/// Where an approval for the request is.
pub(super) const APPROVAL: &str = "x-approval";
const CSRF: &str = "x-csrf-token";

pub(super) async fn guard(
    pattern: &'static str,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = identify(request.request()).await;
    let verdict = caller.verdict(request.method().as_str(), pattern);
    request.extensions_mut().insert(caller.clone());
    let refused = match verdict {
        Verdict::Allowed => None,
        Verdict::NeedsApproval if request.headers().contains_key(APPROVAL) => None,
        Verdict::NeedsApproval => {
            let detail =
                "ask a supervisor: POST /v1/approvals, and send what it gives in X-Approval";
            Some(Problem::new(Kind::ApprovalNeeded, detail).error_response())
        }
        Verdict::WrongMethod => {
            let detail = format!("{} does not take {}", request.path(), request.method());
            Some(Problem::new(Kind::MethodNotAllowed, detail).error_response())
        }
        Verdict::SignIn => Some(sign_in_first(pattern, request.request())),
        Verdict::Refused => Some(not_allowed(pattern, request.request(), &caller)),
    };
    if let Some(refused) = refused {
        return Ok(request.into_response(refused));
    }
    if !is_ours(pattern, &mut request, &caller).await {
        let detail = "this page is of another sign-in; open it anew";
        let refused = Problem::new(Kind::CrossSite, detail).error_response();
        return Ok(request.into_response(refused));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

async fn identify(request: &HttpRequest) -> Caller {
    let address = request.peer_addr().map(|peer| peer.ip());
    let from = address.map(|ip| ip.to_string()).unwrap_or_default();
    let Some(people) = people_of(request) else {
        return Caller {
            asker: Asker::Anyone,
            from,
        };
    };
    let asker = match bearer(request).and_then(|value| people.token(value)) {
        Some(token) => Asker::Token(Arc::new(token)),
        // a program that shows a token is nobody else
        None if request.headers().contains_key(AUTHORIZATION) => Asker::Nobody { is_local: false },
        None => match signed_in(people, request).await {
            Some(asker) => asker,
            // behind a proxy everybody comes from here
            None => Asker::Nobody {
                is_local: address.is_some_and(|ip| ip.is_loopback())
                    && !["forwarded", "x-forwarded-for"]
                        .iter()
                        .any(|name| request.headers().contains_key(*name)),
            },
        },
    };
    Caller { asker, from }
}

/// What a request has shown, for an answer that goes on long after it was let in.
pub(super) struct Pass {
    people: Arc<People>,
    session: Option<String>,
    token: Option<String>,
}

impl Pass {
    /// `None` where nobody signs in.
    pub(super) fn of(shared: &Shared, request: &HttpRequest) -> Option<Self> {
        Some(Self {
            people: Arc::clone(shared.parts.people.as_ref()?),
            session: session_of(request),
            token: bearer(request).map(str::to_owned),
        })
    }

    /// Whether the sign-in has not ended, and the token was not revoked.
    pub(super) async fn holds(&self) -> bool {
        match (&self.token, &self.session) {
            (Some(token), _) => self.people.token(token).is_some(),
            (None, Some(session)) => self.people.session(session, false).await.is_some(),
            (None, None) => false,
        }
    }
}

fn people_of(request: &HttpRequest) -> Option<&People> {
    request.app_data::<Data<Shared>>()?.parts.people.as_deref()
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| value.trim())
}

async fn signed_in(people: &People, request: &HttpRequest) -> Option<Asker> {
    let value = session_of(request)?;
    // a page that fetches itself again is not its owner's hand
    let mode = request.headers().get("sec-fetch-mode");
    let looks_again = mode.is_some_and(|mode| mode != "navigate") && request.method().is_safe();
    let person = people.session(&value, !looks_again).await?;
    Some(Asker::Person {
        person: Arc::new(person),
        csrf: proof::csrf(&value).into(),
    })
}

/// Browsers keep the longer name for this very server over TLS (RFC 6265bis, 4.1.3.2).
fn cookie_name(request: &HttpRequest) -> &'static str {
    match is_secure(request) {
        true => "__Host-session",
        false => "session",
    }
}

fn is_secure(request: &HttpRequest) -> bool {
    request.app_config().secure()
}

/// The session's value that came with the request.
pub(super) fn session_of(request: &HttpRequest) -> Option<String> {
    let cookie = request.cookie(cookie_name(request))?;
    Some(cookie.value().to_owned())
}

/// The cookie of a session; without a value it takes the one there is away.
pub(super) fn session_cookie(request: &HttpRequest, value: Option<String>) -> Cookie<'static> {
    const DAYS_MAX: i64 = 31;
    let age = match value {
        Some(_) => Duration::days(DAYS_MAX),
        None => Duration::ZERO,
    };
    Cookie::build(cookie_name(request), value.unwrap_or_default())
        .path("/")
        .http_only(true)
        .secure(is_secure(request))
        .same_site(SameSite::Strict)
        .max_age(age)
        .finish()
}

fn sign_in_first(pattern: &str, request: &HttpRequest) -> HttpResponse {
    if access::is_page(pattern) {
        let back: String =
            form_urlencoded::byte_serialize(request.uri().to_string().as_bytes()).collect();
        return HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/sign-in?back={back}")))
            .finish();
    }
    let detail = match request.headers().contains_key(AUTHORIZATION) {
        true => "this token is not known here, or was revoked",
        false => "sign in, or send a token: Authorization: Bearer sc_…",
    };
    Problem::new(Kind::SignInNeeded, detail).error_response()
}

fn not_allowed(pattern: &str, request: &HttpRequest, caller: &Caller) -> HttpResponse {
    if access::is_page(pattern)
        && request.method().is_safe()
        && let Some(shared) = request.app_data::<Data<Shared>>()
    {
        return console::not_allowed(shared, request, caller);
    }
    let who = match &caller.asker {
        Asker::Person { person, .. } => format!("a {}", person.role.as_str()),
        Asker::Token(token) => {
            let scopes = token.scopes.iter().map(|scope| scope.as_str());
            format!("a token for {}", scopes.collect::<Vec<_>>().join(", "))
        }
        Asker::Anyone | Asker::Nobody { .. } => "anybody".to_owned(),
    };
    let detail = format!("{} {} is not for {who}", request.method(), request.path());
    let said = |language: Language| language.say("refused-not-allowed");
    let words = Words {
        zh: said(Language::Chinese),
        en: said(Language::English),
    };
    Problem::new(Kind::NotAllowed, detail)
        .told(words, None)
        .error_response()
}

/// Whether a change that comes with a cookie was asked for by a page of that session.
async fn is_ours(pattern: &str, request: &mut ServiceRequest, caller: &Caller) -> bool {
    let is_open = access::TABLE.iter().any(|rule| {
        rule.path == pattern
            && rule.method == request.method().as_str()
            && rule.needs == Permission::Open
    });
    let Asker::Person { csrf, .. } = &caller.asker else {
        return true;
    };
    if is_open || request.method().is_safe() {
        return true;
    }
    if let Some(given) = request.headers().get(CSRF) {
        return given
            .to_str()
            .is_ok_and(|given| proof::is_same(given, csrf));
    }
    let media_type = request.headers().get(CONTENT_TYPE);
    let is_form = media_type.is_some_and(|media_type| {
        media_type
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if !is_form {
        return false;
    }
    let Ok(body) = request.extract::<Bytes>().await else {
        return false;
    };
    let is_ours = form_urlencoded::parse(&body)
        .any(|(name, value)| name == "csrf" && proof::is_same(&value, csrf));
    // whoever answers reads the form again
    let payload = Box::pin(stream::iter([Ok(body)]));
    request.set_payload(Payload::Stream { payload });
    is_ours
}
