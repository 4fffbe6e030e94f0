//! Prometheus over the pair.

use std::time::Duration;

use verifier::gate::config::PrometheusConfig;
use verifier::gate::signal::{Ask, Counts, Prometheus, Sight, Signal, Trouble, TroubleKind};
use verifier::gate::span::Span;
use verifier::jwt::cell::Side;

use super::{Pair, Program, free_port, get, ready, target, write};

/// Prometheus, scraping both servers every half second.
pub(super) struct Counting {
    pub(super) config: PrometheusConfig,
    program: Program,
}

impl Counting {
    pub(super) async fn new(pair: &Pair) -> Self {
        Self::at(pair, free_port()).await
    }

    /// At a port that is known to others already; goes on with what an earlier one has kept.
    pub(super) async fn at(pair: &Pair, port: u16) -> Self {
        let folder = pair.folder.path().join("prometheus");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("prometheus.yml");
        write(
            &file,
            &format!(
                "global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}\nscrape_configs:\n\
                 - {{job_name: api-legacy, static_configs: [{{targets: ['{}'], labels: {{side: legacy}}}}]}}\n\
                 - {{job_name: api-core, static_configs: [{{targets: ['{}'], labels: {{side: core}}}}]}}\n",
                pair.legacy.addr, pair.core.addr
            ),
        );
        let program = Program::start(
            "prometheus",
            &[
                &format!("--config.file={}", file.display()),
                &format!("--storage.tsdb.path={}", folder.join("data").display()),
                &format!("--web.listen-address=127.0.0.1:{port}"),
            ],
        );
        let url = format!("http://127.0.0.1:{port}");
        ready(&target(&url), "/-/ready").await;
        // It learns of its targets some seconds later.
        let scraped = async {
            loop {
                let answer = get(&target(&url), "/api/v1/query?query=sum(up)").await;
                if answer.is_some_and(|(_, text)| text.contains(",\"2\"]")) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), scraped)
            .await
            .expect("both servers are scraped");
        let config: PrometheusConfig = serde_json::from_value(serde_json::json!({
            "url": url,
            "scrape_interval": "500ms",
            "core": "side=\"core\"",
            "legacy": "side=\"legacy\"",
        }))
        .expect("a configuration");
        Self { config, program }
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_millis()).expect("fits")
}

async fn counts(
    prometheus: &mut Prometheus,
    side: Side,
    from_ms: i64,
    slow: &[Span],
) -> Result<Counts, Trouble> {
    let ask = Ask {
        from_ms,
        to_ms: now_ms(),
        slow: slow.to_vec(),
    };
    let sightings = prometheus.observe(&ask).await;
    let found = sightings
        .into_iter()
        .find_map(|sighting| match sighting.sight {
            Sight::Counts { side: of, seen } if of == side => Some(seen),
            _ => None,
        });
    found.expect("both sides are always told")
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_asked_for_counts_and_each_trouble_is_told_apart() {
    let pair = Pair::new().await;
    let counting = Counting::new(&pair).await;
    let mut prometheus = Prometheus::new(&counting.config);
    let slow = [Span::from_millis(500), Span::from_secs(2)];
    // Two scrapes, so that both edges of the window have samples.
    let scrapes = || tokio::time::sleep(Duration::from_millis(1_300));
    scrapes().await;
    let from = now_ms();
    pair.core_faults.set(vec![
        "share=100%,status=503,path=/api/v1/config"
            .parse()
            .expect("a fault"),
    ]);
    let core = target(&pair.core.url());
    for path in ["/api/v1/config", "/api/v1/env", "/api/v1/env", "/api/v1/my"] {
        get(&core, path).await.expect("an answer");
    }
    scrapes().await;
    let seen = counts(&mut prometheus, Side::Core, from, &slow)
        .await
        .expect("counts");
    // Each scrape is a request as well.
    assert_eq!(
        (seen.errors, seen.client_errors),
        (1, 1),
        "the first error of its kind is seen"
    );
    assert!((4..=9).contains(&seen.requests), "{seen:?}");
    assert_eq!(seen.slow, [0, 0]);

    let odd = counts(&mut prometheus, Side::Core, from, &[Span::from_millis(777)]).await;
    assert_eq!(
        odd.map_err(|trouble| trouble.kind),
        Err(TroubleKind::NoEdge)
    );
    let with = |change: &dyn Fn(&mut PrometheusConfig)| {
        let mut config = counting.config.clone();
        change(&mut config);
        Prometheus::new(&config)
    };
    for (config, kind) in [
        (
            with(&|config| config.core = "side=\"none\"".to_owned()),
            TroubleKind::Empty,
        ),
        (
            with(&|config| config.core = "side=".to_owned()),
            TroubleKind::Malformed,
        ),
        (
            with(&|config| config.status_label = "code".to_owned()),
            TroubleKind::Malformed,
        ),
        (
            with(&|config| config.url = format!("http://127.0.0.1:{}", free_port())),
            TroubleKind::Unreachable,
        ),
    ] {
        let mut other = config;
        let trouble = counts(&mut other, Side::Core, from, &slow)
            .await
            .expect_err("trouble");
        assert_eq!(trouble.kind, kind, "{trouble}");
    }
    pair.core.stop().await;
    scrapes().await;
    let down = counts(&mut prometheus, Side::Core, from, &slow)
        .await
        .expect_err("it is down");
    assert_eq!(down.kind, TroubleKind::TargetDown, "{down}");
    assert!(
        counts(&mut prometheus, Side::Legacy, from, &slow)
            .await
            .is_ok(),
        "legacy is not"
    );
    drop(counting.program);
    let gone = counts(&mut prometheus, Side::Legacy, from, &slow)
        .await
        .expect_err("it is gone");
    assert_eq!(gone.kind, TroubleKind::Unreachable, "{gone}");
}
