//! Servers, folders and runs for the tests: everything in process, on free ports and in temporary
//! folders of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use fixtures::rms::defects::DefectSet;
use fixtures::rms::{self, Options, Running, Side};
use jiff::ZonedDateTime;
use shadow_proxy::Proxy;
use shadow_proxy::counters::Tally;
use tempfile::TempDir;
use verifier::catalogue::Catalogue;
use verifier::client::{ClientConfig, Target};
use verifier::golden::compare::Compare;
use verifier::golden::files::GoldenDir;
use verifier::golden::record::{CaseRecord, record};
use verifier::golden::replay::{Replay, ReplayConfig};
use verifier::golden::request::RunId;
use verifier::golden::run::{RunConfig, Runner};
use verifier::report::{CaseReport, Report, State};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The committed folder of golden files; tests only read it.
pub(crate) fn committed() -> PathBuf {
    root().join("golden")
}

/// A server of the pair with a database of its own.
pub(crate) struct Service {
    running: Running,
    pub(crate) database: PathBuf,
    _folder: TempDir,
}

impl Service {
    pub(crate) fn url(&self) -> String {
        self.running.url()
    }
}

/// Starts a server of the pair as `change` says.
pub(crate) async fn serve(side: Side, change: impl FnOnce(Options) -> Options) -> Service {
    let folder = tempfile::tempdir().expect("a place for test files");
    let database = folder.path().join("rms.sqlite");
    let running = rms::start(change(Options::new(side, &database)))
        .await
        .expect("the server starts on a new file");
    Service {
        running,
        database,
        _folder: folder,
    }
}

/// Legacy as it is.
pub(crate) async fn legacy() -> Service {
    serve(Side::Legacy, |options| options).await
}

/// A core with these switches on.
pub(crate) async fn core(defects: DefectSet) -> Service {
    serve(Side::Core, |options| Options { defects, ..options }).await
}

/// A proxy before the two services at these addresses, with the committed catalogue's names.
pub(crate) fn proxy_before(legacy: &str, core: &str) -> shadow_proxy::Config {
    shadow_proxy::Config {
        legacy: Some(legacy.to_owned()),
        core: Some(core.to_owned()),
        catalog: Some(committed().join("endpoints.yaml")),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..shadow_proxy::Config::default()
    }
}

/// How long the proxy may make no headway at all before a test gives up on it. As long as it does, a slow
/// machine only takes longer.
const NO_HEADWAY: Duration = Duration::from_mins(1);

/// The proxy's counts, once every request has its end.
pub(crate) async fn settled(proxy: &Proxy) -> Tally {
    let mut last = (u64::MAX, Instant::now());
    loop {
        let total = proxy.counters().total();
        let open = total.in_flight();
        if open == 0 {
            return total;
        }
        if open != last.0 {
            last = (open, Instant::now());
        }
        assert!(last.1.elapsed() < NO_HEADWAY, "still open: {total:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ends the proxy after every request has its end: what is still to be compared has some seconds once it is
/// told to stop, and that is not enough on a machine with other work.
pub(crate) async fn stopped(proxy: Proxy) {
    settled(&proxy).await;
    let whole = tokio::task::spawn_blocking(move || proxy.stop()).await;
    assert!(whole.expect("no panic"), "nothing is cut short");
}

/// A package with a folder `golden/` in it, as `cargo insta` needs it.
pub(crate) struct Package {
    folder: TempDir,
}

impl Package {
    /// With a catalogue and no golden file.
    pub(crate) fn with_catalogue(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a place for test files");
        fs::create_dir(folder.path().join("golden")).expect("a new folder");
        let package = Self { folder };
        let manifest = "[package]\nname = \"goldens\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
        fs::write(package.folder.path().join("Cargo.toml"), manifest).expect("a new file");
        fs::create_dir(package.folder.path().join("src")).expect("a new folder");
        fs::write(package.folder.path().join("src/lib.rs"), "").expect("a new file");
        package.write("endpoints.yaml", text);
        package
    }

    /// With the committed catalogue and no golden file.
    pub(crate) fn without_goldens() -> Self {
        let text = fs::read_to_string(committed().join("endpoints.yaml"));
        Self::with_catalogue(&text.expect("the catalogue is committed"))
    }

    /// With a copy of everything committed in `golden/`.
    pub(crate) fn with_goldens() -> Self {
        let package = Self::without_goldens();
        for name in snapshots(&committed()) {
            fs::copy(committed().join(&name), package.golden().join(&name)).expect("a copy");
        }
        package
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn golden(&self) -> PathBuf {
        self.folder.path().join("golden")
    }

    /// Text of a file in the golden folder.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.golden().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.golden().join(name), text).expect("a file in a folder of our own");
    }

    /// Names of the files that wait for review.
    pub(crate) fn pending(&self) -> Vec<String> {
        files_ending(&self.golden(), ".snap.new")
    }

    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        let path = self.golden().join("endpoints.yaml");
        let text = self.read("endpoints.yaml");
        let today = ZonedDateTime::now().date();
        Arc::new(Catalogue::parse(&path, &text, today).expect("a catalogue that reads"))
    }
}

/// Names of the golden files in `folder`, sorted.
pub(crate) fn snapshots(folder: &Path) -> Vec<String> {
    files_ending(folder, ".snap")
}

fn files_ending(folder: &Path, end: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder that is there");
    let names = entries.map(|entry| entry.expect("a readable folder").file_name());
    let mut names: Vec<String> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    names
}

/// How to run a catalogue; the default sends everything, eight at a time.
pub(crate) struct Run {
    pub(crate) only: &'static [&'static str],
    pub(crate) writes: bool,
    pub(crate) jobs: usize,
    pub(crate) pending: bool,
    pub(crate) pending_dir: Option<PathBuf>,
    pub(crate) legacy_goldens_only: bool,
    pub(crate) timeout: Duration,
    pub(crate) shuffle: Option<u64>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            only: &[],
            writes: true,
            jobs: 8,
            pending: false,
            pending_dir: None,
            legacy_goldens_only: false,
            timeout: Duration::from_secs(30),
            shuffle: None,
        }
    }
}

impl Run {
    fn prepare(&self, package: &Package, url: &str) -> (Arc<Catalogue>, Vec<usize>, Arc<Runner>) {
        let catalogue = package.catalogue();
        let only: Vec<String> = self.only.iter().map(ToString::to_string).collect();
        let selected = catalogue.select(&only).expect("cases of the catalogue");
        let config = ClientConfig {
            timeout: self.timeout,
            ..ClientConfig::default()
        };
        let target = Target::new(url, config).expect("an address");
        let config = RunConfig {
            allow_writes: self.writes,
            jobs: self.jobs,
            run: RunId::now(),
            today: ZonedDateTime::now().date(),
            shuffle: self.shuffle,
        };
        let runner = Arc::new(Runner::new(Arc::clone(&catalogue), target, config));
        (catalogue, selected, runner)
    }

    /// Holds the service at `url` against the package's golden files.
    pub(crate) async fn replay(&self, package: &Package, url: &str) -> Report {
        let (catalogue, selected, runner) = self.prepare(package, url);
        let goldens = GoldenDir::new(&package.golden(), self.pending_dir.as_deref());
        let replay = Replay {
            catalogue: &catalogue,
            goldens: &goldens,
            config: ReplayConfig {
                pending: self.pending,
                legacy_goldens_only: self.legacy_goldens_only,
                strict_rules: false,
            },
        };
        replay.run(runner, &selected, |_| {}).await
    }

    /// Holds the service at `core` against the one at `legacy`.
    pub(crate) async fn compare(&self, package: &Package, legacy: &str, core: &str) -> Report {
        let (catalogue, selected, legacy) = self.prepare(package, legacy);
        let (_, _, core) = self.prepare(package, core);
        let compare = Compare {
            catalogue: &catalogue,
            legacy,
            core,
            strict_rules: false,
        };
        compare.run(&selected, |_| {}).await
    }

    /// Records what the service at `url` answers into the package's golden folder.
    pub(crate) async fn record(
        &self,
        package: &Package,
        url: &str,
        accept: bool,
    ) -> Vec<CaseRecord> {
        let (catalogue, selected, runner) = self.prepare(package, url);
        let goldens = GoldenDir::new(&package.golden(), None);
        record(runner, &catalogue, &selected, &goldens, accept, |_| {}).await
    }
}

/// What a failed expectation should show of a report: every case that is not equal.
pub(crate) fn trouble(report: &Report) -> String {
    let cases = report
        .cases
        .iter()
        .filter(|case| case.state != State::Equal);
    let lines = cases.map(|case| {
        let findings: Vec<String> = case
            .findings
            .iter()
            .map(|f| {
                format!(
                    "{} {} {:?} {:?}",
                    f.location, f.kind, f.reference, f.candidate
                )
            })
            .collect();
        let reason = case.state.reason().unwrap_or_default();
        format!(
            "{}: {} {reason} {findings:?}\n",
            case.case,
            case.state.word()
        )
    });
    lines.collect()
}

/// One case of a report.
pub(crate) fn case<'r>(report: &'r Report, id: &str) -> &'r CaseReport {
    let mut cases = report.cases.iter();
    cases
        .find(|case| case.case == id)
        .expect("a case of the catalogue")
}

/// The command `verifier`, with an environment of its own.
pub(crate) fn verifier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"));
    command.env_clear().current_dir(root());
    command.timeout(Duration::from_mins(1));
    command
}

/// What a [`RawServer`] does with one request.
pub(crate) enum Reply {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
}

impl Reply {
    /// A whole answer with a body of this media type.
    pub(crate) fn of(status: &str, media_type: &str, body: &str) -> Self {
        Self::with(status, &format!("content-type: {media_type}\r\n"), body)
    }

    /// A whole answer with these header lines.
    pub(crate) fn with(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        Self::Bytes(text.into_bytes())
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::of("200 OK", "application/json", body)
    }
}

/// One request as it came: first line and header fields, then the body.
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    /// `/rooms` of `GET /rooms?page=0 HTTP/1.1`.
    pub(crate) fn path(&self) -> &str {
        let target = self.line.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }
}

/// A server that answers with whatever bytes a test wants, below all HTTP libraries.
///
/// It ends with the test's process: its thread waits in `accept` and holds nothing.
pub(crate) struct RawServer {
    pub(crate) addr: SocketAddr,
}

impl RawServer {
    pub(crate) fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let reply = Arc::new(reply);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let reply = Arc::clone(&reply);
                std::thread::spawn(move || answer(stream, &*reply));
            }
        });
        Self { addr }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// A client that goes away ends its connection; nothing here cares.
fn answer(mut stream: TcpStream, reply: &dyn Fn(&Received) -> Reply) {
    let Some(received) = receive(&mut stream) else {
        return;
    };
    match reply(&received) {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
        }
    }
}

fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length
                    .then(|| value.trim().parse::<usize>().ok())
                    .flatten()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(Received {
                    line: head.lines().next().unwrap_or_default().to_owned(),
                    head: head.to_owned(),
                    body: body.to_owned(),
                });
            }
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}
