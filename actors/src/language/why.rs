//! Why something is not there, in words for people.
//!
//! Devices, lines, readers and acquirers say why in a few English sentences, which stand in the log
//! and are told to programs. Each has a text here. What they had from the system itself ("Is a
//! directory (os error 21)") stays as it came, behind the text of what it was about.

use super::{Language, Value};

/// Whole sentences.
const SENTENCES: [(&str, &str); 17] = [
    ("not plugged in", "why-not-plugged-in"),
    ("unplugged", "why-unplugged"),
    ("nothing listens there", "why-nothing-listens"),
    ("cannot be opened: no answer", "why-no-answer-at-opening"),
    ("switched off", "why-switched-off"),
    ("the reader says nothing", "why-reader-mute"),
    ("the reader's service ended", "why-service-gone"),
    ("the PC/SC service is gone", "why-service-gone"),
    ("the reader was unplugged", "why-unplugged"),
    ("no reader of this name is plugged in", "why-no-such-reader"),
    (
        "several readers' names begin like this",
        "why-several-readers",
    ),
    ("the terminal was unplugged", "why-unplugged"),
    ("the terminal does not answer", "why-no-answer"),
    ("no answer in time", "why-no-answer"),
    ("the answer's signature is wrong", "why-wrong-signature"),
    ("the answer is for another order", "why-wrong-signature"),
    ("starting", "why-starting"),
];

/// Beginnings, before what differs from case to case.
const BEGINNINGS: [(&str, &str); 9] = [
    ("takes no data for ", "why-takes-no-data"),
    ("not allowed to open it: ", "why-not-allowed"),
    ("the reader is not there: ", "why-reader-gone"),
    ("the reader failed: ", "why-failed"),
    ("failed: ", "why-failed"),
    ("could not be sent: ", "why-not-sent"),
    ("the connection broke: ", "why-broken"),
    ("the acquirer failed with ", "why-acquirer-failed"),
    ("the request was refused: ", "why-request-refused"),
];

/// What `said` means, in words; `said` itself where it is none of the known ones.
pub fn why(language: Language, said: &str) -> String {
    let is = |(sentence, _): &&(&str, &str)| *sentence == said;
    if let Some((_, id)) = SENTENCES.iter().find(is) {
        return language.say(id);
    }
    let begun = BEGINNINGS.iter();
    let mut begun = begun.filter_map(|(begin, id)| Some((said.strip_prefix(begin)?, id)));
    match begun.next() {
        Some((rest, id)) => {
            let rest = Value::from(why(language, rest));
            language.say_with(id, [("rest", rest)])
        }
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn what_devices_say_is_said_in_the_shops_language() {
        for (said, chinese) in [
            ("unplugged", "已拔出"),
            ("takes no data for 2000 ms", "不接收数据：2000 ms"),
            (
                "the reader is not there: no reader of this name is plugged in",
                "读卡器不在：没有插入此名称的读卡器",
            ),
            ("could not be sent: no answer in time", "无法发出：没有响应"),
            ("a new kind of trouble", "a new kind of trouble"),
        ] {
            assert_eq!(why(Language::Chinese, said), chinese);
        }
        assert_eq!(why(Language::English, "unplugged"), "Unplugged");
    }

    /// A sentence that is changed where it is said is changed here.
    #[test]
    fn each_of_them_is_said_somewhere() {
        fn read(folder: &Path, into: &mut String) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, into);
                } else if path.extension().is_some_and(|ext| ext == "rs")
                    && !path.ends_with("language/why.rs")
                {
                    into.push_str(&fs::read_to_string(&path).unwrap());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut written = String::new();
        read(&root.join("src"), &mut written);
        read(&root.join("../src"), &mut written);
        for (said, _) in SENTENCES.iter().chain(&BEGINNINGS) {
            assert!(written.contains(said), "nobody says {said:?}");
        }
    }
}
