//! That the API can be listened on, and that nothing listens on a public address unasked: of the
//! running controller, the kernel's own list is read, not what the configuration promises.

use std::{
    collections::HashSet,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use super::{disk::Holder, finding::Finding};
use crate::config::Api;

/// `TCP_LISTEN` of the kernel, in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// `door`: where providers tell of payments, which is meant to be reached from outside.
pub(super) async fn check(
    api: Api,
    door: Option<SocketAddr>,
    controller: Option<Holder>,
) -> Vec<Finding> {
    let what = format!("API on {}", api.listen);
    let mut findings = vec![public(&what, &api)];
    match controller.and_then(|holder| holder.pid) {
        Some(pid) => findings.extend(of_process(pid, &api, door)),
        None => {
            findings.extend(free(&what, "api.listen", api.listen));
            findings.extend(door.and_then(|door| {
                let what = format!("door for notifications on {door}");
                free(&what, "notifications.listen", door)
            }));
        }
    }
    findings
}

fn public(what: &str, api: &Api) -> Finding {
    match api.listen.ip().is_loopback() {
        true => Finding::ok(format!("{what}: this machine only")),
        false => Finding::warn(
            format!("{what}: open to the network, over TLS, and everybody signs in"),
            "let a firewall admit the shop's tills and screens and nobody else",
        ),
    }
}

fn free(what: &str, key: &str, listen: SocketAddr) -> Option<Finding> {
    let cause = TcpListener::bind(listen).err()?;
    Some(match cause.kind() {
        io::ErrorKind::AddrInUse => Finding::fail(
            format!("{what}: another program listens there"),
            format!(
                "end it, `sudo ss -ltnp sport = :{}` names it; or change {key}",
                listen.port()
            ),
        ),
        io::ErrorKind::AddrNotAvailable => Finding::fail(
            format!("{what}: this machine has no such address"),
            format!("correct {key}"),
        ),
        io::ErrorKind::PermissionDenied => Finding::fail(
            format!("{what}: ports below 1024 are for root"),
            format!("choose a higher port for {key}"),
        ),
        _ => Finding::fail(format!("{what}: {cause}"), format!("correct {key}")),
    })
}

fn of_process(pid: u32, api: &Api, door: Option<SocketAddr>) -> Vec<Finding> {
    let found = match listened_on(pid) {
        Ok(found) => found,
        Err(cause) => {
            let what = format!("what process {pid} listens on can't be seen: {cause}");
            return vec![Finding::warn(
                what,
                "run doctor as the controller's user, or as root",
            )];
        }
    };
    if !found
        .iter()
        .any(|address| address.port() == api.listen.port())
    {
        return vec![Finding::fail(
            format!(
                "the controller (process {pid}) does not listen on {}",
                api.listen
            ),
            "it runs with another configuration, or is starting or ending",
        )];
    }
    let is_asked = |address: &SocketAddr| *address == api.listen || Some(*address) == door;
    let unasked = found
        .iter()
        .filter(|address| !address.ip().is_loopback() && !is_asked(address));
    let unasked: Vec<_> = unasked
        .map(|address| {
            Finding::fail(
                format!("process {pid} listens on {address} unasked"),
                "restart the controller with this configuration; if it stays, close the port",
            )
        })
        .collect();
    match unasked.is_empty() {
        true => vec![Finding::ok(format!(
            "process {pid} listens on nothing public unasked"
        ))],
        false => unasked,
    }
}

/// The addresses on which a process listens for TCP.
fn listened_on(pid: u32) -> io::Result<Vec<SocketAddr>> {
    let mut inodes = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // a descriptor may have been closed since
        let Ok(target) = entry.and_then(|entry| fs::read_link(entry.path())) else {
            continue;
        };
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        inodes.extend(inode.map(str::to_owned));
    }
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        // a kernel without IPv6 has no table of it
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        let rows = text.lines().skip(1).filter_map(row);
        found.extend(
            rows.filter(|(_, inode)| inodes.contains(*inode))
                .map(|(address, _)| address),
        );
    }
    Ok(found)
}

/// Local address and inode of a row that listens.
fn row(row: &str) -> Option<(SocketAddr, &str)> {
    let mut fields = row.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    (state == LISTEN).then_some((address(local)?, inode))
}

/// `0100007F:2198`: words in the machine's own byte order, the port in the network's.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok();
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?.to_ne_bytes()).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(ip.into(), IpAddr::from)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(listen: SocketAddr) -> Api {
        let config = crate::config::Config::load(None).unwrap();
        Api {
            listen,
            ..config.api
        }
    }

    #[test]
    fn the_kernel_tells_what_this_process_listens_on() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let public = TcpListener::bind("0.0.0.0:0").unwrap();
        let six = TcpListener::bind("[::1]:0").ok();
        let found = listened_on(std::process::id()).unwrap();
        for listener in [Some(&four), Some(&public), six.as_ref()]
            .into_iter()
            .flatten()
        {
            let address = listener.local_addr().unwrap();
            assert!(found.contains(&address), "{address} is not in {found:?}");
        }
        let of = |listener: &TcpListener, door: Option<SocketAddr>| {
            let api = api(listener.local_addr().unwrap());
            let found = of_process(std::process::id(), &api, door);
            found.iter().map(Finding::to_string).collect::<String>()
        };
        let unasked = public.local_addr().unwrap();
        let complaint = format!("listens on {unasked} unasked");
        assert!(of(&four, None).contains(&complaint));
        assert!(!of(&public, None).contains(&complaint));
        assert!(!of(&four, Some(unasked)).contains(&complaint));
    }

    #[test]
    fn an_address_in_use_is_a_failure_and_a_free_one_is_none() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let found = free("API", "api.listen", address).unwrap().to_string();
        assert!(
            found.starts_with("fail") && found.contains("another program"),
            "{found}"
        );
        drop(taken);
        assert!(free("API", "api.listen", address).is_none());
        let elsewhere = "192.0.2.1:8600".parse().unwrap();
        let found = free("API", "api.listen", elsewhere).unwrap().to_string();
        assert!(found.contains("no such address"), "{found}");
    }
}
