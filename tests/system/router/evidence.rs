//! Evidence as a team makes it: the program replays the golden files and checks tokens, the proxy
//! compares live traffic.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use fixtures::rms::PUBLISHED_SECRET;
use fixtures::web_client::{Traffic, drive};
use shadow_proxy::{Config, Proxy};
use tokio::sync::OnceCell;

use super::Pair;
use crate::harness::stopped;

/// Requests of the web client: what a mismatch rate below 0.1 % needs, and some.
const REQUESTS: u64 = 4_000;

/// Where it is.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) catalogue: PathBuf,
    pub(super) replay: PathBuf,
    pub(super) jwt: PathBuf,
    pub(super) live: PathBuf,
}

/// All three kinds of `build`, made once for all cut-overs: what one build showed holds for each of them.
pub(super) async fn of(build: &str) -> Files {
    static MADE: OnceCell<Files> = OnceCell::const_new();
    let made = MADE.get_or_init(async || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cut-over-evidence");
        // What an earlier run left is of no use.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let began = Instant::now();
        let files = make(&folder, build).await;
        println!("evidence made in {:.1} s", began.elapsed().as_secs_f64());
        files
    });
    made.await.clone()
}

/// Makes it on pairs of its own: what writes must not meet the cut-over's.
async fn make(folder: &Path, build: &str) -> Files {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = Files {
        catalogue: home.join("golden/endpoints.yaml"),
        replay: folder.join("replay.json"),
        jwt: folder.join("jwt.json"),
        live: folder.join("live.db"),
    };
    let pair = Pair::new().await;
    let (legacy, core) = (pair.legacy.url(), pair.core.url());
    let run = |words: &[&str], report: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"));
        command
            .args(words)
            .args(["--allow-writes", "--core-build", build])
            .arg("--catalog")
            .arg(&files.catalogue)
            .arg("--report")
            .arg(format!("json={}", report.display()))
            .env("SECRET_OF_BOTH", PUBLISHED_SECRET)
            .current_dir(home)
            .stdin(Stdio::null());
        let words = words.join(" ");
        tokio::task::spawn_blocking(move || {
            let output = command.output().expect("it runs");
            assert!(
                output.status.success(),
                "{words}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        })
    };
    run(
        &["replay", "--candidate", &core, "--no-pending"],
        &files.replay,
    )
    .await
    .expect("it ended");
    let tokens = [
        "jwt",
        "--legacy",
        &legacy,
        "--core",
        &core,
        "--secret-env",
        "SECRET_OF_BOTH",
    ];
    run(&tokens, &files.jwt).await.expect("it ended");

    // The proxy before a fresh database, as the web client expects it.
    let pair = Pair::new().await;
    let mut config = Config {
        legacy: Some(pair.legacy.url()),
        core: Some(pair.core.url()),
        catalog: Some(files.catalogue.clone()),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    // The client hurries as no people do; the comparing thread may catch up afterwards.
    config.shadow.max_queued_pairs = 20_000;
    config.shadow.max_held_bytes = 512 << 20;
    config.evidence.file = Some(files.live.clone());
    config.evidence.core_version = Some(build.to_owned());
    config.evidence.role_claim = Some("authorities".to_owned());
    let proxy = Proxy::start(&config).expect("the proxy starts");
    drive(proxy.listen(), &Traffic::new(REQUESTS), |_| {})
        .await
        .expect("answers");
    stopped(proxy).await;
    files
}
