//! People, tokens, approvals and deeds as the API shows them. No secret is ever in an answer, but
//! for a token that was just made.

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::people::deed::{By, Deed},
    language::Language,
};
use utoipa::ToSchema;

use super::{RoleKind, ScopeKind};
use crate::people::book::{Person, Token};

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
pub enum LanguageKind {
    #[serde(rename = "zh-CN")]
    Chinese,
    #[serde(rename = "en")]
    English,
}

impl From<LanguageKind> for Language {
    fn from(kind: LanguageKind) -> Self {
        match kind {
            LanguageKind::Chinese => Language::Chinese,
            LanguageKind::English => Language::English,
        }
    }
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPerson)]
pub struct NewPersonModel {
    /// 1 to 64 characters, no slash.
    #[schema(example = "王芳")]
    pub name: String,
    pub role: RoleKind,
    pub language: LanguageKind,
    /// A PIN of 6 to 12 digits for cashiers and supervisors, or a password of 10 to 128 characters.
    #[schema(example = "493817")]
    pub secret: String,
}

/// What becomes different; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    #[schema(required = false)]
    pub role: Option<RoleKind>,
    #[schema(required = false)]
    pub language: Option<LanguageKind>,
    #[schema(required = false)]
    pub locked: Option<bool>,
    /// As in a new person.
    #[schema(required = false)]
    pub secret: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonModel {
    name: String,
    role: RoleKind,
    /// BCP 47.
    language: String,
    locked: bool,
    #[schema(format = DateTime)]
    changed_at: String,
}

impl From<&Person> for PersonModel {
    fn from(person: &Person) -> Self {
        Self {
            name: person.name.clone(),
            role: person.role.into(),
            language: person.language.clone(),
            locked: person.locked,
            changed_at: person.changed_at.to_string(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = People)]
pub struct PeopleModel {
    pub people: Vec<PersonModel>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct NewTokenModel {
    /// 1 to 64 characters; no other token has it.
    #[schema(example = "till 01")]
    pub name: String,
    /// At least one.
    pub scopes: Vec<ScopeKind>,
    /// Only at these counters; none or left out: at all.
    #[serde(default)]
    #[schema(required = false)]
    pub counters: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenModel {
    id: String,
    name: String,
    scopes: Vec<ScopeKind>,
    /// Empty: at all counters.
    counters: Vec<String>,
    #[schema(format = DateTime)]
    made_at: String,
    /// Empty for the command line.
    made_by: String,
    /// The token itself: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    token: Option<String>,
}

impl TokenModel {
    /// As it is shown once.
    pub fn with(self, token: String) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }
}

impl From<&Token> for TokenModel {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| (*scope).into()).collect(),
            counters: token.counters.iter().map(ToString::to_string).collect(),
            made_at: token.made_at.to_string(),
            made_by: token.made_by.clone(),
            token: None,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokensModel {
    pub tokens: Vec<TokenModel>,
}

/// A second person's word for one refund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// The payment that is refunded.
    pub payment: String,
    /// What is refunded, in the payment's currency; all that is left without it.
    #[schema(required = false)]
    pub amount: Option<String>,
    /// Who approves.
    pub name: String,
    /// The PIN or password of who approves.
    pub secret: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalModel {
    /// Send it as `X-Approval` with the refund, within two minutes. It is good for this payment and
    /// amount, for whoever asked for it, once.
    pub approval: String,
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deed)]
pub struct DeedModel {
    #[schema(format = DateTime)]
    at: String,
    /// `person`, `token`, `shell`, `unknown`.
    by: &'static str,
    /// Of the person or the token; of an unknown one, whose name was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    name: Option<String>,
    #[schema(example = "signed_in")]
    what: &'static str,
    /// A payment, a person, a counter, a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    approved_by: Option<String>,
    /// The address that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    from: Option<String>,
}

impl From<&Deed> for DeedModel {
    fn from(deed: &Deed) -> Self {
        let (by, name) = match &deed.by {
            By::Person(name) => ("person", Some(name.clone())),
            By::Token(name) => ("token", Some(name.clone())),
            By::Shell => ("shell", None),
            By::Unknown(claimed) => ("unknown", claimed.clone()),
        };
        Self {
            at: deed.at.to_string(),
            by,
            name,
            what: deed.what.as_str(),
            to: deed.to.clone(),
            amount: deed.money.map(|money| money.amount().to_string()),
            currency: deed.money.map(|money| money.currency().alpha()),
            approved_by: deed.approved_by.clone(),
            from: deed.from.clone(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deeds)]
pub struct DeedsModel {
    /// The latest first.
    pub deeds: Vec<DeedModel>,
}
