//! R7 and the command line: the program as an operator runs it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::upstream::{Upstream, ok};
use crate::wire::{LIMIT, Wire};

pub(crate) struct Program {
    child: Child,
    stderr: BufReader<ChildStderr>,
    pub(crate) listen: SocketAddr,
    admin: SocketAddr,
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Program {
    pub(crate) fn start(legacy: &Upstream, core: &Upstream, more: &[&str]) -> Self {
        Self::start_under("true", legacy, core, more)
    }

    /// Starts it after a shell's `prelude`, such as a limit it is to live under.
    pub(crate) fn start_under(
        prelude: &str,
        legacy: &Upstream,
        core: &Upstream,
        more: &[&str],
    ) -> Self {
        let (legacy, core) = (legacy.url(), core.url());
        let mut args = vec!["--legacy", &legacy, "--core", &core];
        args.extend(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        args.extend(more);
        let script = format!("{prelude} && exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_shadow-proxy")])
            .args(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a line");
        let address = |name: &str| {
            let word = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name));
            word.and_then(|word| word.parse().ok())
                .unwrap_or_else(|| panic!("{line:?}"))
        };
        assert!(line.starts_with("ready listen=127.0.0.1:"), "{line:?}");
        Self {
            listen: address("listen="),
            admin: address("admin="),
            child,
            stderr,
        }
    }

    pub(crate) fn metrics(&self) -> String {
        String::from_utf8_lossy(&self.admin_page("/metrics")).into_owned()
    }

    pub(crate) fn admin_page(&self, path: &str) -> Vec<u8> {
        Wire::connect(self.admin).get(path).body
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    /// Comes back once every request has its end: once it is told to stop, what is still to be compared has some
    /// seconds, and that may not be enough on a machine with other work.
    pub(crate) fn settled(&self) {
        let deadline = Instant::now() + 2 * LIMIT;
        loop {
            let metrics = self.metrics();
            if metrics.contains("shadow_proxy_in_flight 0") {
                return;
            }
            assert!(Instant::now() < deadline, "still open: {metrics}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if Instant::now() >= deadline {
                self.child.kill().expect("a child");
                panic!("still running after {LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        (status, rest)
    }
}

#[test]
fn r7_on_sigterm_every_accepted_request_is_answered_and_the_program_ends_with_0() {
    let (arrived, arrivals) = mpsc::channel();
    let legacy = Upstream::answering(move |request| {
        arrived.send(()).expect("the test counts");
        std::thread::sleep(Duration::from_millis(700));
        ok(request.target())
    });
    let core = Upstream::start(|_, _wire, _| std::thread::park());
    let program = Program::start(&legacy, &core, &["--threads", "2"]);
    let mut idle = Wire::connect(program.listen);
    let mut silent = Wire::connect(program.listen);
    let mut clients: Vec<_> = (0..24).map(|_| Wire::connect(program.listen)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for _ in 0..24 {
        arrivals
            .recv_timeout(LIMIT)
            .expect("legacy gets all of them");
    }
    program.signal("-TERM");
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.answer();
        assert_eq!(
            (answer.status(), answer.text()),
            (200, &*format!("/{number}"))
        );
    }
    assert!(idle.ended() && silent.ended());
    let (status, stderr) = program.end();
    assert!(status.success(), "{status} {stderr}");
}

#[test]
fn r7_with_core_hung_the_evidence_of_answered_requests_is_on_disk() {
    let legacy = Upstream::saying(r#"{"id":1}"#);
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let core = Upstream::answering(move |_| {
        if answered.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= 10 {
            std::thread::park();
        }
        ok(r#"{"id":2}"#)
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("live.db");
    let evidence = file.to_str().expect("a plain name");
    let program = Program::start(&legacy, &core, &["--evidence", evidence]);
    let mut client = Wire::connect(program.listen);
    for number in 0..10 {
        assert_eq!(client.get("/rooms").status(), 200);
        // One after the other, so that each has its answer of core.
        core.seen.wait_for(number + 1);
    }
    for _ in 0..5 {
        assert_eq!(client.get("/rooms").status(), 200);
    }
    program.signal("-TERM");
    let (status, stderr) = program.end();
    assert!(status.success(), "{status} {stderr}");
    let evidence = verifier::evidence::store::read(&file).expect("evidence");
    let tally = &evidence.ledger.endpoints["GET /rooms"].tally;
    assert_eq!((tally.sent, tally.different), (15, 10), "{tally:?}");
    let lost: u64 = tally.not_compared.values().sum();
    assert_eq!(lost, 5, "{tally:?}");
    let group = evidence.ledger.groups.values().next().expect("a group");
    assert_eq!(group.exchanges, 10);
}

#[test]
fn r7_a_client_that_never_ends_does_not_hold_the_end_up() {
    let legacy = Upstream::start(|_, mut wire, _| {
        while let Ok(Some(_)) = wire.message(false) {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cutover.yaml");
    std::fs::write(&file, "drain_ms: 700\nshadow: {timeout_ms: 500}\n").expect("a file");
    let file = file.to_str().expect("a plain name").to_owned();
    let program = Program::start(&legacy, &Upstream::saying("{}"), &["--config", &file]);
    let mut endless = Wire::connect(program.listen);
    endless.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut some = [0; 1];
    assert_eq!(endless.take(&mut some), 1, "the answer has begun");
    program.signal("-TERM");
    let (_, stderr) = program.end();
    assert!(
        stderr.contains("stopped before every client was done"),
        "{stderr}"
    );
}

#[test]
fn usage_and_configuration_errors_end_with_2_and_say_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cutover.yaml");
    let name = file.to_str().expect("a plain name");
    let both = [
        "--legacy",
        "http://127.0.0.1:1",
        "--core",
        "http://127.0.0.1:2",
    ];
    for (yaml, args, says) in [
        ("", vec!["--nonsense"], "--nonsense"),
        ("", vec!["--core", "http://127.0.0.1:2"], "legacy"),
        (
            "",
            vec!["--legacy", "127.0.0.1:1", "--core", "http://127.0.0.1:2"],
            "legacy",
        ),
        (
            "",
            vec!["--legacy", "http://a:1", "--core", "http://a:1"],
            "same address",
        ),
        (
            "threads: 1\nthread: 2\n",
            [&both[..], &["--config", name]].concat(),
            ".yaml:2:",
        ),
        (
            "",
            [&both[..], &["--config", "/nowhere/cutover.yaml"]].concat(),
            "/nowhere/cutover.yaml",
        ),
        ("", [&both[..], &["--sample", "101"]].concat(), "sample"),
        (
            "writes: {default: mirror}",
            [&both[..], &["--config", name]].concat(),
            "isolated",
        ),
    ] {
        std::fs::write(&file, yaml).expect("a file");
        let output = program(&args).output().expect("the program runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?} {stderr}");
        assert!(stderr.contains(says), "{args:?} {stderr}");
    }
}

#[test]
fn check_prints_the_effective_configuration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cutover.yaml");
    std::fs::write(
        &file,
        "legacy: http://a\ncore: http://b\nshadow: {max_in_flight: 7}\n",
    )
    .expect("a file");
    let output = program(&["check", "--config", file.to_str().expect("a plain name")])
        .output()
        .expect("runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        stdout.contains("max_in_flight: 7") && stdout.contains("drain_ms: 12000"),
        "{stdout}"
    );
}

#[test]
fn the_admin_port_lists_what_it_serves_and_starts_every_series_at_zero() {
    let program = Program::start(&Upstream::saying("{}"), &Upstream::saying("{}"), &[]);
    let mut admin = Wire::connect(program.admin);
    assert!(admin.get("/").text().contains("/metrics"));
    assert_eq!(admin.get("/healthz").status(), 200);
    assert_eq!(admin.get("/readyz").status(), 200);
    assert_eq!(admin.get("/nowhere").status(), 404);
    assert_eq!(
        admin
            .ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            .status(),
        405
    );
    let metrics = admin.get("/metrics").text().to_owned();
    for reason in shadow_proxy::counters::Reason::ALL {
        let line = format!(
            "shadow_proxy_not_compared_total{{reason=\"{}\"}} 0",
            reason.label()
        );
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    let mut client = Wire::connect(program.listen);
    client.get("/api/v1/rooms/12");
    let metrics = admin.get("/metrics").text().to_owned();
    for line in [
        "shadow_proxy_requests_total{endpoint=\"GET /api/v1/rooms/{id}\"} 1",
        "shadow_proxy_latency_seconds_count{endpoint=\"GET /api/v1/rooms/{id}\",side=\"legacy\"} 1",
        ",le=\"0.5\"} 1",
        ",le=\"2\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let status = admin.get("/status").text().to_owned();
    assert!(status.contains("\"sent\": 1"), "{status}");
    program.signal("-INT");
    assert!(program.end().0.success());
}

#[test]
fn an_admin_token_guards_all_but_the_probes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (token, file) = (
        folder.path().join("token"),
        folder.path().join("cutover.yaml"),
    );
    std::fs::write(&token, "0123456789abcdef\n").expect("a file");
    std::fs::write(&file, format!("admin_token_file: {}\n", token.display())).expect("a file");
    let args = ["--config", file.to_str().expect("a plain name")];
    let program = Program::start(&Upstream::saying("{}"), &Upstream::saying("{}"), &args);
    let mut admin = Wire::connect(program.admin);
    for (path, bearer, status) in [
        ("/healthz", "", 200),
        ("/readyz", "", 200),
        ("/metrics", "", 401),
        ("/status", "0123456789abcdeX", 401),
        ("/", "0123456789abcdef0", 401),
        ("/metrics", "0123456789abcdef", 200),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bearer}\r\n\r\n");
        assert_eq!(admin.ask(request).status(), status, "{path} {bearer}");
    }
    program.signal("-TERM");
    assert!(program.end().0.success());
}

/// Resident memory of a process in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a running process");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number")
}

#[test]
fn r4_memory_stays_bounded_while_core_hangs_or_streams_for_ever() {
    let legacy = Upstream::saying("{}");
    let ways: [(&str, Upstream); 2] = [
        (
            "hangs",
            Upstream::start(|_, mut wire, _| while let Ok(Some(_)) = wire.message(false) {}),
        ),
        (
            "streams",
            Upstream::start(|_, mut wire, _| {
                use std::io::Write as _;
                let Ok(Some(_)) = wire.message(false) else {
                    return;
                };
                let piece = vec![b'x'; 64 << 10];
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
                let endless = b"HTTP/1.1 200 OK\r\n\r\n";
                let first: &[u8] = if wire.stream.peer_addr().is_ok_and(|a| a.port() % 2 == 0) {
                    head
                } else {
                    endless
                };
                let _gone = wire.stream.write_all(first);
                for _ in 0..16 << 10 {
                    if wire.stream.write_all(&piece).is_err() {
                        return;
                    }
                }
            }),
        ),
    ];
    for (name, core) in ways {
        let program = Program::start(&legacy, &core, &[]);
        let mut client = Wire::connect(program.listen);
        client.get("/");
        let before = resident_kib(program.child.id());
        let mut most = before;
        for number in 0..2_000 {
            assert_eq!(client.get("/rooms").status(), 200);
            if number % 100 == 0 {
                most = most.max(resident_kib(program.child.id()));
            }
        }
        assert!(
            most - before < 64 << 10,
            "{name}: {before} KiB, then {most} KiB"
        );
        program.signal("-TERM");
        assert!(program.end().0.success(), "{name}");
    }
}

#[test]
fn r19_no_log_holds_what_a_client_sent() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::refusing());
    let program = Program::start(&legacy, &core, &["--log", "debug", "--log-format", "json"]);
    for secret in [
        "GET /s3cret-path?token=s3cret HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\nCookie: s3cret\r\n\r\n",
        "GET /s3cret HTTP/1.1\r\nHost: s3cret, s3cret\r\n\r\n",
        "s3cret s3cret s3cret\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: s3cret\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: s3cret\r\n\r\n",
    ] {
        let answer = Wire::connect(program.listen).ask(secret);
        assert!(!answer.text().contains("s3cret"), "{answer:?}");
    }
    let mut admin = Wire::connect(program.admin);
    for page in ["/status", "/metrics"] {
        let text = admin.get(page).text().to_owned();
        // The inferred endpoint shows a path's names; a token's place is never the path's shape.
        assert!(
            !text.contains("token=") && !text.contains("Bearer"),
            "{text}"
        );
    }
    program.signal("-TERM");
    let (_, stderr) = program.end();
    assert!(stderr.contains("core gives no answer"), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

#[test]
fn shells_and_man_know_the_flags_and_subcommands() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = program(&["completions", shell]).output().expect("it runs");
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && script.contains("legacy-twin") && script.contains("check"),
            "{shell}: {script}"
        );
    }
    let pages = folder.path().join("man1");
    let pages = pages.to_str().expect("a plain name");
    let output = program(&["man", pages]).output().expect("it runs");
    assert!(output.status.success());
    for page in ["shadow-proxy.1", "shadow-proxy-check.1"] {
        let text = std::fs::read_to_string(folder.path().join("man1").join(page)).expect(page);
        assert!(text.contains("shadow"), "{page}: {text}");
    }
}
