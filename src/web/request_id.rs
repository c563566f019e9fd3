//! Each request has an id: the caller's own `X-Request-Id`, or one made here. The answer carries
//! it, and every line of the log that the request gives rise to in this thread.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tokio::time::Instant;
use tracing::Instrument as _;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const CHARACTERS_MAX: usize = 64;

/// Names the request, and logs how it was answered: changes and failures always, the rest for
/// whoever looks for it.
///
/// # Errors
/// Those of what comes behind it.
pub(super) async fn name(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = given(request.headers()).unwrap_or_else(fresh);
    let method = request.method().clone();
    let span = tracing::info_span!("request", id, %method, path = request.path());
    let begun = Instant::now();
    let mut answer = next.call(request).instrument(span.clone()).await;
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let _in_span = span.entered();
    let (status, ms) = (status.as_u16(), begun.elapsed().as_millis());
    match (status, method) {
        (500.., _) => tracing::warn!(status, ms, "a request failed"),
        (_, Method::GET | Method::HEAD | Method::OPTIONS) => {
            tracing::debug!(status, ms, "answered");
        }
        _ => tracing::info!(status, ms, "answered"),
    }
    if let Ok(response) = &mut answer
        && let Ok(value) = HeaderValue::from_str(&id)
    {
        response.headers_mut().insert(HEADER, value);
    }
    answer
}

/// The caller's, if nothing in it could forge a line of the log.
fn given(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let fits = (1..=CHARACTERS_MAX).contains(&text.len());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (fits && text.chars().all(is_plain)).then(|| text.to_owned())
}

/// Letters only: hexadecimal digits are now and then all decimal, and sixteen of them look like a
/// card's number to those who search the logs for such.
fn fresh() -> String {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        return "unnamed".to_owned();
    }
    let nibbles = random.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.map(|nibble| char::from(b'a' + nibble)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_s_id_is_kept_if_it_is_harmless() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_str(text).unwrap());
            given(&headers)
        };
        assert_eq!(of("till-7:00042").as_deref(), Some("till-7:00042"));
        assert_eq!(of("two words"), None);
        assert_eq!(of(""), None);
        assert_eq!(of(&"x".repeat(65)), None);
        assert_eq!(given(&HeaderMap::new()), None);
    }

    #[test]
    fn an_id_made_here_is_of_letters_and_another_each_time() {
        let ids = [fresh(), fresh()];
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            assert_eq!(id.len(), 16);
            assert!(id.bytes().all(|b| b.is_ascii_lowercase()), "{id}");
        }
    }
}
