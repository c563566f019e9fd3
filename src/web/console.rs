//! The console: pages for cashiers, managers and operators, served by the controller itself.
//!
//! Pages are made here, from the same questions that the API asks, in the visitor's language.
//! Whenever the feed of events says that something happened, a few lines of script fetch the page
//! again and put the parts that change by themselves (`data-live`) in place of the old ones. So all
//! that is decided about a page is decided in one place, and a page keeps its place over a reload,
//! a lost connection and a restart. Deliberately not here: what only programs ask for (`super`),
//! and any state.

mod assets;
mod counter_page;
mod frame;
mod lists_page;
mod overview;
mod panel;
mod payments_page;
mod store_page;
mod story;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    middleware::DefaultHeaders,
    web::{self, ServiceConfig},
};
use askama::Template;

use super::{
    problem::{Kind, Problem},
    wrong_method,
};

/// What a page may load and do: its own scripts and styles, and nothing written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes(config: &mut ServiceConfig) {
    let headers = || {
        DefaultHeaders::new()
            .add(("content-security-policy", POLICY))
            .add(("x-content-type-options", "nosniff"))
            .add(("referrer-policy", "same-origin"))
    };
    let pages: [(&str, actix_web::Route); 8] = [
        ("/", web::get().to(store_page::page)),
        ("/counter/{id}", web::get().to(counter_page::page)),
        ("/payments", web::get().to(payments_page::page)),
        ("/payments/{id}", web::get().to(story::page)),
        ("/unknown", web::get().to(lists_page::unknown)),
        ("/outbox", web::get().to(lists_page::outbox)),
        ("/language/{tag}", web::get().to(frame::choose)),
        ("/assets/{name}", web::get().to(assets::file)),
    ];
    for (path, route) in pages {
        let page = web::resource(path).wrap(headers()).route(route);
        config.service(page.default_service(web::to(wrong_method)));
    }
}

/// A page.
fn shown(page: &impl Template) -> Result<HttpResponse, Problem> {
    let html = page.render().map_err(|cause| {
        tracing::error!(%cause, "a page can't be made");
        Problem::new(Kind::Internal, "the page can't be made")
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html))
}
