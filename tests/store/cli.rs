//! The command line as a shell sees it: output, messages and exit codes.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
};

use nix::sys::signal::Signal;

use super::support::{eventually, free_port, send_signal};

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

fn snapshots(journal: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(journal.join("sled")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("snap."))
        .collect()
}

#[tokio::test]
async fn an_end_in_order_leaves_the_next_start_a_snapshot() {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let file = dir.path().join("store.toml");
    let text = format!(
        "[api]\nlisten = '127.0.0.1:{port}'\n[people]\nsign_in = 'off'\n[journal]\ndir = 'journal'\nmin_free_mib = 16\n"
    );
    fs::write(&file, text).unwrap();
    fs::write(dir.path().join("sandbox.key"), "a key for tests only\n").unwrap();
    let journal = dir.path().join("journal");
    let run = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_store-controller"));
        program.arg("run").arg("--config").arg(&file);
        program.stdout(Stdio::null()).spawn().unwrap()
    };
    let is_open = || async { TcpStream::connect(("127.0.0.1", port)).ok() };
    let mut controller = run();
    eventually("the API", is_open).await;
    let while_it_runs = snapshots(&journal);
    send_signal(&controller, Signal::SIGTERM);
    assert!(controller.wait().unwrap().success());
    let left = snapshots(&journal);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_ne!(left, while_it_runs);
}
