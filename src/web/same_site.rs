//! Pages of other sites ask nothing of the store that changes anything.
//!
//! A browser at the counter sends requests wherever a page tells it to. It says in a header of its
//! own (Fetch Metadata, `Sec-Fetch-Site`; older ones in `Origin`) whose page it was; tills and
//! other programs send neither.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HOST, HeaderMap, ORIGIN},
    middleware::Next,
};

use super::problem::{Kind, Problem};

/// Refuses what another site's page has the browser ask.
///
/// # Errors
/// `cross-site`, as a problem.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !request.method().is_safe() && is_foreign(request.headers()) {
        let detail = "a page of another site asked for this; open the store's own page";
        return Err(Problem::new(Kind::CrossSite, detail).into());
    }
    next.call(request).await
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return false;
    };
    let host = text(HOST.as_str());
    let origin = origin.split_once("://").map(|(_, host)| host);
    origin.is_none() || origin != host
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn whose_page_it_was() {
        let foreign = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let name = HeaderName::from_static(name);
                headers.insert(name, HeaderValue::from_static(value));
            }
            is_foreign(&headers)
        };
        let host = ("host", "127.0.0.1:8600");
        assert!(!foreign(&[host]), "a till");
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[host, ("sec-fetch-site", "none")]));
        assert!(foreign(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(
            foreign(&[host, ("sec-fetch-site", "same-site")]),
            "another port"
        );
        assert!(!foreign(&[host, ("origin", "http://127.0.0.1:8600")]));
        assert!(foreign(&[host, ("origin", "http://127.0.0.1:9000")]));
        assert!(foreign(&[host, ("origin", "null")]));
    }
}
