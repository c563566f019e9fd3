//! The command line as a shell sees it: output, messages and exit codes.

use std::process::{Command, Output};

fn controller(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_store-controller"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_is_no_failure_and_has_examples() {
    let help = controller(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in [
        "run",
        "check-config",
        "doctor",
        "export",
        "verify",
        "payments",
        "Examples:",
        "--config",
    ] {
        assert!(text(&help.stdout).contains(word), "{word}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for arguments in [
        &["fly"][..],
        &["run", "--fast"],
        &[],
        &["check-config", "--config"],
    ] {
        let refused = controller(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(
            refused.stdout.is_empty() && !refused.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_configuration_in_order_is_exit_code_0() {
    let checked = controller(&["check-config"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).starts_with("the built-in configuration is in order"));
}

#[test]
fn a_faulty_configuration_is_exit_code_1_with_every_fault() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.toml");
    std::fs::write(&file, "[api]\nlisten = 1\n[jurnal]\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [
        ["check-config", "--config", file],
        ["run", "--config", file],
        ["--config", file, "run"],
    ] {
        let checked = controller(&arguments);
        assert_eq!(checked.status.code(), Some(1));
        let said = text(&checked.stderr);
        assert!(
            said.contains("store.toml:2: api.listen: is of type integer"),
            "{said}"
        );
        assert!(
            said.contains("store.toml:3: jurnal: unknown key; did you mean \"journal\"?"),
            "{said}"
        );
    }
}
