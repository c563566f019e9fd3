//! Who asks: what the guard has found out, for whoever answers.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use store_actors::domain::{
    ids::CounterId,
    people::{
        access::{self, Verdict, Who},
        deed::By,
    },
};

use super::problem::{Kind, Problem};
use crate::people::book::{Person, Token};

/// Who asks, and from where.
#[derive(Clone)]
pub(super) struct Caller {
    pub asker: Asker,
    /// The address that the connection came from; empty if it has none.
    pub from: String,
}

#[derive(Clone)]
pub(super) enum Asker {
    /// Sign-in is off: everybody may everything, and nobody has a name.
    Anyone,
    Nobody {
        is_local: bool,
    },
    Person {
        person: Arc<Person>,
        /// What the pages of this session carry.
        csrf: Arc<str>,
    },
    Token(Arc<Token>),
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({:?})", self.by())
    }
}

impl Caller {
    /// As whom deeds are written down; `None` where nobody signs in.
    pub(super) fn by(&self) -> Option<By> {
        match &self.asker {
            Asker::Anyone => None,
            Asker::Nobody { .. } => Some(By::Unknown(None)),
            Asker::Person { person, .. } => Some(By::Person(person.name.clone())),
            Asker::Token(token) => Some(By::Token(token.name.clone())),
        }
    }

    /// The person's or the token's.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.asker {
            Asker::Anyone | Asker::Nobody { .. } => None,
            Asker::Person { person, .. } => Some(&person.name),
            Asker::Token(token) => Some(&token.name),
        }
    }

    /// The name of whoever is signed in, whatever name was given; programs and shops without a
    /// sign-in are believed.
    pub(super) fn signed(&self, given: Option<String>) -> Option<String> {
        let own = self.person().map(|person| person.name.clone());
        own.or(given)
    }

    pub(super) fn person(&self) -> Option<&Person> {
        match &self.asker {
            Asker::Person { person, .. } => Some(person),
            _ => None,
        }
    }

    /// Empty where there is no session to protect.
    pub(super) fn csrf(&self) -> &str {
        match &self.asker {
            Asker::Person { csrf, .. } => csrf,
            _ => "",
        }
    }

    pub(super) fn verdict(&self, method: &str, pattern: &str) -> Verdict {
        let who = match &self.asker {
            Asker::Anyone => return Verdict::Allowed,
            Asker::Nobody { is_local } => Who::Nobody {
                is_local: *is_local,
            },
            Asker::Person { person, .. } => Who::Person(person.role),
            Asker::Token(token) => Who::Token(&token.scopes),
        };
        access::verdict(method, pattern, who)
    }

    /// Whether there is anything for `check_counter` to find out.
    pub(super) fn is_bound(&self) -> bool {
        matches!(&self.asker, Asker::Token(token) if !token.counters.is_empty())
    }

    /// A token that is for some counters is for no other.
    ///
    /// # Errors
    /// `not-allowed`.
    pub(super) fn check_counter(&self, counter: &CounterId) -> Result<(), Problem> {
        match &self.asker {
            Asker::Token(token)
                if !(token.counters.is_empty() || token.counters.contains(counter)) =>
            {
                let detail = format!("this token is not for counter {counter}");
                Err(Problem::new(Kind::NotAllowed, detail))
            }
            _ => Ok(()),
        }
    }
}

impl FromRequest for Caller {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        // a route without a guard is served to nobody
        let unguarded = || Problem::new(Kind::NotAllowed, "nobody may").into();
        ready(caller.ok_or_else(unguarded))
    }
}
