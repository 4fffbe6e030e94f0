//! The proxy before the pair, and people at the web client.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fixtures::rms::defects::{Defect, DefectSet};
use fixtures::rms::{self, Options, Side};
use fixtures::web_client::{Sent, Traffic, drive};
use shadow_proxy::counters::{Reason, Tally};
use shadow_proxy::{Config, Proxy};
use tokio::task::JoinSet;
use verifier::catalogue::Catalogue;
use verifier::coverage::{Coverage, GoldenFact};
use verifier::evidence::record::GroupKey;
use verifier::evidence::store;
use verifier::golden::files::GoldenDir;
use verifier::report::coverage::CoverageReport;
use verifier::report::live::{Known, LiveReport};
use verifier::report::table::Table;

/// Requests of the two large runs.
const REQUESTS: u64 = 4_000;
/// Requests that show what one switch does alone: enough for nearly every journey.
const ALONE: u64 = 160;
/// Switches that are tried at once.
const AT_ONCE: usize = 4;
/// Groups that are listed.
const SHOWN: usize = 25;

/// What one run of live traffic has shown.
struct Live {
    people: usize,
    sent: Sent,
    total: Tally,
    groups: BTreeMap<GroupKey, u64>,
    took: Duration,
}

/// Both parts of the demo that need live traffic. Returns where the evidence of the clean core is.
pub(crate) async fn show(home: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    println!("\n3. Live traffic through the proxy, a core that answers as legacy does");
    let traffic = Traffic::new(REQUESTS);
    let good = fresh(out.join("live-clean.db"))?;
    let clean = run(home, DefectSet::NONE, traffic.clone(), Some(good.clone())).await?;
    summary(&clean);
    println!("   verdict: {}", verdict(home, &good)?);
    ensure!(
        clean.total.different == 0,
        "the clean core should not differ: {:#?}",
        clean.groups
    );

    println!("\n4. Live traffic through the proxy, the core as it was shipped");
    let evidence = fresh(out.join("live-as-shipped.db"))?;
    let shipped = run(
        home,
        DefectSet::as_shipped(),
        traffic,
        Some(evidence.clone()),
    )
    .await?;
    table(&shipped);
    summary(&shipped);
    println!("   verdict: {}", verdict(home, &evidence)?);
    ensure!(
        shipped.total.different > 0,
        "the shipped core should differ"
    );
    planted(home, &shipped).await?;
    let shown = evidence.strip_prefix(home).unwrap_or(&evidence).display();
    println!("\nWhat was seen, redacted: verifier report --evidence {shown}");
    println!("What was not: {}", uncovered(home, &evidence)?);
    println!("   verifier coverage --evidence {shown} --catalog golden/endpoints.yaml");
    Ok(good)
}

/// The catalogue, and what is known of its golden files.
fn catalogue(home: &Path) -> anyhow::Result<(Catalogue, BTreeMap<String, GoldenFact>)> {
    let golden = home.join("golden");
    let path = golden.join("endpoints.yaml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{}: cannot read", path.display()))?;
    let catalogue = Catalogue::parse(&path, &text, jiff::ZonedDateTime::now().date())?;
    let facts = GoldenDir::new(&golden, None).facts(&catalogue)?;
    Ok((catalogue, facts))
}

/// What the evidence proves of all endpoints of the catalogue, in words.
fn verdict(home: &Path, file: &Path) -> anyhow::Result<String> {
    let (catalogue, facts) = catalogue(home)?;
    let evidence = store::read(file)?;
    let report = LiveReport {
        known: Known::new(&evidence, &catalogue, |case| facts.get(case).copied()),
        path: file.to_owned(),
        evidence,
        ..LiveReport::default()
    };
    Ok(report.whole().words())
}

/// What live traffic and golden files together have not shown, in one line.
fn uncovered(home: &Path, file: &Path) -> anyhow::Result<String> {
    let (catalogue, facts) = catalogue(home)?;
    let evidence = store::read(file)?;
    let golden = |case: &str| facts.get(case).copied();
    let report = CoverageReport {
        coverage: Coverage::new(&evidence, Some(&catalogue), golden),
        evidence: vec![file.to_owned()],
        catalogue: Some(catalogue.source),
        golden: None,
        waived: Vec::new(),
    };
    Ok(report.headline())
}

/// A place for an evidence file, without that of an earlier demo.
fn fresh(evidence: PathBuf) -> anyhow::Result<PathBuf> {
    for end in ["", "-wal", "-shm"] {
        let old = PathBuf::from(format!("{}{end}", evidence.display()));
        if old.exists() {
            std::fs::remove_file(&old)
                .with_context(|| format!("{}: cannot replace", old.display()))?;
        }
    }
    Ok(evidence)
}

/// Starts the pair on one database with the proxy before it and sends `traffic` through.
async fn run(
    home: &Path,
    defects: DefectSet,
    traffic: Traffic,
    evidence: Option<PathBuf>,
) -> anyhow::Result<Live> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let database = folder.path().join("rms.db");
    let legacy = rms::start(Options::new(Side::Legacy, &database)).await?;
    let core = rms::start(Options {
        defects,
        ..Options::new(Side::Core, &database)
    })
    .await?;
    let mut config = Config {
        legacy: Some(legacy.url()),
        core: Some(core.url()),
        catalog: Some(home.join("golden/endpoints.yaml")),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    // The demo hurries as no clients do; the comparing thread may catch up afterwards.
    config.shadow.max_queued_pairs = 20_000;
    config.shadow.max_held_bytes = 512 << 20;
    let shown = evidence.is_some() || traffic.requests > ALONE;
    config.evidence.file = evidence;
    config.evidence.core_version = Some(crate::gate::BUILD.to_owned());
    config.evidence.role_claim = Some("authorities".to_owned());
    let proxy = Proxy::start(&config)?;
    let began = Instant::now();
    let terminal = shown && io::stderr().is_terminal();
    let sent = drive(proxy.listen(), &traffic, |sent| {
        if terminal {
            eprint!("\r\x1b[K   {sent}/{}", traffic.requests);
        }
    })
    .await?;
    if terminal {
        eprint!("\r\x1b[K");
    }
    let total = settled(&proxy).await?;
    let took = began.elapsed();
    let groups = proxy.findings().groups();
    let whole = tokio::task::spawn_blocking(move || proxy.stop()).await?;
    ensure!(whole, "the proxy was cut short");
    core.stop().await;
    legacy.stop().await;
    Ok(Live {
        people: traffic.people,
        sent,
        total,
        groups,
        took,
    })
}

/// The counts once every exchange has ended in one.
async fn settled(proxy: &Proxy) -> anyhow::Result<Tally> {
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        let total = proxy.counters().total();
        if total.in_flight() == 0 {
            return Ok(total);
        }
        ensure!(Instant::now() < deadline, "still comparing: {total:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn summary(live: &Live) {
    let total = &live.total;
    let reasons = Reason::ALL.into_iter().zip(total.not_compared);
    let lost: Vec<String> = reasons
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{} {count}", reason.label()))
        .collect();
    println!(
        "   {} requests of {} people in {:.1} s, {} of them writes; every answer was legacy's",
        live.sent.requests,
        live.people,
        live.took.as_secs_f64(),
        live.sent.writes
    );
    println!(
        "   {} sent = {} compared + {} not compared ({}); {} different, in {} groups",
        total.sent,
        total.compared(),
        total.not_compared.iter().sum::<u64>(),
        lost.join(", "),
        total.different,
        live.groups.len()
    );
}

/// The groups, the worst and most frequent first.
fn table(live: &Live) {
    let mut groups: Vec<_> = live.groups.iter().collect();
    groups.sort_by_key(|(key, count)| (std::cmp::Reverse((key.severity, **count)), *key));
    let mut table = Table::new(&[
        ("severity", 8),
        ("count", 8),
        ("endpoint", 24),
        ("place", 44),
        ("kind", 13),
    ]);
    for (key, count) in groups.iter().take(SHOWN) {
        table.push(vec![
            key.severity.to_string(),
            count.to_string(),
            key.endpoint.clone(),
            key.place.clone(),
            key.kind.to_string(),
        ]);
    }
    for line in table.lines() {
        println!("   {line}");
    }
    if groups.len() > SHOWN {
        println!("   … {} more in the report", groups.len() - SHOWN);
    }
}

/// Endpoint, place and kind of a difference.
type Place = (String, String, String);

fn places(live: &Live) -> BTreeSet<Place> {
    let keys = live.groups.keys();
    keys.map(|key| {
        (
            key.endpoint.clone(),
            key.place.clone(),
            key.kind.to_string(),
        )
    })
    .collect()
}

/// Turns each switch of the shipped core on alone, so that every group has a known cause and every
/// switch that such traffic can show at all is known.
async fn planted(home: &Path, shipped: &Live) -> anyhow::Result<()> {
    let all: Vec<Defect> = DefectSet::as_shipped().iter().collect();
    let mut waiting = all.iter().copied();
    let mut running = JoinSet::new();
    let mut alone: BTreeMap<Defect, BTreeSet<Place>> = BTreeMap::new();
    let terminal = io::stderr().is_terminal();
    loop {
        while running.len() < AT_ONCE
            && let Some(defect) = waiting.next()
        {
            let home = home.to_owned();
            running.spawn(async move {
                let traffic = Traffic {
                    people: 2,
                    ..Traffic::new(ALONE)
                };
                let live = run(&home, defect.into(), traffic, None).await?;
                anyhow::Ok((defect, places(&live)))
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (defect, places) = done??;
        alone.insert(defect, places);
        if terminal {
            eprint!("\r\x1b[K   {}/{} switches alone", alone.len(), all.len());
        }
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    let seen = places(shipped);
    let visible = alone.iter().filter(|(_, places)| !places.is_empty());
    let (found, hidden): (Vec<_>, Vec<_>) =
        visible.partition(|(_, places)| !places.is_disjoint(&seen));
    let explained: BTreeSet<&Place> = alone.values().flatten().collect();
    let single = seen
        .iter()
        .filter(|place| explained.contains(place))
        .count();
    println!(
        "   planted: {} switches; reads of this traffic show {}, found {}; {} of {} kinds of difference come from one switch, {} take several",
        all.len(),
        found.len() + hidden.len(),
        found.len(),
        single,
        seen.len(),
        seen.len() - single
    );
    if !hidden.is_empty() {
        let ids: Vec<&str> = hidden.iter().map(|(defect, _)| defect.id()).collect();
        println!("   behind others of them: {}", ids.join(", "));
    }
    Ok(())
}
