//! The gate judges the demo's own evidence, then walks the ladder over a router that is a file, with
//! time that passes as fast as it is waited for.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use fixtures::rms::{self, Options, PUBLISHED_SECRET, Side};
use jiff::{Timestamp, ZonedDateTime};
use serde_json::json;
use verifier::catalogue::Catalogue;
use verifier::client::{ClientConfig, Target};
use verifier::evidence::record::Evidence;
use verifier::evidence::store;
use verifier::gate::actuator::DryRun;
use verifier::gate::clock::{Clock, Moment, Pending};
use verifier::gate::config::GateConfig;
use verifier::gate::criterion::Verdict;
use verifier::gate::journal::{DiskPen, Journal};
use verifier::gate::proof::{Context, Running, load};
use verifier::gate::run::{Gate, Parts, Setup};
use verifier::gate::signal::{Ask, Counts, Sight, Sighting, Signal};
use verifier::gate::state::State;
use verifier::gate::weight::Weight;
use verifier::golden::request::RunId;
use verifier::jwt;
use verifier::jwt::cell::Side as Of;
use verifier::report::bound::CoreClaim;
use verifier::report::{self, Report};

/// What the demo's core is called as a build.
pub(crate) const BUILD: &str = "build-2026-01-12";
/// Endpoints that neither this traffic nor a replay can prove, and why the demo goes on.
const WAIVED: [(&str, &str); 2] = [
    ("dev_test_data", "absent from production"),
    (
        "reservations_delete",
        "replayed; the web client never asks for what it has deleted",
    ),
];
/// Requests a second that the played clients send.
const PER_SECOND: i64 = 40;

/// Judges what the clean core has shown, and cuts over to it.
pub(crate) async fn show(
    home: &Path,
    out: &Path,
    mut clean: Report,
    live: PathBuf,
) -> anyhow::Result<()> {
    println!("\n5. The gate judges this evidence and walks the ladder (dry run, time-lapse)");
    let file = home.join("golden/endpoints.yaml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{}: cannot read", file.display()))?;
    let today = ZonedDateTime::now().date();
    let catalogue = Catalogue::parse(&file, &text, today)?;
    let claim = CoreClaim {
        digest: None,
        build: Some(BUILD.to_owned()),
    };
    clean.core = claim.clone();
    let replay = out.join("replay-clean.json");
    write(&replay, |to| report::json::write(&clean, to))?;
    let tokens = out.join("jwt-clean.json");
    let mut done = check_tokens(&catalogue).await?;
    done.core = claim;
    write(&tokens, |to| jwt::report::json(&done, to))?;

    let config: GateConfig = serde_json::from_value(json!({
        "evidence": { "replay": [replay], "jwt": tokens, "live": live },
        "waivers": WAIVED.map(|(endpoint, reason)| json!({
            "endpoint": endpoint, "reason": reason, "owner": "demo", "expires": today.to_string(),
        })),
        "contacts": { "rollback": "the person who runs this demo" },
        "attestations": {
            "backup_restored": { "by": "demo", "on": today.to_string() },
            "legacy_reads_core_writes": { "by": "demo", "on": today.to_string() },
        },
    }))
    .context("the demo's configuration of the gate")?;
    judge(&config, &catalogue, &live, today);
    walk(out, config, catalogue, live).await
}

fn write(
    path: &Path,
    with: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("{}: cannot write", path.display()))?;
    let mut file = BufWriter::new(file);
    with(&mut file)?;
    std::io::Write::flush(&mut file).with_context(|| format!("{}: cannot write", path.display()))
}

/// Each side's tokens at the other, on a database of their own.
async fn check_tokens(catalogue: &Catalogue) -> anyhow::Result<jwt::cell::JwtReport> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let database = folder.path().join("rms.db");
    let legacy = rms::start(Options::new(Side::Legacy, &database)).await?;
    let core = rms::start(Options::new(Side::Core, &database)).await?;
    let config = jwt::run::JwtConfig {
        secret: Some(PUBLISHED_SECRET.into()),
        allow_writes: true,
        only: Vec::new(),
        waived: Vec::new(),
        today: ZonedDateTime::now().date(),
        run: RunId::now().as_str().to_owned(),
    };
    let targets = jwt::cell::Pair {
        legacy: Target::new(&legacy.url(), ClientConfig::default())?,
        core: Target::new(&core.url(), ClientConfig::default())?,
    };
    let done = jwt::run::run(catalogue, targets, &config, &|_| ()).await?;
    core.stop().await;
    legacy.stop().await;
    Ok(done)
}

/// What the evidence files say, before anything moves.
fn judge(config: &GateConfig, catalogue: &Catalogue, live: &Path, today: jiff::civil::Date) {
    let mut running = Running::default();
    running.add("demo", [BUILD.to_owned()]);
    let proofs = load::all(
        &Context {
            now_ms: Timestamp::now().as_millisecond(),
            today,
            config,
            catalogue: Some(catalogue),
            running: &running,
            attempt: 1,
            accepted: &[],
        },
        Some(live),
    );
    for (name, proof) in [
        ("golden files", &proofs.replay),
        ("tokens", &proofs.jwt),
        ("live traffic", &proofs.live),
    ] {
        let all = proof.criteria.len();
        let held = proof
            .criteria
            .iter()
            .filter(|criterion| criterion.verdict == Verdict::Pass)
            .count();
        println!("   {name:<13} {held} of {all} criteria hold");
        let others = proof
            .criteria
            .iter()
            .filter(|criterion| criterion.verdict != Verdict::Pass);
        for criterion in others {
            println!(
                "      {} {}: {}",
                criterion.verdict.word(),
                criterion.name,
                criterion.why
            );
        }
    }
}

async fn walk(
    out: &Path,
    config: GateConfig,
    catalogue: Catalogue,
    live: PathBuf,
) -> anyhow::Result<()> {
    let state = out.join("gate-state");
    if state.exists() {
        std::fs::remove_dir_all(&state)
            .with_context(|| format!("{}: cannot replace", state.display()))?;
    }
    let evidence = store::read(&live)?;
    let router = DryRun::new(state.join("dry-run.json"));
    let clock = Arc::new(Lapse::default());
    let began = clock.now();
    let journal = Journal::open(&state, "demo", false, Box::new(DiskPen), began.wall_ms)?;
    let parts = Parts {
        actuator: Box::new(router.clone()),
        signals: vec![Box::new(Played { router, evidence })],
        notify: None,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
    };
    let setup = Setup {
        config,
        catalogue: Some(catalogue),
        live: Some(live),
        who: "demo".to_owned(),
    };
    let mut gate = Gate::open(setup, parts, journal, false).await?;
    let mut at = gate.standing().state;
    let mut since = began;
    // Far more looks than such a cut-over takes.
    for _ in 0..2_000 {
        let look = gate.step().await?;
        if look.reached != at {
            let now = clock.now();
            let minutes = now.since(since).as_secs_f64() / 60.0;
            println!("   {at} ▸ {} after {minutes:.1} min", look.reached);
            (at, since) = (look.reached, now);
        }
        if at == State::Switched {
            println!("   The journal: demo-report/gate-state/journal.log");
            gate.close().await?;
            return Ok(());
        }
        ensure!(at != State::RolledBack, "a good core was rolled back");
        let waits = look
            .criteria
            .iter()
            .find(|criterion| criterion.verdict != Verdict::Pass);
        match waits {
            Some(criterion) if criterion.name == "approval" => {
                let hash = gate.standing().evidence_hash();
                if let Ok(to) = gate.approve(&hash, None).await {
                    println!(
                        "   {to} approved on evidence {}",
                        &hash[..hash.len().min(8)]
                    );
                }
            }
            Some(criterion) if !at.is_live() && at != State::Draft && at != State::Verified => {
                bail!("{}: {} ({})", at, criterion.name, criterion.why);
            }
            _ => {}
        }
        gate.pause().await;
    }
    bail!("the ladder was not climbed: it stands at {at}")
}

/// A clock that is ahead at once by whatever is waited for.
#[derive(Debug)]
struct Lapse {
    start_ms: i64,
    passed: Mutex<Duration>,
}

impl Default for Lapse {
    fn default() -> Self {
        Self {
            start_ms: Timestamp::now().as_millisecond(),
            passed: Mutex::default(),
        }
    }
}

impl Clock for Lapse {
    fn now(&self) -> Moment {
        let passed = *self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        Moment {
            wall_ms: self.start_ms.saturating_add(ms),
            monotonic: passed,
        }
    }

    fn sleep(&self, span: Duration) -> Pending<'_, ()> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        *passed = passed.saturating_add(span);
        Box::pin(std::future::ready(()))
    }
}

/// Clients that are split as the router says, and answered as the evidence saw both sides answer.
struct Played {
    router: DryRun,
    evidence: Evidence,
}

impl Played {
    fn counts(&self, side: Of, requests: u64, ask: &Ask) -> Counts {
        let (mut all, mut slow) = (0u64, vec![0u64; ask.slow.len()]);
        for record in self.evidence.ledger.endpoints.values() {
            let latency = match side {
                Of::Legacy => &record.tally.reference_latency,
                Of::Core => &record.tally.candidate_latency,
            };
            all += latency.total();
            for (slow, limit) in slow.iter_mut().zip(&ask.slow) {
                *slow += latency.above(limit.duration()).unwrap_or(0);
            }
        }
        Counts {
            requests,
            errors: 0,
            client_errors: 0,
            slow: slow
                .into_iter()
                .map(|slow| slow * requests / all.max(1))
                .collect(),
        }
    }
}

impl Signal for Played {
    fn name(&self) -> String {
        "played clients".to_owned()
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        Vec::new()
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        let ms = ask.to_ms.saturating_sub(ask.from_ms).max(0);
        let all = u64::try_from(ms * PER_SECOND / 1000).unwrap_or(0);
        let share = self
            .router
            .state()
            .map_or(Weight::NONE, |state| state.reading.exposure());
        let core = all * u64::from(share.percent()) / 100;
        let sighting = |sight| Sighting {
            source: "played clients".to_owned(),
            query: None,
            at_ms: ask.to_ms,
            sight,
        };
        let sightings = vec![
            sighting(Sight::Counts {
                side: Of::Legacy,
                seen: Ok(self.counts(Of::Legacy, all - core, ask)),
            }),
            sighting(Sight::Counts {
                side: Of::Core,
                seen: Ok(self.counts(Of::Core, core, ask)),
            }),
            sighting(Sight::Identity {
                seen: Ok(vec![BUILD.to_owned()]),
            }),
        ];
        Box::pin(std::future::ready(sightings))
    }
}
