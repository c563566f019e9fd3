//! The console: pages for cashiers, managers and operators, served by the controller itself.
//!
//! Pages are made here, from the same questions that the API asks, in the visitor's language. What
//! changes by itself is a fragment of a page under a path of its own; a few lines of script fetch
//! it again whenever the feed of events says that something happened. So all that is decided about
//! a page is decided in one place, and a page keeps its place over a reload, a lost connection and
//! a restart. Deliberately not here: what only programs ask for (`super`), and any state.

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
use store_actors::language::Language;

use super::problem::{Kind, Problem};

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
    let pages: [(&str, actix_web::Route); 13] = [
        ("/", web::get().to(store_page::page)),
        ("/store/overview", web::get().to(store_page::overview)),
        ("/counter/{id}", web::get().to(counter_page::page)),
        ("/counter/{id}/panel", web::get().to(counter_page::panel)),
        ("/payments", web::get().to(payments_page::page)),
        ("/payments/list", web::get().to(payments_page::list)),
        ("/payments/{id}", web::get().to(story::page)),
        ("/payments/{id}/steps", web::get().to(story::steps)),
        ("/unknown", web::get().to(lists_page::unknown)),
        ("/unknown/list", web::get().to(lists_page::unknown_list)),
        ("/outbox", web::get().to(lists_page::outbox)),
        ("/language/{tag}", web::get().to(frame::choose)),
        ("/assets/{name}", web::get().to(assets::file)),
    ];
    for (path, route) in pages {
        config.service(web::resource(path).wrap(headers()).route(route));
    }
}

/// A page, or a fragment of one.
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

/// One of an answer's two languages.
fn of_words(words: &super::problem::Words, language: Language) -> String {
    match language {
        Language::Chinese => words.zh.clone(),
        Language::English => words.en.clone(),
    }
}
