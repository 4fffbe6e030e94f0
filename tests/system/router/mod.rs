//! The gate's outside parts as Debian has them: nginx splits real traffic, Prometheus counts it.

mod cut_over;
mod evidence;
mod nginx;
mod prometheus;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fixtures::rms::faults::Faults;
use fixtures::rms::{Options, Running, Side, start};
use tempfile::TempDir;
use verifier::client::{ClientConfig, Outgoing, Target};

/// Both reference servers over one database.
struct Pair {
    legacy: Running,
    core: Running,
    core_faults: Faults,
    folder: TempDir,
}

impl Pair {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("rms.db");
        let core_faults = Faults::default();
        let legacy = start(Options::new(Side::Legacy, &database))
            .await
            .expect("legacy starts");
        let core = start(Options {
            faults: core_faults.clone(),
            ..Options::new(Side::Core, &database)
        })
        .await
        .expect("core starts");
        Self {
            legacy,
            core,
            core_faults,
            folder,
        }
    }
}

/// A program that is ended with the test.
struct Program(Child);

impl Program {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| {
            unreachable!("`{program}` (Debian's package of that name): {error}")
        }))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Asked, not killed: who is killed leaves its workers behind, as nginx does.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A free port, for programs that cannot tell which one they took. It lies below those that Linux gives to
/// sockets without a port of their own, so that it is still free when the program comes to it, or comes back.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() % 100 * 100;
    let mut ports = std::iter::from_fn(|| {
        let next = first + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        u16::try_from(next).ok().filter(|port| *port < 32_768)
    });
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

fn target(base: &str) -> Target {
    Target::new(base, ClientConfig::default()).expect("an address")
}

async fn get(target: &Target, path: &str) -> Option<(u16, String)> {
    let sent = target
        .send(&Outgoing {
            method: "GET".to_owned(),
            path: path.to_owned(),
            ..Outgoing::default()
        })
        .await;
    let answer = sent.observation.answer.ok()?;
    Some((
        answer.status,
        String::from_utf8_lossy(&answer.body).into_owned(),
    ))
}

/// Comes back once `path` is answered with 200.
async fn ready(target: &Target, path: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while get(target, path)
        .await
        .is_none_or(|(status, _)| status != 200)
    {
        assert!(
            Instant::now() < deadline,
            "{}{path} is not up",
            target.base()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Requests that are sent until this is dropped, one after another.
struct Traffic {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    /// Without any answer, asked twice.
    lost: Arc<AtomicU64>,
    /// With another status than 200.
    bad: Arc<AtomicU64>,
}

impl Traffic {
    fn start(base: &str, path: &'static str) -> Self {
        let traffic = Self {
            stop: Arc::default(),
            sent: Arc::default(),
            lost: Arc::default(),
            bad: Arc::default(),
        };
        let (stop, sent, lost, bad) = (
            Arc::clone(&traffic.stop),
            Arc::clone(&traffic.sent),
            Arc::clone(&traffic.lost),
            Arc::clone(&traffic.bad),
        );
        let target = target(base);
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // A kept connection may be closed in the moment a request goes out on it: a client sends a
                // safe request again then (RFC 9112, section 9.3.1), and so does this one, once.
                let answer = match get(&target, path).await {
                    None => get(&target, path).await,
                    answer => answer,
                };
                match answer {
                    None => lost.fetch_add(1, Ordering::Relaxed),
                    Some((200, _)) => 0,
                    Some(_) => bad.fetch_add(1, Ordering::Relaxed),
                };
                sent.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        traffic
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    /// Waits until so many more were sent.
    async fn more(&self, count: u64) {
        let goal = self.sent() + count;
        while self.sent() < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the file is written");
}
