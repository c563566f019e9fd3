//! Card readers by PC/SC: the service runs, and each configured name means exactly one reader.

use tokio::task::spawn_blocking;

use super::finding::Finding;
use crate::adapters::pcsc::{ListFailed, list_readers};

/// `wanted`: counter and the reader's name, as configured.
pub(super) async fn check(wanted: Vec<(String, String)>) -> Vec<Finding> {
    match spawn_blocking(list_readers).await {
        Ok(Ok(names)) => found(&wanted, &names),
        Ok(Err(failed)) => vec![no_list(&wanted, &failed)],
        Err(_) => Vec::new(),
    }
}

fn no_list(wanted: &[(String, String)], failed: &ListFailed) -> Finding {
    match failed {
        _ if wanted.is_empty() => {
            Finding::ok("card readers: none is configured, PC/SC does not run")
        }
        ListFailed::NoService(_) => Finding::fail(
            "card readers: the PC/SC service does not run",
            "sudo apt-get install pcscd && sudo systemctl enable --now pcscd.socket",
        ),
        ListFailed::Failed(cause) => Finding::fail(
            format!("card readers: PC/SC does not list them: {cause}"),
            "sudo systemctl restart pcscd, and look at its log",
        ),
    }
}

fn found(wanted: &[(String, String)], names: &[String]) -> Vec<Finding> {
    let all = match names.is_empty() {
        true => "none is plugged in".to_owned(),
        false => format!("there are: {}", names.join(", ")),
    };
    if wanted.is_empty() {
        return vec![Finding::ok(format!(
            "card readers: none is configured, {all}"
        ))];
    }
    let one = |(counter, name): &(String, String)| {
        let what = format!("card reader of counter {counter}: {name:?}");
        let alike = names
            .iter()
            .filter(|found| found.starts_with(name.as_str()));
        match (names.contains(name), alike.count()) {
            (true, _) | (false, 1) => Finding::ok(format!("{what} is there")),
            (false, 0) => Finding::fail(
                format!("{what} is not there; {all}"),
                "plug it in, or correct nfc.reader",
            ),
            (false, _) => Finding::fail(
                format!("{what} means several; {all}"),
                "write the whole name in nfc.reader, with its two numbers",
            ),
        }
    };
    wanted.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_reader_or_is_a_failure() {
        let names = ["A 00 00", "A 01 00", "B x 00 00"].map(String::from);
        for (wanted, level) in [
            ("A 01 00", "ok"),
            ("B x", "ok"),
            ("A", "fail"),
            ("C", "fail"),
        ] {
            let wanted = [("01".to_owned(), wanted.to_owned())];
            let said = found(&wanted, &names)[0].to_string();
            assert!(said.starts_with(level), "{said}");
        }
        let said = found(&[], &names)[0].to_string();
        assert!(said.contains("A 00 00, A 01 00, B x 00 00"), "{said}");
    }

    #[test]
    fn a_service_that_nobody_needs_need_not_run() {
        let failed = ListFailed::NoService(pcsc::Error::NoService);
        assert!(no_list(&[], &failed).to_string().starts_with("ok"));
        let wanted = [("01".to_owned(), "A".to_owned())];
        assert!(
            no_list(&wanted, &failed)
                .to_string()
                .contains("apt-get install pcscd")
        );
    }
}
