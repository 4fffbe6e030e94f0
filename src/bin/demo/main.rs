//! The main job on real input, in one process: the reference pair over one database, held against
//! the golden files that legacy answered, then with the proxy before it and live traffic.
//!
//! `cargo run --release --bin demo` ends by itself and leaves nothing behind but its report.

mod gate;
mod live;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use fixtures::rms::defects::DefectSet;
use fixtures::rms::{self, Options, Side};
use jiff::ZonedDateTime;
use verifier::catalogue::Catalogue;
use verifier::cli::terminal::to_stdout;
use verifier::client::{ClientConfig, Target};
use verifier::golden::files::GoldenDir;
use verifier::golden::replay::{Replay, ReplayConfig};
use verifier::golden::request::RunId;
use verifier::golden::run::{RunConfig, Runner};
use verifier::report::groups::groups;
use verifier::report::text::groups_table;
use verifier::report::{self, Exit, Report};

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(demo())
}

async fn demo() -> anyhow::Result<()> {
    let home = home();
    let out = home.join("demo-report");
    std::fs::create_dir_all(&out).with_context(|| format!("{}: cannot create", out.display()))?;
    println!("api-legacy is replaced by api-core. Does any client notice?\n");

    println!("1. A core that answers as legacy does");
    let clean = replay(&home, DefectSet::default()).await?;
    summary(&clean);
    ensure!(
        clean.exit() == Exit::Green,
        "the clean core should be green; its differences: {}",
        clean.totals().findings
    );

    println!("\n2. The core as it was shipped");
    let shipped = replay(&home, DefectSet::as_shipped()).await?;
    differences(&shipped)?;
    summary(&shipped);
    ensure!(
        shipped.exit() == Exit::Differences,
        "the shipped core should differ"
    );

    let live = live::show(&home, &out).await?;

    let path = out.join("replay-as-shipped.json");
    let mut file = BufWriter::new(
        File::create(&path).with_context(|| format!("{}: cannot write", path.display()))?,
    );
    report::json::write(&shipped, &mut file)?;
    file.flush()?;
    println!(
        "The full report of the replay: {}",
        path.strip_prefix(&home).unwrap_or(&path).display()
    );
    Box::pin(gate::show(&home, &out, clean, live)).await
}

/// The folder that holds `golden/`: the package's when cargo runs this, else where one stands.
fn home() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Starts the pair on a database of its own and replays the whole catalogue against core.
async fn replay(home: &Path, defects: DefectSet) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let database = folder.path().join("rms.db");
    let legacy = rms::start(Options::new(Side::Legacy, &database)).await?;
    let core = rms::start(Options {
        defects,
        ..Options::new(Side::Core, &database)
    })
    .await?;

    let file = home.join("golden/endpoints.yaml");
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "{}: cannot read; run from the repository's root",
            file.display()
        )
    })?;
    let today = ZonedDateTime::now().date();
    let catalogue = Arc::new(Catalogue::parse(&file, &text, today)?);
    let goldens = GoldenDir::new(&home.join("golden"), None);
    let config = RunConfig {
        allow_writes: true,
        jobs: 8,
        run: RunId::now(),
        today,
        shuffle: None,
    };
    let target = Target::new(&core.url(), ClientConfig::default())?;
    let runner = Arc::new(Runner::new(Arc::clone(&catalogue), target, config));
    let replay = Replay {
        catalogue: &catalogue,
        goldens: &goldens,
        config: ReplayConfig {
            pending: false,
            legacy_goldens_only: true,
            strict_rules: true,
        },
    };
    let all: Vec<usize> = (0..catalogue.cases.len()).collect();
    let mut seen = 0;
    let terminal = io::stderr().is_terminal();
    let report = replay
        .run(runner, &all, |case| {
            seen += 1;
            if terminal {
                eprint!("\r\x1b[K   {seen}/{} {}", all.len(), case.case);
            }
        })
        .await;
    if terminal {
        eprint!("\r\x1b[K");
    }
    core.stop().await;
    legacy.stop().await;
    Ok(report)
}

fn summary(report: &Report) {
    let totals = report.totals();
    println!(
        "   {}; {} cases equal, {} different, {} blocked by those; {} findings in {:.1} s",
        report.headline(),
        totals.equal,
        totals.different,
        totals.blocked,
        totals.findings,
        report.duration.as_secs_f64()
    );
}

/// The groups of differences, the worst first.
fn differences(report: &Report) -> anyhow::Result<()> {
    const SHOWN: usize = 60;
    let mut groups = groups(report);
    let more = groups.len().saturating_sub(SHOWN);
    groups.truncate(SHOWN);
    to_stdout(|out| {
        for line in groups_table(&groups).lines() {
            writeln!(out, "   {line}")?;
        }
        if more > 0 {
            writeln!(out, "   … {more} more in the report")?;
        }
        Ok(())
    })?;
    Ok(())
}
