//! What comes in: bodies, queries, ids and keys, each bounded and refused with its reason.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use actix_web::{HttpRequest, http::header, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store_actors::domain::{
    money::{Currency, Money, MoneyRefused},
    payment::Fingerprint,
};

use super::problem::{Kind, Problem, Words, of_money};

/// Largest JSON body.
const JSON_BYTES_MAX: usize = 16 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest Idempotency-Key.
const KEY_BYTES_MAX: usize = 128;

pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::InvalidRequest, detail)
}

/// The whole body, if it is one of these media types and not larger than `max`.
pub(super) async fn body(
    request: &HttpRequest,
    mut payload: web::Payload,
    media_types: &[&str],
    max: usize,
) -> Result<Bytes, Problem> {
    let given = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = given.split(';').next().unwrap_or_default().trim();
    if !media_types
        .iter()
        .any(|known| known.eq_ignore_ascii_case(essence))
    {
        let detail = format!(
            "Content-Type is {given:?}; send {}",
            media_types.join(" or ")
        );
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let too_large = || Problem::new(Kind::BodyTooLarge, format!("send at most {max} bytes"));
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if announced
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > max as u64)
    {
        return Err(too_large());
    }
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|cause| invalid(format!("the body broke off: {cause}")))?;
            if body.len() + chunk.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let late = |_| Problem::new(Kind::RequestTimeout, "the body did not arrive in time");
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .map_err(late)?
}

/// A JSON body. Unknown fields are refused by the types themselves.
pub(super) async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    json_up_to(request, payload, JSON_BYTES_MAX).await
}

/// A body in JSON that may be larger than usual.
pub(super) async fn json_up_to<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    bytes_max: usize,
) -> Result<T, Problem> {
    let body = body(request, payload, &["application/json"], bytes_max).await?;
    serde_json::from_slice(&body).map_err(|cause| invalid(format!("the body: {cause}")))
}

/// The fields of a form.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Empty where it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// What a page's form sends.
pub(super) async fn form(request: &HttpRequest, payload: web::Payload) -> Result<Form, Problem> {
    let media_types = ["application/x-www-form-urlencoded"];
    let body = body(request, payload, &media_types, JSON_BYTES_MAX).await?;
    Ok(Form(form_urlencoded::parse(&body).into_owned().collect()))
}

/// What a page's form sends, as a type of its own: unknown fields are refused, but for what the
/// page proves itself with.
pub(super) async fn form_as<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    let Form(fields) = form(request, payload).await?;
    let mut own = form_urlencoded::Serializer::new(String::new());
    own.extend_pairs(fields.iter().filter(|(name, _)| *name != "csrf"));
    let fields = web::Query::<T>::from_query(&own.finish());
    fields
        .map(web::Query::into_inner)
        .map_err(|cause| invalid(format!("the form: {cause}")))
}

/// A query string. Unknown parameters are refused by the types themselves.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let query = web::Query::<T>::from_query(request.query_string());
    query
        .map(web::Query::into_inner)
        .map_err(|cause| invalid(format!("the query: {cause}")))
}

/// An id, a name or another thing that is written as text.
pub(super) fn parsed<T: FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|cause| invalid(format!("{name}: {cause}")))
}

/// How many to list, 1 to `max`.
pub(super) fn limit(asked: Option<usize>, usual: usize, max: usize) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(usual);
    if !(1..=max).contains(&limit) {
        return Err(invalid(format!("limit: 1 to {max}")));
    }
    Ok(limit)
}

/// Text for people: short, and nothing in it that could forge a line of a slip or a log.
pub(super) fn words(
    name: &str,
    text: Option<String>,
    max: usize,
) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if !(1..=max).contains(&text.chars().count()) || text.contains(char::is_control) {
        return Err(invalid(format!(
            "{name}: 1 to {max} characters, none of them a control character"
        )));
    }
    Ok(Some(text))
}

pub(super) fn money(amount: &str, currency: Currency) -> Result<Money, Problem> {
    let money = Money::parse(amount, currency).map_err(refused_money)?;
    if money.is_zero() {
        let detail = "the amount must be more than zero";
        let words = Words::of(|language| language.say("problem-amount-zero"));
        return Err(Problem::new(Kind::InvalidAmount, detail).told(words, None));
    }
    Ok(money)
}

pub(super) fn currency(code: &str) -> Result<Currency, Problem> {
    code.parse().map_err(refused_money)
}

fn refused_money(refused: MoneyRefused) -> Problem {
    let kind = match refused {
        MoneyRefused::UnknownCurrency(_) => Kind::ForeignCurrency,
        _ => Kind::InvalidAmount,
    };
    let problem = Problem::new(kind, refused.to_string());
    match of_money(&refused) {
        Some(words) => problem.told(words, None),
        None => problem,
    }
}

/// The request's Idempotency-Key with the hash of what the request means: how the body is laid out
/// makes no difference.
pub(super) fn fingerprint(
    request: &HttpRequest,
    meaning: &[Option<&str>],
) -> Result<Fingerprint, Problem> {
    let mut given = request.headers().get_all("idempotency-key");
    let key = given.next().ok_or_else(|| {
        let detail = "send a header Idempotency-Key with a value of your own for each new request, and the same \
                      value when you repeat it: only so a repeated request can't move money twice";
        Problem::new(Kind::KeyMissing, detail)
    })?;
    if given.next().is_some() {
        return Err(invalid("Idempotency-Key is there more than once"));
    }
    let key = key.to_str().unwrap_or_default().trim();
    // a structured field of the IETF draft is in quotes; most clients send it without
    let key = key
        .strip_prefix('"')
        .and_then(|key| key.strip_suffix('"'))
        .unwrap_or(key);
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(invalid(format!(
            "Idempotency-Key: 1 to {KEY_BYTES_MAX} visible ASCII characters, no spaces"
        )));
    }
    let meaning = serde_json::to_vec(meaning).map_err(|cause| invalid(cause.to_string()))?;
    let body = Sha256::digest(meaning)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Fingerprint {
        key: key.to_owned(),
        body,
    })
}
