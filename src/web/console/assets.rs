//! Styles and scripts, part of the program. Their tag is their content's hash, so that a browser
//! asks each time and is told in a few bytes that nothing has changed.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH},
    web::Path,
};
use ring::digest::{SHA256, digest};

use crate::web::problem::{Kind, Problem};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Name, media type, content.
const FILES: [(&str, &str, &str); 6] = [
    ("console.css", CSS, include_str!("assets/console.css")),
    ("live.js", JS, include_str!("assets/live.js")),
    ("counter.js", JS, include_str!("assets/counter.js")),
    ("pad.js", JS, include_str!("assets/pad.js")),
    ("people.js", JS, include_str!("assets/people.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

pub(super) async fn file(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (_, media_type, content) = FILES
        .into_iter()
        .find(|(known, ..)| *known == name.as_str())
        .ok_or_else(|| Problem::new(Kind::NotFound, "there is no such file"))?;
    let hash = digest(&SHA256, content.as_bytes());
    let tag = hash.as_ref().iter().take(8);
    let tag: String = tag.map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let has_it = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = if has_it {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .content_type(media_type)
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag));
    Ok(if has_it {
        answer.finish()
    } else {
        answer.body(content)
    })
}
