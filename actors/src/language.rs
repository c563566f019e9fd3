//! Every word that people read, in the languages of the shop: Chinese and English, as Fluent files.
//!
//! A text is named by its id (`counter-ready`); what changes in it is an argument. The files are
//! part of the program, so a text can't be missing at run time: a test looks for every id that the
//! sources name, and for ids that nobody names. Deliberately not here: dates and money, which are
//! numbers and look the same in both languages.

use std::{borrow::Cow, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::langid;

#[cfg(test)]
#[path = "language/tests.rs"]
mod tests;
mod why;

pub use why::why;

/// A language of the shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Chinese,
    English,
}

/// The languages in which devices and slips speak, in their order; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Languages {
    pub first: Language,
    pub second: Option<Language>,
}

/// What stands in a text's variable: words, or a number that decides between singular and plural.
pub type Value<'a> = FluentValue<'a>;

type Bundle = FluentBundle<FluentResource>;

static CHINESE: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Language::Chinese, include_str!("language/zh-CN.ftl")));
static ENGLISH: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Language::English, include_str!("language/en.ftl")));

impl Language {
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }

    /// In its own words, for whoever looks for it.
    pub fn own_name(self) -> &'static str {
        self.of("中文", "English")
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The first language of an Accept-Language header (RFC 9110, 12.5.4) that there is. Browsers
    /// name them in the order of preference, so the weights are not looked at.
    pub fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(|range| {
            let tag = range.split(';').next().unwrap_or_default().trim();
            match tag.split('-').next().unwrap_or_default() {
                "zh" => Some(Language::Chinese),
                "en" => Some(Language::English),
                _ => None,
            }
        })
    }

    /// Of the two, the one in this language.
    pub fn of<T>(self, chinese: T, english: T) -> T {
        match self {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// The text of this id.
    pub fn say(self, id: &str) -> String {
        self.say_with(id, [])
    }

    /// The text of this id, with its variables.
    pub fn say_with<'a, const N: usize>(
        self,
        id: &str,
        arguments: [(&'static str, Value<'a>); N],
    ) -> String {
        let bundle = &**self.of(&CHINESE, &ENGLISH);
        let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
            tracing::error!(id, language = self.tag(), "there is no such text");
            return id.to_owned();
        };
        let arguments: FluentArgs<'a> = arguments.into_iter().collect();
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
        for error in errors {
            tracing::error!(id, language = self.tag(), %error, "a text lacks a variable");
        }
        Cow::into_owned(text)
    }
}

impl Default for Languages {
    fn default() -> Self {
        Self {
            first: Language::Chinese,
            second: Some(Language::English),
        }
    }
}

impl Languages {
    /// From BCP 47 tags: one or two that there are, each once.
    pub fn from_tags<T: AsRef<str>>(tags: &[T]) -> Option<Self> {
        let languages: Option<Vec<Language>> = tags
            .iter()
            .map(|tag| Language::from_tag(tag.as_ref()))
            .collect();
        match languages?.as_slice() {
            [first] => Some(Self {
                first: *first,
                second: None,
            }),
            [first, second] if first != second => Some(Self {
                first: *first,
                second: Some(*second),
            }),
            _ => None,
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Language> {
        std::iter::once(self.first).chain(self.second)
    }
}

fn bundle(language: Language, source: &str) -> Bundle {
    let id = match language {
        Language::Chinese => langid!("zh-CN"),
        Language::English => langid!("en"),
    };
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // marks around variables are for mixed directions of writing; terminals would show them
    bundle.set_use_isolating(false);
    let (resource, mistakes) = match FluentResource::try_new(source.to_owned()) {
        Ok(resource) => (resource, Vec::new()),
        Err((resource, mistakes)) => (resource, mistakes),
    };
    for mistake in mistakes {
        tracing::error!(language = language.tag(), %mistake, "a text can't be read");
    }
    bundle.add_resource_overriding(resource);
    bundle
}
