//! The house rules, run. Each says what it found and where, so that it can be mended without this
//! file.

use std::{fs, path::PathBuf, process::Command};

/// The longest source file of today, tests apart: a ratchet, only ever turned down.
const LONGEST_FILE_LINES: usize = 491;
const COLUMNS: usize = 100;

struct File {
    path: String,
    text: String,
}

impl File {
    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("tests/store")
    }

    /// The part above `#[cfg(test)] mod tests {`.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap()
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn rust_files() -> Vec<File> {
    let rust = tracked()
        .into_iter()
        .filter(|path| path.ends_with(".rs") && path != "tests/store/tidy.rs");
    let present = rust.filter(|path| root().join(path).exists());
    let files: Vec<File> = present
        .map(|path| File {
            text: fs::read_to_string(root().join(&path)).unwrap(),
            path,
        })
        .collect();
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

/// Fails with every place where `is_bad` holds.
fn forbid(what: &str, files: &[File], is_bad: impl Fn(&File, &str) -> bool) {
    let bad = |file: &&File| -> Vec<String> {
        let lines = file.lines().filter(|(_, line)| is_bad(file, line));
        lines
            .map(|(n, line)| format!("{}:{n}: {}", file.path, line.trim()))
            .collect()
    };
    let found: Vec<String> = files.iter().flat_map(|file| bad(&file)).collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn the_top_level_is_what_it_shall_be() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "actors",
        "config",
        "dashboards",
        "tests",
        "README.md",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
    ];
    for path in tracked() {
        let top = path.split('/').next().unwrap();
        assert!(
            top.starts_with('.') || allowed.contains(&top),
            "{top} does not belong at the top level"
        );
    }
}

#[test]
fn files_stay_small() {
    for file in rust_files().iter().filter(|file| !file.is_test()) {
        let lines = file.code().lines().count();
        assert!(
            lines <= LONGEST_FILE_LINES,
            "{} has {lines} lines: split it by reason to exist",
            file.path
        );
    }
}

#[test]
fn lines_stay_short() {
    forbid(
        "a comment longer than 100 columns",
        &rust_files(),
        |_, line| {
            let text = line.trim_start();
            // a table's row is one line
            text.starts_with("//") && !text.contains(" | ") && line.chars().count() > COLUMNS
        },
    );
    forbid("longer than 120 columns", &rust_files(), |file, line| {
        // what rustfmt leaves alone: macros, and literals that must stay whole
        let is_free = line.contains('"') || line.contains(" | ") || file.is_test();
        line.chars().count() > COLUMNS + 20 && !is_free
    });
}

#[test]
fn every_module_says_why_it_exists() {
    for file in rust_files() {
        let opens = file
            .text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let is_said = opens.starts_with("//!") || opens.starts_with("#![doc");
        assert!(is_said, "{} does not open with a //! paragraph", file.path);
    }
}

#[test]
fn there_is_no_mod_rs() {
    let found: Vec<String> = tracked()
        .into_iter()
        .filter(|path| path.ends_with("/mod.rs"))
        .collect();
    assert!(found.is_empty(), "foo.rs beside foo/, not {found:?}");
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    for word in [
        "TODO",
        "FIXME",
        "todo!(",
        "unimplemented!(",
        "#[ignore",
        "should_panic",
    ] {
        forbid(word, &rust_files(), |_, line| line.contains(word));
    }
}

#[test]
fn tests_wait_for_conditions_and_can_fail() {
    forbid("a sleeping thread", &rust_files(), |_, line| {
        line.contains("thread::sleep(")
    });
    forbid(
        "an assertion that asserts nothing",
        &rust_files(),
        |file, line| {
            file.is_test()
                && line.trim_start().starts_with("matches!(")
                && line.trim_end().ends_with(");")
        },
    );
}

#[test]
fn money_is_no_float() {
    forbid("a float in the domain", &rust_files(), |file, line| {
        let code = line.split("//").next().unwrap_or_default();
        file.path.starts_with("actors/src/domain") && (code.contains("f64") || code.contains("f32"))
    });
}

#[test]
fn the_core_knows_no_io() {
    let manifest = fs::read_to_string(root().join("actors/Cargo.toml")).unwrap();
    for io in [
        "sled",
        "rumqttc",
        "tokio-serial",
        "pcsc",
        "actix-web",
        "prometheus",
        "reqwest",
        "sqlx",
        "nix",
    ] {
        let named = manifest
            .lines()
            .any(|line| line.split(['.', ' ', '=']).next() == Some(io));
        assert!(!named, "the core depends on {io}");
    }
    forbid("I/O in the core", &rust_files(), |file, line| {
        let io = [
            "std::fs",
            "std::net",
            "tokio::fs",
            "tokio::net",
            "std::process",
        ];
        file.path.starts_with("actors/src")
            && !file.is_test()
            && io.iter().any(|path| line.contains(path))
    });
}
