//! Scanners with a customer before each: armed, they read a code at once. They speak over TCP, as
//! behind a serial device server, and obey the maker's trigger commands, so that a code comes when
//! the store wants one and not a moment later.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use store_actors::wire::scanner::{Family, HostCommand};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

#[derive(Debug)]
pub struct Scanners {
    pub ports: Vec<u16>,
    tasks: Vec<JoinHandle<()>>,
}

impl Scanners {
    pub async fn open(count: usize) -> Self {
        let codes = Arc::new(AtomicU64::new(1));
        let mut scanners = Self {
            ports: Vec::new(),
            tasks: Vec::new(),
        };
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            scanners.ports.push(listener.local_addr().unwrap().port());
            let codes = Arc::clone(&codes);
            scanners.tasks.push(tokio::spawn(async move {
                while let Ok((line, _)) = listener.accept().await {
                    tokio::spawn(scan(line, Arc::clone(&codes)));
                }
            }));
        }
        scanners
    }
}

impl Drop for Scanners {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn scan(mut line: TcpStream, codes: Arc<AtomicU64>) {
    let _ = line.set_nodelay(true);
    let mut heard: Vec<u8> = Vec::new();
    loop {
        match line.read_buf(&mut heard).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some((command, length)) = Family::Honeywell.recognise(&heard) {
            heard.drain(..length);
            if command != HostCommand::TriggerOn {
                continue;
            }
            // a code of its own for every customer
            let code = format!("28{:016}\r", codes.fetch_add(1, Ordering::Relaxed));
            if line.write_all(code.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
