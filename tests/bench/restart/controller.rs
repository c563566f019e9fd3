//! The real controller as a process, with whatever terminals it is told of.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, web};

use super::shop::{KEY, Shop};

/// In the environment of a process that is an HTTP server on actix and nothing else.
pub const BARE: &str = "RESTART_BENCH_BARE";

/// What the acquirer takes.
const FEES: &str = "[[fee]]\nname = \"S\"\nacquirer = \"sandbox\"\nrate_percent = \"0.6\"\nrounding = \"half_up\"\n\
    rounded_per = \"transaction\"\nrefund = \"given_back\"\n";

const READY_WITHIN: Duration = Duration::from_secs(300);
const ASK_AGAIN: Duration = Duration::from_millis(5);

pub struct Controller {
    process: Child,
    listen: SocketAddr,
    began: Instant,
    /// Configuration and log lie here.
    _folder: tempfile::TempDir,
}

impl Controller {
    /// Starts one over this journal.
    pub fn start(journal: &Path, shop: &Shop) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = free_address();
        let file = folder.path().join("store.toml");
        fs::write(folder.path().join("sandbox.key"), format!("{KEY}\n")).unwrap();
        fs::write(folder.path().join("fees.toml"), FEES).unwrap();
        fs::write(&file, shop.configuration(journal, listen)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let began = Instant::now();
        let process = Command::new(env!("CARGO_BIN_EXE_store-controller"))
            .arg("run")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            process,
            listen,
            began,
            _folder: folder,
        }
    }

    /// Until it says that payments can be taken: the journal is open, a counter's devices are
    /// there, and the acquirer has answered.
    pub fn ready(&mut self) -> Duration {
        self.until("/readyz", |_| true);
        self.began.elapsed()
    }

    /// Asks until the answer is as wanted.
    pub fn until(&mut self, path: &str, is_wanted: impl Fn(&str) -> bool) {
        loop {
            let answer = ask(self.listen, path);
            if answer.is_some_and(|answer| is_wanted(&answer)) {
                return;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the controller ended: {}", self.log());
            let waited = self.began.elapsed();
            assert!(waited < READY_WITHIN, "not ready: {}", self.log());
            pause();
        }
    }

    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Resident memory, in MiB.
    pub fn rss_mib(&self) -> f64 {
        rss_mib(self.process.id())
    }

    fn log(&self) -> String {
        fs::read_to_string(self._folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of a 200, if that is the answer.
fn ask(at: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits a moment without a runtime: nobody ever sends on this channel.
pub fn pause() {
    let (_sender, silence) = std::sync::mpsc::channel::<()>();
    let _ = silence.recv_timeout(ASK_AGAIN);
}

fn rss_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .unwrap();
    kib / 1024.0
}

/// Resident memory of an actix HTTP server that does nothing, in MiB.
pub fn bare_rss_mib() -> f64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .env(BARE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let found = rss_mib(process.id());
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(line.trim(), "serving");
    found
}

pub fn bare_process() {
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().route("/", web::get().to(HttpResponse::Ok));
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        let serving = server.run();
        println!("serving");
        serving.await.unwrap();
    });
}
