//! Routes as they are registered: each behind the guard of its own pattern, so that none is served
//! that the table of who may what (`domain::people::access`) does not know.

use actix_web::{
    FromRequest, Handler, Responder, Route,
    middleware::{DefaultHeaders, from_fn},
    web::{self, ServiceConfig},
};
use store_actors::domain::people::access;

use super::{console, guard, wrong_method};

/// A method and what answers it.
pub(super) struct Served {
    method: &'static str,
    route: Route,
}

#[derive(Clone, Copy)]
pub(super) enum Verb {
    Get,
    Post,
}

impl Verb {
    pub(super) fn to<F, Args>(self, handler: F) -> Served
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let (method, route) = match self {
            Verb::Get => ("GET", web::get()),
            Verb::Post => ("POST", web::post()),
        };
        Served {
            method,
            route: route.to(handler),
        }
    }
}

/// A path with all that answers there.
pub(super) struct Path {
    pattern: &'static str,
    routes: Vec<Served>,
}

impl Path {
    pub(super) fn new(pattern: &'static str, routes: Vec<Served>) -> Self {
        Self { pattern, routes }
    }

    /// Method and pattern of each route.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.routes
            .iter()
            .map(|served| (served.method, self.pattern))
    }

    pub(super) fn register(self, config: &mut ServiceConfig) {
        let pattern = self.pattern;
        let resource = self
            .routes
            .into_iter()
            .fold(web::resource(pattern), |resource, served| {
                resource.route(served.route)
            });
        let headers = match access::is_page(pattern) || pattern.starts_with("/assets/") {
            true => console::headers(),
            false => DefaultHeaders::new(),
        };
        let guarded = resource
            .default_service(web::to(wrong_method))
            .wrap(from_fn(move |request, next| {
                guard::guard(pattern, request, next)
            }))
            .wrap(headers);
        config.service(guarded);
    }
}
