//! The devices' lines: serial ports that open exclusively, addresses that take a connection.

use std::{fmt::Write as _, io, path::Path};

use store_actors::ports::LineOpener;

use super::{ANSWER_WITHIN, disk::Holder, finding::Finding};
use crate::{
    adapters::{serial::SerialLine, tcp::TcpLine},
    config::Line,
};

const BY_ID: &str = "/dev/serial/by-id";

pub(super) async fn check(what: String, line: Line, controller: Option<Holder>) -> Vec<Finding> {
    let what = format!("{what}: {}", line.describe());
    vec![match line {
        Line::Serial { path, settings } => {
            let opened = SerialLine::new(&path, settings).open().await;
            serial(&what, &path, opened.map(drop), controller)
        }
        Line::Tcp {
            host,
            port,
            connect_timeout,
        } => match controller {
            // many devices take one connection only: a second one could cost the controller its own
            Some(holder) => Finding::ok(format!("{what} not tried, {holder} is connected to it")),
            None => {
                let line = TcpLine::new(host, port, connect_timeout.min(ANSWER_WITHIN));
                tcp(&what, line.open().await.map(drop))
            }
        },
    }]
}

fn serial(what: &str, path: &Path, opened: io::Result<()>, controller: Option<Holder>) -> Finding {
    let Err(cause) = opened else {
        return Finding::ok(format!("{what} opens"));
    };
    match (cause.kind(), controller) {
        (io::ErrorKind::ResourceBusy, Some(holder)) => Finding::ok(format!(
            "{what} is held, as it should be while {holder} runs"
        )),
        (io::ErrorKind::ResourceBusy, None) => Finding::fail(
            format!("{what} is in use by another program"),
            format!(
                "end that program; `sudo fuser -v {}` names it",
                path.display()
            ),
        ),
        (io::ErrorKind::NotFound, _) => {
            Finding::fail(format!("{what} is not there"), not_there(path))
        }
        (io::ErrorKind::PermissionDenied, _) => Finding::fail(
            format!("{what} may not be opened by this user"),
            "add the user to group dialout: `sudo usermod -aG dialout USER`, then log in again",
        ),
        _ => Finding::fail(
            format!("{what} does not open: {cause}"),
            "is it a serial port? Unplug the device and plug it in again, then look at `dmesg`",
        ),
    }
}

/// Names what is there instead: mostly the right one is among them.
fn not_there(path: &Path) -> String {
    let mut action = "plug the device in and switch it on, or correct its `line`".to_owned();
    let others = std::fs::read_dir(BY_ID).into_iter().flatten().flatten();
    let others: Vec<_> = others
        .map(|entry| entry.path())
        .filter(|other| other != path)
        .map(|other| other.display().to_string())
        .collect();
    let _ = match others.is_empty() {
        true => write!(action, "; {BY_ID} lists none"),
        false => write!(action, "; there are: {}", others.join(", ")),
    };
    action
}

fn tcp(what: &str, opened: io::Result<()>) -> Finding {
    let Err(cause) = opened else {
        return Finding::ok(format!("{what} takes a connection"));
    };
    let action = match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            "the host is there and nothing listens: correct the port, or switch the device's \
             network interface on"
        }
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => {
            "switch the device on, check its cable, address and the network between"
        }
        _ => "correct the host's name or address in its `line`",
    };
    Finding::fail(format!("{what} takes no connection: {cause}"), action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_way_out() {
        let path = Path::new("/dev/ttyX");
        let said = |kind: io::ErrorKind, controller: Option<Holder>| {
            serial("scanner", path, Err(kind.into()), controller).to_string()
        };
        assert!(said(io::ErrorKind::NotFound, None).contains("plug the device in"));
        assert!(said(io::ErrorKind::PermissionDenied, None).contains("group dialout"));
        assert!(said(io::ErrorKind::ResourceBusy, None).contains("fuser -v /dev/ttyX"));
        let holder = Some(Holder { pid: Some(17) });
        assert_eq!(
            said(io::ErrorKind::ResourceBusy, holder),
            "ok    scanner is held, as it should be while the controller (process 17) runs"
        );
        let refused = tcp("terminal", Err(io::ErrorKind::ConnectionRefused.into())).to_string();
        assert!(refused.starts_with("fail") && refused.contains("correct the port"));
    }

    #[tokio::test]
    async fn a_device_that_the_controller_holds_gets_no_second_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let line = Line::Tcp {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            connect_timeout: ANSWER_WITHIN,
        };
        let holder = Some(Holder { pid: None });
        let found = check("terminal".into(), line.clone(), holder).await;
        assert!(found[0].to_string().starts_with("ok"));
        assert!(listener.accept().is_err());
        check("terminal".into(), line, None).await;
        assert!(listener.accept().is_ok());
    }
}
