//! Each language has every text, with the same variables, and nothing that nobody says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::*;

const FILES: [(Language, &str); 2] = [
    (Language::Chinese, include_str!("zh-CN.ftl")),
    (Language::English, include_str!("en.ftl")),
];

/// Ids and the variables of each, in a file that is one text a line or an indented continuation.
fn texts(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut id = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        let mut value = line;
        if let Some((name, rest)) = line.split_once(" = ")
            && !line.starts_with([' ', '}'])
        {
            assert!(!texts.contains_key(name), "{name} is there twice");
            name.clone_into(&mut id);
            value = rest;
        }
        if value.trim().is_empty() {
            continue;
        }
        let variables = value.split('$').skip(1).map(|after| {
            let name = after.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            name.take(1).collect::<String>()
        });
        texts.entry(id.clone()).or_default().extend(variables);
    }
    texts
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_variables() {
    let [chinese, english] = FILES.map(|(_, source)| texts(source));
    assert!(chinese.len() > 20);
    assert_eq!(chinese, english);
}

#[test]
fn every_file_is_fluent() {
    for (language, source) in FILES {
        let mistakes = FluentResource::try_new(source.to_owned()).err();
        assert!(mistakes.is_none(), "{}: {mistakes:?}", language.tag());
        let bundle = bundle(language, source);
        assert!(texts(source).keys().all(|id| bundle.has_message(id)));
    }
}

/// All that is written in the program's sources and pages.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = ["rs", "html", "js"]
            .iter()
            .any(|end| path.extension().is_some_and(|ext| ext == *end));
        if path.is_dir() {
            sources(&path, into);
        } else if is_source && !path.ends_with("language/tests.rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_text_is_said_somewhere_and_every_id_said_is_a_text() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = String::new();
    sources(&root.join("src"), &mut written);
    sources(&root.join("../src"), &mut written);
    let texts = texts(FILES[0].1);
    let quoted: BTreeSet<&str> = written.split('"').collect();
    let unused: Vec<_> = texts
        .keys()
        .filter(|id| !quoted.contains(id.as_str()))
        .collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    let said = [".say(\"", ".say_with(\""];
    let missing: BTreeSet<&str> = said
        .iter()
        .flat_map(|call| written.split(call).skip(1))
        .filter_map(|after| after.split('"').next())
        .filter(|id| !texts.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "said and not there: {missing:?}");
}

#[test]
fn a_text_takes_its_variables() {
    let said = |language: Language| language.say_with("unknown-count", [("count", 2.into())]);
    assert_eq!(said(Language::English), "2 payments have no outcome yet");
    assert_eq!(said(Language::Chinese), "2 笔交易结果未知");
    let one = Language::English.say_with("unknown-count", [("count", 1.into())]);
    assert_eq!(one, "1 payment has no outcome yet");
    assert_eq!(Language::English.say("no-such-text"), "no-such-text");
}

#[test]
fn the_first_language_that_there_is() {
    let of = Language::accepted;
    assert_eq!(of("de-DE, en;q=0.8, zh"), Some(Language::English));
    assert_eq!(of("zh-TW,zh;q=0.9,en;q=0.8"), Some(Language::Chinese));
    assert_eq!(of("fr"), None);
    assert_eq!(of(""), None);
}
