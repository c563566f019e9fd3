//! Devices at the end of a TCP connection: terminals and scanners with a network socket, and serial
//! servers.
//!
//! The device listens and the store connects. Whether the peer is alive is the protocol's own
//! heartbeat to find out; here is only the connection, without Nagle's delay and with a bound on
//! the time it takes.

use std::{io, time::Duration};

use store_actors::ports::{Duplex, LineOpener, Reply};
use tokio::{net::TcpStream, time::timeout};

/// A device's address.
#[derive(Clone, Debug)]
pub struct TcpLine {
    host: String,
    port: u16,
    connect_timeout: Duration,
}

impl TcpLine {
    /// `host` is a name or an address; names are looked up at each opening.
    pub fn new(host: impl Into<String>, port: u16, connect_timeout: Duration) -> Self {
        Self {
            host: host.into(),
            port,
            connect_timeout,
        }
    }
}

impl LineOpener for TcpLine {
    /// # Errors
    /// `TimedOut` after the connect time-out, else what the operating system says.
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move {
            let connect = TcpStream::connect((self.host.as_str(), self.port));
            let stream = timeout(self.connect_timeout, connect).await.map_err(|_| {
                let ms = self.connect_timeout.as_millis();
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no connection within {ms} ms"),
                )
            })??;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Duplex>)
        })
    }

    fn describe(&self) -> String {
        match self.host.contains(':') {
            true => format!("tcp://[{}]:{}", self.host, self.port),
            false => format!("tcp://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_and_a_hang_up_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = TcpLine::new(
            "127.0.0.1",
            listener.local_addr().unwrap().port(),
            Duration::from_secs(5),
        );
        let mut near = line.open().await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(b"to the device").await.unwrap();
        let mut read = [0; 13];
        far.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"to the device");
        drop(far);
        assert_eq!(near.read(&mut read).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn nobody_listening_is_an_error_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let line = TcpLine::new("127.0.0.1", port, Duration::from_secs(5));
        assert_eq!(
            line.open().await.err().unwrap().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert_eq!(line.describe(), format!("tcp://127.0.0.1:{port}"));
    }

    #[tokio::test]
    async fn a_peer_that_never_answers_is_given_up_in_time() {
        // a listener whose queue is full drops every further SYN
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let line = TcpLine::new("127.0.0.1", address.port(), Duration::from_millis(200));
        let mut held = Vec::new();
        for _ in 0..16 {
            match line.open().await {
                Ok(open) => held.push(open),
                Err(cause) => {
                    assert_eq!(cause.kind(), io::ErrorKind::TimedOut);
                    return;
                }
            }
        }
        panic!("a queue of one took {} connections", held.len());
    }
}
