//! Live traffic on a tape: what clients send is written down once, byte for byte, and played through as
//! many proxies as there are switches, each request when the one before has been judged.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fixtures::rms::store::ANCHOR_DAY;
use shadow_proxy::Proxy;
use verifier::client::{ClientConfig, Target};
use verifier::golden::request::RunId;
use verifier::golden::run::{RunConfig, Runner};

use crate::harness::Package;

/// No single step may take longer: a bound against a hang.
const LIMIT: Duration = Duration::from_mins(5);

/// Most requests that wait for their verdict while the next one is sent.
const MOST_QUEUED: u64 = 12;

/// Requests in the order in which legacy got them.
pub(super) type Tape = Vec<Vec<u8>>;

/// Stands before a service and writes down what it is asked.
pub(super) struct Recorder {
    pub(super) addr: SocketAddr,
    heard: Arc<Mutex<Tape>>,
}

impl Recorder {
    /// Its threads end with the test's process, or with the connections that they serve.
    pub(super) fn before(service: &str) -> Self {
        let service = service.strip_prefix("http://").expect("a server of ours");
        let service: SocketAddr = service.parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let heard = Arc::new(Mutex::new(Tape::new()));
        let tape = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let tape = Arc::clone(&tape);
                std::thread::spawn(move || {
                    // A client that asked nothing has kept a connection in reserve.
                    let Ok(Some(request)) = one_request(&mut client) else {
                        return;
                    };
                    let request = closing(&request);
                    tape.lock().expect("no thread panics").push(request.clone());
                    let answer = ask(service, &request).expect("legacy answers");
                    let _gone = client.write_all(&answer);
                });
            }
        });
        Self { addr, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn tape(&self) -> Tape {
        self.heard.lock().expect("no thread panics").clone()
    }
}

/// Sends every case of the catalogue to the service at `url`, one at a time and on a day and in a run that
/// never change, and judges nothing.
pub(super) async fn send_every_case(url: &str) {
    let catalogue = Package::without_goldens().catalogue();
    let every = catalogue.select(&[]).expect("all cases");
    let target = Target::new(url, ClientConfig::default()).expect("an address");
    let config = RunConfig {
        allow_writes: true,
        jobs: 1,
        run: RunId::derive(1, 1),
        today: ANCHOR_DAY,
        shuffle: None,
    };
    let runner = Arc::new(Runner::new(catalogue, target, config));
    runner.run(&every, |_| {}).await;
}

/// The bytes of a request whose body, if any, says its length; `None` when the connection ends first.
fn one_request(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 8 << 10];
    loop {
        if let Some(head) = head_len(&bytes) {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let mut lines = text.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
            if bytes.len() >= head + length {
                return Ok(Some(bytes));
            }
        }
        match client.read(&mut piece)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The request with the word that its connection ends with it, so that an answer is whole at its end.
fn closing(request: &[u8]) -> Vec<u8> {
    let head = head_len(request).expect("a whole request") - 2;
    let (fields, body) = request.split_at(head);
    [fields, b"connection: close\r\n", body].concat()
}

/// The whole answer, as it comes over the wire.
fn ask(service: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut wire = TcpStream::connect(service)?;
    wire.set_nodelay(true)?;
    wire.set_read_timeout(Some(LIMIT))?;
    wire.write_all(request)?;
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer)?;
    let _gone = wire.shutdown(Shutdown::Both);
    Ok(answer)
}

/// Sends the tape through `proxy`, each request once core has answered the one before: no read meets a
/// write under way, so that the same is compared on a busy machine and on an idle one. When it returns, all
/// is judged.
pub(super) fn play(tape: &[Vec<u8>], proxy: &Proxy) {
    for request in tape {
        let answer = ask(proxy.listen(), request).expect("legacy's answer");
        assert!(answer.starts_with(b"HTTP/1.1 "), "an answer");
        // Those that only wait for their verdict are through, but they may not be many: ids are learnt with the
        // verdict. In this order: a request moves on from one count to the other.
        wait(proxy, Duration::from_millis(1), || {
            let open = proxy.counters().total().in_flight();
            open <= proxy.queued() as u64 && open <= MOST_QUEUED
        });
    }
    wait(proxy, Duration::from_millis(20), || {
        proxy.counters().total().in_flight() == 0
    });
}

fn wait(proxy: &Proxy, step: Duration, is_over: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_over() {
        assert!(Instant::now() < deadline, "{:?}", proxy.counters().total());
        std::thread::sleep(step);
    }
}
