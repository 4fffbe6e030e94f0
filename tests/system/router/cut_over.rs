//! A cut-over with nothing played: nginx splits, Prometheus counts, the gate's program decides.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use verifier::gate::journal::entry::Entry;
use verifier::gate::journal::{DiskPen, Journal};
use verifier::gate::state::{Aside, State};

use super::evidence;
use super::nginx::{Router, served};
use super::prometheus::Counting;
use super::{Pair, Traffic, get, target, write};
use crate::tmux::{Size, Terminal};

/// A public path whose answer a client reads.
const PATH: &str = "/api/v1/config";
/// People at once.
const PEOPLE: usize = 8;

struct Site {
    pair: Pair,
    nginx: Router,
    counting: Option<Counting>,
}

impl Site {
    /// Everything runs, and legacy serves everyone.
    async fn new() -> Self {
        let pair = Pair::new().await;
        let nginx = Router::new(&pair).await;
        let counting = Counting::new(&pair).await;
        Self {
            pair,
            nginx,
            counting: Some(counting),
        }
    }

    /// The build that core says it is.
    async fn build(&self) -> String {
        let (_, env) = get(&target(&self.pair.core.url()), "/api/v1/env")
            .await
            .expect("an answer");
        let env: Value = serde_json::from_str(&env).expect("JSON");
        let build = env.pointer("/value/commitSha").and_then(Value::as_str);
        build.expect("a build").to_owned()
    }

    /// Everything runs, and core has 30 percent of the traffic, on evidence that the gate accepted.
    async fn at_30() -> (Self, Vec<Traffic>) {
        let site = Self::new().await;
        let people = site.people();
        site.configure("2s", true).await;
        site.climb("SHADOWED").await;
        site.approve();
        site.climb("C30").await;
        assert_eq!(site.share().await.as_deref(), Some("weight=30"));
        (site, people)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.pair.folder.path().join(name)
    }

    fn journal(&self) -> Journal {
        Journal::open(
            &self.file("state"),
            "test",
            true,
            Box::new(DiskPen),
            now_ms(),
        )
        .expect("a journal")
    }

    /// At least `min_time` at each share; with a journey that is asked, if `probe`.
    async fn configure(&self, min_time: &str, probe: bool) {
        let counting = self.counting.as_ref().expect("it runs");
        let files = evidence::of(&self.build().await).await;
        let now = jiff::ZonedDateTime::now();
        let (today, later) = (
            now.date(),
            now.date().saturating_add(jiff::Span::new().days(2)),
        );
        // What neither this traffic nor a replay can prove.
        let waivers = ["dev_test_data", "reservations_delete"].map(|endpoint| {
            json!({
                "endpoint": endpoint, "reason": "nobody asks for it", "owner": "Kim",
                "expires": later.to_string(),
            })
        });
        let mut gate = json!({
            "min_time": min_time,
            "min_requests": 40, "tick": "1s", "settle": "1s", "effect_within": "30s",
            "rollback": { "max_blind": "6s" },
            "soak": { "first_watch": "1s" },
            "contacts": { "rollback": "Kim" },
            "attestations": {
                "backup_restored": { "by": "Kim", "on": today.to_string() },
                "legacy_reads_core_writes": { "by": "Kim", "on": today.to_string() },
            },
            "evidence": { "replay": [files.replay], "jwt": files.jwt, "live": files.live },
            "waivers": waivers,
            "router": { "nginx": serde_json::to_value(&self.nginx.config).expect("JSON") },
            "signals": {
                "prometheus": {
                    "url": counting.config.url, "scrape_interval": "1s",
                    "core": counting.config.core, "legacy": counting.config.legacy,
                },
                "identity": {
                    "url": format!("{}/api/v1/env", self.pair.core.url()), "pointer": "/value/commitSha",
                },
            },
        });
        if probe {
            gate["signals"]["probes"] = json!([{
                "name": "config", "url": self.nginx.base, "times": 12,
                "requests": [{ "path": PATH, "json": { "/value/isAvailableRegistration": null } }],
            }]);
        }
        let all = json!({
            "legacy": self.pair.legacy.url(), "core": self.pair.core.url(),
            "catalog": files.catalogue, "gate": gate,
        });
        // JSON is YAML.
        write(&self.file("cutover.yaml"), &all.to_string());
    }

    /// What the gate says of itself.
    fn told(&self) -> Value {
        let output = self.gate(&["status", "--format", "json"]).output();
        serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON")
    }

    /// A person looks at what was accepted, and approves it.
    fn approve(&self) {
        let told = self.told();
        let hash = told["evidence"].as_str().expect("a hash");
        let output = self.gate(&["approve", "--evidence", hash]).output();
        let output = output.expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Runs until `state` is reached.
    async fn climb(&self, state: &str) {
        let mut gate = self.start(&["run", "--until", state]);
        let code = gate.end(Duration::from_mins(2)).await;
        assert_eq!(code, 0, "{state}: {}", status(self));
    }

    /// Legacy alone answers people: core's own counter stands still, but for whoever reads it.
    async fn only_legacy(&self, people: &[Traffic]) {
        // What a worker had accepted before it was replaced may still go to core.
        people[0].more(20).await;
        let (sent, before) = (sum(people, Traffic::sent), served(&self.pair).await);
        let bad = sum(people, Traffic::bad);
        people[0].more(100).await;
        let (sent, after) = (sum(people, Traffic::sent) - sent, served(&self.pair).await);
        let (legacy, core) = (after.0 - before.0, after.1 - before.1);
        assert!(
            legacy >= sent.saturating_sub(2 * PEOPLE as u64) && core * 10 < sent,
            "of {sent} requests legacy answered {legacy}, core {core}"
        );
        assert_eq!(sum(people, Traffic::bad), bad, "nobody meets core's fault");
    }

    /// What the gate has counted of core since its share changed last.
    fn counted(&self) -> u64 {
        let kept = std::fs::read(self.file("state/observation.json")).unwrap_or_default();
        let kept: Value = serde_json::from_slice(&kept).unwrap_or_default();
        kept["core"]["requests"].as_u64().unwrap_or(0)
    }

    fn gate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"));
        command
            .arg("gate")
            .args(words)
            .arg("--config")
            .arg(self.file("cutover.yaml"))
            .arg("--state")
            .arg(self.file("state"))
            .stdin(Stdio::null());
        command
    }

    fn start(&self, words: &[&str]) -> Gate {
        let child = self
            .gate(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Gate(child.expect("the program starts"))
    }

    /// The gate's program at a terminal.
    fn watch(&self, words: &str, size: Size, variables: &[(&str, &str)]) -> Terminal {
        let args = format!("gate run {words} --config cutover.yaml --state state");
        // Where Debian has nginx.
        let mut all = vec![("PATH", "/usr/sbin:/usr/bin:/bin")];
        all.extend(variables);
        Terminal::start(self.pair.folder.path(), &args, size, &all)
    }

    fn people(&self) -> Vec<Traffic> {
        (0..PEOPLE)
            .map(|_| Traffic::start(&self.nginx.base, PATH))
            .collect()
    }

    async fn share(&self) -> Option<String> {
        let (_, text) = get(&target(&self.nginx.base), "/cutover-split").await?;
        Some(text.split(' ').next()?.to_owned())
    }
}

/// The gate's program, ended with the test.
struct Gate(Child);

impl Gate {
    /// Its exit code, once it ends.
    async fn end(&mut self, within: Duration) -> i32 {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.code().expect("an exit code");
            }
            assert!(Instant::now() < deadline, "the gate came to no end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("fits")
}

fn sum(people: &[Traffic], of: impl Fn(&Traffic) -> u64) -> u64 {
    people.iter().map(of).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_core_climbs_from_nothing_to_everything_and_back_without_a_lost_request() {
    let site = Site::new().await;
    site.configure("2s", true).await;
    let people = site.people();
    let began = Instant::now();
    site.climb("SHADOWED").await;
    site.only_legacy(&people).await;
    watched_to_all(&site);
    assert_eq!(site.share().await.as_deref(), Some("weight=100"));
    watched_without_colours(&site);
    site.approve();
    site.climb("SWITCHED").await;
    println!(
        "0 to 100 percent and switched in {:.1} s; {} requests",
        began.elapsed().as_secs_f64(),
        sum(&people, Traffic::sent)
    );
    let mut reached = Vec::new();
    for line in &site.journal().contents().lines {
        if let Entry::Moved { to, .. } = &line.entry {
            reached.push(to.to_string());
        }
    }
    assert_eq!(
        reached.join(" "),
        "VERIFIED SHADOWED READY C10 C30 C50 C100 SWITCHED"
    );
    let began = Instant::now();
    let rolled_back = site
        .gate(&["rollback", "--reason", "the test ends"])
        .output()
        .expect("it runs");
    assert!(
        rolled_back.status.success(),
        "{}",
        String::from_utf8_lossy(&rolled_back.stderr)
    );
    println!(
        "rolled back by hand in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(site.share().await.as_deref(), Some("weight=0"));
    site.only_legacy(&people).await;
    assert_eq!(
        (sum(&people, Traffic::lost), sum(&people, Traffic::bad)),
        (0, 0)
    );
}

/// A person watches at a terminal how it climbs from SHADOWED to C100, and approves from another one.
fn watched_to_all(site: &Site) {
    let size = Size {
        columns: 100,
        rows: 40,
    };
    let terminal = site.watch("--until C100", size, &[]);
    terminal.shows(&["[SHADOWED]", "approval", "verifier gate approve --evidence"]);
    site.approve();
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    for words in [
        "[C100]",
        "core.errors_proved",
        "what was seen at C50",
        "last",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    // What the last line says stands on standard output, below the view.
    let stream = terminal.stream("ADVANCE  everything for C100 holds");
    let mut from = 0;
    for words in ["[READY]", "[C10]", "[C30]", "[C50]", "[C100]"] {
        let at = stream[from..].find(words);
        from += at.unwrap_or_else(|| unreachable!("{words} after the one before: {stream}"));
    }
    for words in [
        "\x1b[32m",
        "of its shortest time",
        "next look in",
        "INSUFFICIENT",
    ] {
        assert!(stream.contains(words), "{words:?}: {stream}");
    }
}

/// The same on a small terminal without colours, until Ctrl-C: that moves no traffic.
fn watched_without_colours(site: &Site) {
    let size = Size {
        columns: 60,
        rows: 24,
    };
    let terminal = site.watch("--until SWITCHED", size, &[("NO_COLOR", "1")]);
    terminal.shows(&["[C100]", "verifier gate approve", "next look in"]);
    assert!(!terminal.wraps(), "{}", terminal.screen());
    assert!(
        !terminal.coloured().contains('\x1b'),
        "{}",
        terminal.coloured()
    );
    terminal.press("C-c");
    let (code, screen) = terminal.end();
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("stopped; no traffic was moved"), "{screen}");
}

fn status(site: &Site) -> String {
    let output = site.gate(&["status"]).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Core turns bad at 30 percent by `fault`: traffic goes back to legacy, and no request is lost by that.
async fn leaves_a_core_with(name: &str, fault: &str) {
    let (site, people) = Site::at_30().await;
    site.configure("5m", true).await;
    let mut gate = site.start(&["run", "--until", "C50"]);
    people[0].more(100).await;
    let fault = format!("{fault},path={PATH}").parse().expect("a fault");
    site.pair.core_faults.set(vec![fault]);
    let began = Instant::now();
    while site.share().await.as_deref() != Some("weight=0") {
        assert!(
            began.elapsed() < Duration::from_mins(3),
            "{name}: {}",
            status(&site)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "{name}: from fault to legacy alone in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(
        gate.end(Duration::from_mins(2)).await,
        1,
        "{name}: {}",
        status(&site)
    );
    // Core is as bad as before: it is the router that keeps people from it.
    site.only_legacy(&people).await;
    assert_eq!(
        sum(&people, Traffic::lost),
        0,
        "{name}: no reload loses a request"
    );
    assert_eq!(site.journal().standing().state, State::RolledBack, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_turns_bad_by_errors_is_left_again() {
    leaves_a_core_with("errors", "share=100%,status=503").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_turns_bad_by_slowness_is_left_again() {
    leaves_a_core_with("slowness", "share=100%,slow=2500").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_turns_bad_by_wrong_bodies_is_left_again() {
    leaves_a_core_with("wrong bodies", "share=100%,body=empty").await;
}

/// Prometheus ends while the gate looks on. Returns the gate, and the port that nobody listens at now.
async fn blinded(site: &mut Site) -> (Gate, u16) {
    let gate = site.start(&["run", "--until", "C50"]);
    // It sees at first, and waits for its time.
    let deadline = Instant::now() + Duration::from_mins(2);
    while site.counted() == 0 {
        assert!(
            Instant::now() < deadline,
            "it sees nothing: {}",
            status(site)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let counting = site.counting.take().expect("it runs");
    let port = counting.config.url.rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok()).expect("a port");
    drop(counting);
    (gate, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_goes_blind_holds_and_goes_on_when_it_sees_again() {
    let (mut site, people) = Site::at_30().await;
    site.configure("20s", true).await;
    let (mut gate, port) = blinded(&mut site).await;
    let deadline = Instant::now() + Duration::from_mins(2);
    while site.told()["aside"]["side"] != "HOLD" {
        assert!(Instant::now() < deadline, "no hold: {}", status(&site));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Longer than it may be blind: a journey that holds shows that all is well.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(
        site.share().await.as_deref(),
        Some("weight=30"),
        "{}",
        status(&site)
    );
    site.counting = Some(Counting::at(&site.pair, port).await);
    assert_eq!(
        gate.end(Duration::from_mins(2)).await,
        0,
        "{}",
        status(&site)
    );
    assert_eq!(site.share().await.as_deref(), Some("weight=50"));
    assert_eq!(
        (sum(&people, Traffic::lost), sum(&people, Traffic::bad)),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_stays_blind_without_a_journey_goes_back() {
    let (mut site, people) = Site::at_30().await;
    site.configure("5m", false).await;
    let (mut gate, _) = blinded(&mut site).await;
    let began = Instant::now();
    assert_eq!(
        gate.end(Duration::from_mins(2)).await,
        1,
        "{}",
        status(&site)
    );
    println!(
        "blind: from the last sight to legacy alone in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert_eq!(site.share().await.as_deref(), Some("weight=0"));
    let journal = site.journal();
    let at = |wanted: fn(&Entry) -> bool| {
        let mut lines = journal.contents().lines.iter();
        lines.position(|line| wanted(&line.entry))
    };
    let held = at(
        |entry| matches!(entry, Entry::Aside { aside: Some(Aside::Hold { reason }) } if reason.starts_with("core.seen")),
    );
    let left = at(|entry| {
        matches!(
            entry,
            Entry::Moved {
                to: State::RollingBack,
                ..
            }
        )
    });
    assert!(
        held.is_some() && held < left,
        "it holds before it goes back: {held:?} {left:?}"
    );
    site.only_legacy(&people).await;
    assert_eq!(
        (sum(&people, Traffic::lost), sum(&people, Traffic::bad)),
        (0, 0)
    );
}
