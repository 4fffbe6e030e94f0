//! A cut-over with nothing played: nginx splits, Prometheus counts, the gate's program decides.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use verifier::gate::actuator::Nginx;
use verifier::gate::journal::entry::{Entry, Route};
use verifier::gate::journal::{DiskPen, Journal};
use verifier::gate::record::{EvidenceKind, EvidenceRecord};
use verifier::gate::state::State;
use verifier::gate::weight::Weight;
use verifier::jwt::cell::Side;

use super::nginx::{Router, set, weight};
use super::prometheus::Counting;
use super::{Pair, Traffic, get, target, write};

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
    /// Everything runs, and the gate's journal says that core has `percent` of the traffic, on evidence
    /// of the build that runs.
    async fn at(percent: u8) -> Self {
        let pair = Pair::new().await;
        let nginx = Router::new(&pair).await;
        let counting = Counting::new(&pair).await;
        let site = Self {
            pair,
            nginx,
            counting: Some(counting),
        };
        set(&mut Nginx::new(&site.nginx.config), weight(percent), 1).await;
        site.configure();
        let (_, env) = get(&target(&site.pair.core.url()), "/api/v1/env")
            .await
            .expect("an answer");
        let env: Value = serde_json::from_str(&env).expect("JSON");
        let build = env
            .pointer("/value/commitSha")
            .and_then(Value::as_str)
            .expect("a build");
        let share = Weight::from_percent(percent).expect("a weight");
        let mut journal = site.journal();
        for entry in [
            Entry::Begun {
                run_id: "run".to_owned(),
                attempt: 1,
                tool: "test".to_owned(),
            },
            Entry::Evidence {
                record: evidence(build),
            },
            Entry::Moved {
                from: State::Draft,
                to: State::Canary(share),
                evidence: String::new(),
                reason: "the test begins here".to_owned(),
                before: Route::START,
                after: Route {
                    weight: share,
                    canary: true,
                    main: Side::Legacy,
                },
            },
        ] {
            journal.write(entry, now_ms()).expect("a disk");
        }
        site
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

    fn configure(&self) {
        let counting = self.counting.as_ref().expect("it runs");
        let gate = json!({
            "min_time": "2s", "min_requests": 40, "tick": "1s", "settle": "1s", "effect_within": "30s",
            "rollback": { "max_blind": "6s" },
            "soak": { "first_watch": "1s" },
            "contacts": { "rollback": "Kim" },
            "router": { "nginx": serde_json::to_value(&self.nginx.config).expect("JSON") },
            "signals": {
                "prometheus": {
                    "url": counting.config.url, "scrape_interval": "1s",
                    "core": counting.config.core, "legacy": counting.config.legacy,
                },
                "probes": [{
                    "name": "config", "url": self.nginx.base, "times": 12,
                    "requests": [{ "path": PATH, "json": { "/value/isAvailableRegistration": null } }],
                }],
                "identity": {
                    "url": format!("{}/api/v1/env", self.pair.core.url()), "pointer": "/value/commitSha",
                },
            },
        });
        let all =
            json!({ "legacy": self.pair.legacy.url(), "core": self.pair.core.url(), "gate": gate });
        // JSON is YAML.
        write(&self.file("cutover.yaml"), &all.to_string());
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

fn evidence(build: &str) -> EvidenceRecord {
    EvidenceRecord {
        kind: EvidenceKind::Replay,
        core: vec![build.to_owned()],
        legacy: Vec::new(),
        catalogue: String::new(),
        goldens: None,
        file: None,
        n: 1,
        k: 0,
        distinct: 1,
        excused: 0,
        from_ms: now_ms(),
        to_ms: now_ms(),
        expires_ms: now_ms() + 86_400_000,
        attempt: 1,
        alpha: 0.05,
        ln_e: None,
        tool: "test".to_owned(),
        sha256: String::new(),
    }
    .sealed()
}

fn sum(people: &[Traffic], of: impl Fn(&Traffic) -> u64) -> u64 {
    people.iter().map(of).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_core_climbs_to_everything_and_is_switched_without_a_lost_request() {
    let site = Site::at(10).await;
    let people = site.people();
    let began = Instant::now();
    let code = site
        .start(&["run", "--until", "C100"])
        .end(Duration::from_mins(2))
        .await;
    assert_eq!(code, 0, "{}", status(&site));
    assert_eq!(site.share().await.as_deref(), Some("weight=100"));
    let hash = site.journal().standing().evidence_hash();
    let approved = site
        .gate(&["approve", "--evidence", &hash])
        .output()
        .expect("it runs");
    assert!(
        approved.status.success(),
        "{}",
        String::from_utf8_lossy(&approved.stderr)
    );
    let code = site
        .start(&["run", "--until", "SWITCHED"])
        .end(Duration::from_mins(1))
        .await;
    assert_eq!(code, 0, "{}", status(&site));
    println!(
        "10 to 100 percent and switched in {:.1} s; {} requests",
        began.elapsed().as_secs_f64(),
        sum(&people, Traffic::sent)
    );
    let rolled_back = site
        .gate(&["rollback", "--reason", "the test ends"])
        .output()
        .expect("it runs");
    assert!(
        rolled_back.status.success(),
        "{}",
        String::from_utf8_lossy(&rolled_back.stderr)
    );
    assert_eq!(site.share().await.as_deref(), Some("weight=0"));
    assert_eq!(
        (sum(&people, Traffic::lost), sum(&people, Traffic::bad)),
        (0, 0)
    );
}

fn status(site: &Site) -> String {
    let output = site.gate(&["status"]).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_turns_bad_is_left_again_whatever_is_wrong_with_it() {
    for (name, fault) in [
        ("errors", "share=100%,status=503"),
        ("slowness", "share=100%,slow=2500"),
        ("wrong bodies", "share=100%,body=empty"),
    ] {
        let site = Site::at(30).await;
        let people = site.people();
        let mut gate = site.start(&["run", "--until", "C50"]);
        people[0].more(100).await;
        let fault = format!("{fault},path={PATH}").parse().expect("a fault");
        site.pair.core_faults.set(vec![fault]);
        let began = Instant::now();
        while site.share().await.as_deref() != Some("weight=0") {
            assert!(
                began.elapsed() < Duration::from_mins(1),
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
            gate.end(Duration::from_mins(1)).await,
            1,
            "{name}: {}",
            status(&site)
        );
        assert_eq!(
            sum(&people, Traffic::lost),
            0,
            "{name}: no reload loses a request"
        );
        assert_eq!(site.journal().standing().state, State::RolledBack, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_goes_blind_waits_and_goes_on_when_it_sees_again() {
    let mut site = Site::at(30).await;
    let people = site.people();
    // Blind from the start, with a journey that shows that all is well: nothing moves either way.
    site.counting = None;
    let mut gate = site.start(&["run", "--until", "C50"]);
    people[0].more(400).await;
    assert_eq!(
        site.share().await.as_deref(),
        Some("weight=30"),
        "{}",
        status(&site)
    );
    // It sees again, at the same address.
    drop(site.counting.take());
    let port = {
        let text = std::fs::read_to_string(site.file("cutover.yaml")).expect("the file");
        let all: Value = serde_json::from_str(&text).expect("JSON");
        let url = all
            .pointer("/gate/signals/prometheus/url")
            .and_then(Value::as_str);
        url.and_then(|url| url.rsplit(':').next()?.parse().ok())
            .expect("a port")
    };
    site.counting = Some(Counting::at(&site.pair, port).await);
    assert_eq!(
        gate.end(Duration::from_secs(90)).await,
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
