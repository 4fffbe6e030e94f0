//! nginx as the router between the pair.

use std::path::PathBuf;

use verifier::gate::actuator::{Act, ActuateError, Actuator, Mark, Nginx, Reading};
use verifier::gate::config::NginxConfig;
use verifier::gate::weight::Weight;
use verifier::jwt::cell::Side;

use super::{Pair, Program, Traffic, free_port, get, ready, target, write};

/// nginx before the pair, driven through its included file.
pub(super) struct Router {
    pub(super) base: String,
    pub(super) config: NginxConfig,
    configuration: PathBuf,
    _program: Program,
}

impl Router {
    pub(super) async fn new(pair: &Pair) -> Self {
        let folder = pair.folder.path().join("nginx");
        std::fs::create_dir(&folder).expect("a folder");
        let home = folder.display().to_string();
        let include = folder.join("split.conf");
        let configuration = folder.join("nginx.conf");
        let port = free_port();
        write(
            &configuration,
            &format!(
                "daemon off;\nworker_processes 1;\npid {home}/pid;\nerror_log {home}/error.log;\n\
                 events {{ worker_connections 256; }}\nhttp {{\n access_log off;\n\
                 client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;\n\
                 uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;\n\
                 upstream api_legacy {{ server {}; keepalive 8; }}\n\
                 upstream api_core {{ server {}; keepalive 8; }}\n\
                 include {home}/split*.conf;\n\
                 server {{ listen 127.0.0.1:{port};\n\
                 location = /cutover-split {{ return 200 $cutover_split; }}\n\
                 location / {{ proxy_pass http://$cutover_backend; proxy_http_version 1.1;\n\
                 proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_next_upstream off; }}\n\
                 }}\n}}\n",
                pair.legacy.addr, pair.core.addr
            ),
        );
        let base = format!("http://127.0.0.1:{port}");
        let run = |extra: &[&str]| {
            let fixed = [
                "nginx",
                "-p",
                &home,
                "-c",
                &configuration.display().to_string(),
            ]
            .map(str::to_owned);
            fixed
                .into_iter()
                .chain(extra.iter().map(|word| (*word).to_owned()))
                .collect()
        };
        let config = NginxConfig {
            include,
            legacy_upstream: "api_legacy".to_owned(),
            core_upstream: "api_core".to_owned(),
            variable: "cutover_backend".to_owned(),
            key: "${request_id}".to_owned(),
            test: run(&["-t"]),
            reload: run(&["-s", "reload"]),
            live_url: Some(format!("{base}/cutover-split")),
        };
        // The gate's file must be there before nginx can use its variables.
        let start = "# The split of a cut-over. Written by the gate; changes by hand count as drift.\n\
                     # weight=0 main=legacy run= seq=0 evidence=\n\
                     split_clients \"${request_id}\" $cutover_backend {\n    * api_legacy;\n}\n\
                     map \"\" $cutover_split {\n    default \"weight=0 main=legacy run= seq=0 evidence=\";\n}\n";
        write(&config.include, start);
        let program = Program::start(
            "nginx",
            &["-p", &home, "-c", &configuration.display().to_string()],
        );
        ready(&target(&base), "/actuator/health/liveness").await;
        Self {
            base,
            config,
            configuration,
            _program: program,
        }
    }
}

/// Requests that each side has answered.
pub(super) async fn served(pair: &Pair) -> (u64, u64) {
    let mut counts = [0; 2];
    for (count, url) in counts.iter_mut().zip([pair.legacy.url(), pair.core.url()]) {
        let (_, text) = get(&target(&url), "/metrics").await.expect("metrics");
        *count = text
            .lines()
            .filter(|line| line.starts_with("http_requests_total{"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum();
    }
    (counts[0], counts[1])
}

async fn set(router: &mut Nginx, act: Act, seq: u64) -> Reading {
    let before = router.read().await.expect("a reading");
    let mark = Mark {
        run_id: "run-1".to_owned(),
        seq,
        evidence: "e".to_owned(),
    };
    router
        .apply(act, &before.version, &mark)
        .await
        .expect("the change is made");
    let after = router.read().await.expect("a reading");
    assert!(after.taken, "the running server has it: {after:?}");
    assert_eq!(after.mark, Some(mark));
    after
}

fn weight(percent: u8) -> Act {
    Act::SetWeight {
        weight: Weight::from_percent(percent).expect("a weight"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_splits_as_it_is_told_and_no_reload_loses_a_request() {
    let pair = Pair::new().await;
    let nginx = Router::new(&pair).await;
    let mut router = Nginx::new(&nginx.config);
    for check in router.preflight().await.expect("a look") {
        assert_eq!(check.fault, None, "{}", check.name);
    }
    let traffic = Traffic::start(&nginx.base, "/actuator/health/liveness");
    for (seq, percent) in [(1, 10), (2, 50), (3, 100), (4, 0)] {
        let reading = set(&mut router, weight(percent), seq).await;
        assert_eq!(reading.weight.percent(), percent);
        // A worker that is being replaced may still finish what it had accepted.
        traffic.more(5).await;
        let before = served(&pair).await;
        traffic.more(200).await;
        let after = served(&pair).await;
        let (legacy, core) = (after.0 - before.0, after.1 - before.1);
        #[allow(clippy::cast_precision_loss)]
        let share = core as f64 / (legacy + core) as f64;
        let expected = f64::from(percent) / 100.0;
        // Four standard deviations, and each look at the metrics is an answer too.
        let allowed = 4.0 * (expected * (1.0 - expected) / 200.0).sqrt() + 0.02;
        assert!((share - expected).abs() <= allowed, "{percent} %: {share}");
    }
    let reading = set(&mut router, Act::SwitchMain { to: Side::Core }, 5).await;
    assert_eq!(reading.exposure(), Weight::ALL);
    let reading = set(&mut router, Act::SwitchMain { to: Side::Legacy }, 6).await;
    assert_eq!(reading.exposure(), Weight::NONE);
    traffic.more(20).await;
    assert_eq!(
        (traffic.lost(), traffic.bad()),
        (0, 0),
        "of {}",
        traffic.sent()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_nginx_refuses_leaves_everything_as_it_was() {
    let pair = Pair::new().await;
    let nginx = Router::new(&pair).await;
    let mut router = Nginx::new(&nginx.config);
    let before = set(&mut router, weight(10), 1).await;
    let text = std::fs::read_to_string(&nginx.config.include).expect("the file");
    let good = std::fs::read_to_string(&nginx.configuration).expect("the configuration");
    write(&nginx.configuration, &format!("{good}nonsense;\n"));
    let refused = router
        .apply(weight(30), &before.version, &Mark::default())
        .await;
    assert!(
        matches!(&refused, Err(ActuateError::Refused { reason, .. }) if reason.contains("nonsense")),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&nginx.config.include).expect("the file"),
        text
    );
    write(&nginx.configuration, &good);
    // A change by hand is drift, and a conflict for whoever read before it.
    write(&nginx.config.include, &text.replace("10%", "90%"));
    let drifted = router.read().await.expect("a reading");
    assert!(
        drifted.surprises.join("").contains("by hand"),
        "{drifted:?}"
    );
    let stale = router
        .apply(weight(30), &before.version, &Mark::default())
        .await;
    assert!(
        matches!(stale, Err(ActuateError::Conflict { .. })),
        "{stale:?}"
    );
}
