//! Sessions that survive the change of sides, and tokens that must not: the reference pair with each
//! token switch alone, and services of quite another make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fixtures::rms::defects::tokens::{TokenDefect, TokenDefects};
use fixtures::rms::{Options, PUBLISHED_SECRET, Side};
use jiff::civil::Date;
use tokio::task::JoinSet;
use verifier::catalogue::Catalogue;
use verifier::client::{ClientConfig, Target};
use verifier::golden::request::RunId;
use verifier::jwt::cell::{JwtReport, Pair, Verdict};
use verifier::jwt::hs256::{self, Times};
use verifier::jwt::mint;
use verifier::jwt::run::{JwtConfig, run};
use verifier::report::Exit;

use crate::harness::{RawServer, Received, Reply, committed, serve, verifier};

/// What each switch must be found at. The first name is the hazard's own; the others say of the same
/// fault what else it lets happen. Nothing else may be found.
const FOUND_AT: &[(TokenDefect, &[&str])] = {
    use TokenDefect::*;
    &[
        (T01, &["forgery/exp-missing"]),
        (
            T02,
            &[
                "forgery/exp-past",
                "forgery/exp-leeway",
                "forgery/exp-missing",
                "forgery/exp-type",
                "forgery/duplicate-exp",
            ],
        ),
        (T03, &["forgery/exp-leeway"]),
        (T04, &["forgery/signature"]),
        (T05, &["forgery/alg-none"]),
        (T06, &["key/access"]),
        (T07, &["key/access"]),
        // What the secret decodes to is too short for HS384.
        (T08, &["key/access", "forgery/alg-hmac"]),
        (T09, &["refresh-as-access"]),
        (T10, &["access-as-refresh"]),
        (T11, &["forgery/role-raised", "revocation/demoted"]),
        (T12, &["claims/answer./value/accessTokenExpiresIn"]),
        (T13, &["claims/access.exp", "claims/refresh.exp"]),
        (T14, &["claims/access.authorities"]),
        (T15, &["claims/access.sub", "claims/refresh.sub"]),
        (T16, &["claims/access.authorities"]),
        (T17, &["claims/access.authorities"]),
        (T18, &["claims/life.access"]),
        (T19, &["claims/life.refresh"]),
        (T20, &["refresh/legacy-core"]),
        (T21, &["forgery/alg-hmac"]),
        (T22, &["forgery/alg-confusion"]),
        (T23, &["forgery/alg-spelling"]),
        (T24, &["forgery/exp-type"]),
        (T25, &["forgery/exp-type"]),
        (T26, &["forgery/sub"]),
        (T27, &["forgery/error-status"]),
        (T28, &["forgery/error-body"]),
        (T29, &["forgery/sub-unknown"]),
        (T30, &["revocation/deactivated"]),
        (T31, &["revocation/password"]),
        (T32, &["logout"]),
        (T33, &["after-refresh"]),
        (T34, &["forgery/nbf-future", "forgery/nbf-type"]),
        (T35, &["forgery/kid"]),
        (T36, &["forgery/crit"]),
        (T37, &["forgery/scheme"]),
        (T38, &["forgery/carrier"]),
        (T39, &["forgery/carrier"]),
        (T40, &["forgery/encoding"]),
        (T41, &["forgery/form"]),
        (T42, &["forgery/header-key"]),
        (T43, &["forgery/iat"]),
        (T44, &["forgery/iss"]),
        (T45, &["forgery/aud"]),
        (T46, &["forgery/size"]),
        (T47, &["forgery/exp-far"]),
        (T51, &["forgery/exp-leeway"]),
        (T52, &["forgery/signature"]),
        (T53, &["key/access"]),
        (T54, &["refresh-as-access"]),
        (T55, &["logout"]),
        (T56, &["forgery/role-raised", "revocation/demoted"]),
        (T57, &["refresh/core-legacy"]),
        (T58, &["forgery/alg-none"]),
        (T59, &["forgery/carrier"]),
    ]
};

fn config(secret: &str) -> JwtConfig {
    JwtConfig {
        secret: Some(secret.as_bytes().to_vec()),
        allow_writes: true,
        only: Vec::new(),
        waived: Vec::new(),
        today: Date::constant(2026, 2, 20),
        run: RunId::now().as_str().to_owned(),
    }
}

/// Runs the checks of a catalogue's text on two addresses.
async fn check(text: &str, urls: [&str; 2], config: &JwtConfig, timeout: Duration) -> JwtReport {
    let catalogue = Catalogue::parse("endpoints.yaml".as_ref(), text, config.today);
    let catalogue = catalogue.expect("a catalogue that reads");
    let target = |url| {
        let config = ClientConfig {
            timeout,
            ..ClientConfig::default()
        };
        Target::new(url, config).expect("an address")
    };
    let targets = Pair {
        legacy: target(urls[0]),
        core: target(urls[1]),
    };
    let report = run(&catalogue, targets, config, &|_| {}).await;
    report.expect("everything it needs is in the catalogue")
}

/// The reference pair over one database, with these switches.
async fn check_pair(text: &str, tokens: TokenDefects, config: &JwtConfig) -> JwtReport {
    let legacy = serve(Side::Legacy, |options| Options { tokens, ..options }).await;
    let database = legacy.database.clone();
    let core = serve(Side::Core, |options| Options {
        tokens,
        database,
        ..options
    })
    .await;
    let urls = [legacy.url(), core.url()];
    check(text, [&urls[0], &urls[1]], config, Duration::from_secs(30)).await
}

fn catalogue() -> String {
    let text = std::fs::read_to_string(committed().join("endpoints.yaml"));
    text.expect("the catalogue is committed")
}

fn findings(report: &JwtReport) -> BTreeSet<&str> {
    let findings = report.outcomes.findings.iter();
    findings.map(|finding| finding.name.as_str()).collect()
}

/// Names and reasons of what was not judged.
fn gaps(report: &JwtReport) -> Vec<String> {
    let gaps = report.gaps().map(|cell| match &cell.verdict {
        Verdict::NotJudged(why) => format!("{}: {why}", cell.name),
        _ => cell.name.clone(),
    });
    gaps.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clean_pair_holds_in_every_cell_and_names_what_it_lets_pass() {
    let report = check_pair(&catalogue(), TokenDefects::NONE, &config(PUBLISHED_SECRET)).await;
    assert_eq!(findings(&report), BTreeSet::new());
    assert_eq!(gaps(&report), Vec::<String>::new());
    assert_eq!(report.exit(), Exit::Green);
    assert!(report.outcomes.cells.len() > 700);
    assert!(report.duration < Duration::from_secs(30));
    let met = report.outcomes.known.iter();
    let met: BTreeSet<&str> = met.map(|met| met.known.probe.as_str()).collect();
    for probe in [
        "access-as-refresh",
        "refresh-as-access",
        "alg-hmac",
        "crit",
        "exp+0",
    ] {
        assert!(met.contains(probe), "{probe}");
    }
    assert!(report.outcomes.mended.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weakness_counts_again_once_its_day_has_passed_or_nobody_declared_it() {
    let later = JwtConfig {
        today: Date::constant(2027, 7, 1),
        only: vec!["interchange".to_owned(), "crit-unknown".to_owned()],
        ..config(PUBLISHED_SECRET)
    };
    let report = check_pair(&catalogue(), TokenDefects::NONE, &later).await;
    let expected = ["access-as-refresh", "forgery/crit", "refresh-as-access"];
    assert_eq!(findings(&report), expected.into());
    for finding in &report.outcomes.findings {
        assert!(
            finding.what.contains("until 2027-06-30"),
            "{}",
            finding.what
        );
    }
    assert_eq!(report.exit(), Exit::Differences);

    // One that is met no more is named, without effect on the result.
    let text = catalogue().replace("probe: exp+0", "probe: nbf+1");
    let only = JwtConfig {
        only: vec!["nbf+1".to_owned()],
        ..config(PUBLISHED_SECRET)
    };
    let report = check_pair(&text, TokenDefects::NONE, &only).await;
    assert_eq!(report.exit(), Exit::Green);
    let mended = report.outcomes.mended.iter();
    assert_eq!(
        mended.map(|known| &known.probe).collect::<Vec<_>>(),
        ["nbf+1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_switch_is_found_alone_at_the_cell_that_names_it() {
    tokio::task::LocalSet::new()
        .run_until(every_switch_alone())
        .await;
}

async fn every_switch_alone() {
    const AT_ONCE: usize = 6;
    let table: BTreeMap<TokenDefect, &[&str]> = FOUND_AT.iter().copied().collect();
    let text: Arc<str> = catalogue().into();
    let mut waiting = TokenDefect::ALL.iter().copied();
    let mut running = JoinSet::new();
    let (mut found, mut wrong) = (0, Vec::new());
    loop {
        while running.len() < AT_ONCE {
            let Some(defect) = waiting.next() else { break };
            let text = Arc::clone(&text);
            running.spawn_local(async move {
                let report = check_pair(&text, defect.into(), &config(PUBLISHED_SECRET)).await;
                (defect, report)
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (defect, report) = done.expect("a check never panics");
        let named = findings(&report);
        let expected: &[&str] = table.get(&defect).copied().unwrap_or_default();
        let at_home = expected.first().is_some_and(|name| named.contains(name));
        found += usize::from(at_home && report.exit() == Exit::Differences);
        let others: Vec<_> = named
            .iter()
            .filter(|name| !expected.contains(name))
            .collect();
        if !at_home || !others.is_empty() {
            let summary = defect.summary();
            wrong.push(format!(
                "{defect} ({summary}): {named:?}, {:?}",
                gaps(&report)
            ));
        }
    }
    println!("{found}/{} token switches found", TokenDefect::ALL.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found, TokenDefect::ALL.len());
}

const KEY: &str = "a key of the ticket office that is long enough";

/// A catalogue for a service of another make: nothing but its `auth` block.
const TICKETS: &str = r#"
auth:
  login: { path: /session, body: { who: { name: "{username}" }, pin: "{password}" }, access: /token }
  accounts: { clerk: { username: eve, password: "0042" } }
  probes: [ { path: /desk, opens: /desk } ]
"#;

/// A ticket office: a correct verifier that answers a refusal as `refuse` says.
fn tickets(request: &Received, refuse: &str) -> Reply {
    let now_s = jiff::Timestamp::now().as_second();
    if request.path() == "/session" {
        if request.body != r#"{"pin":"0042","who":{"name":"eve"}}"#
            && request.body != r#"{"who":{"name":"eve"},"pin":"0042"}"#
        {
            return Reply::of("400 Bad Request", "text/plain", "who are you?");
        }
        let claims = format!(
            r#"{{"sub":"eve","roles":["clerk","reader"],"iat":{now_s},"exp":{}}}"#,
            now_s + 300
        );
        let token = mint::hs256(KEY.as_bytes(), br#"{"alg":"HS256"}"#, claims.as_bytes());
        return Reply::json(&format!(r#"{{"token":"{token}"}}"#));
    }
    let mut lines = request
        .head
        .lines()
        .filter_map(|line| line.split_once(": "));
    let mut fields = lines
        .by_ref()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (first, second) = (fields.next(), fields.next());
    let token = first.and_then(|(_, value)| value.strip_prefix("Bearer "));
    let times = Times { now_s, leeway_s: 0 };
    let holds = second.is_none()
        && token
            .and_then(|token| hs256::verify(token, KEY.as_bytes()).ok())
            .is_some_and(|token| times.judge(&token.payload).is_ok());
    if holds {
        Reply::json(r#"{"desk":7}"#)
    } else {
        Reply::of(refuse, "application/json", r#"{"error":"no"}"#)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_another_make_is_judged_by_what_is_configured_alone() {
    for refuse in ["401 Unauthorized", "403 Forbidden", "200 OK"] {
        let server = RawServer::start(move |request| tickets(request, refuse));
        let url = server.url();
        let report = check(TICKETS, [&url, &url], &config(KEY), Duration::from_secs(10)).await;
        assert_eq!(findings(&report), BTreeSet::new(), "{refuse}");
        assert_eq!(gaps(&report), Vec::<String>::new(), "{refuse}");
        assert_eq!(report.exit(), Exit::Green, "{refuse}");
        for cell in &report.outcomes.cells {
            let other = ["refresh", "logout", "revocation"]
                .iter()
                .any(|word| cell.name.contains(word));
            assert!(!other, "{}", cell.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_falls_silent_leaves_gaps_and_no_findings() {
    let sound = RawServer::start(|request| tickets(request, "401 Unauthorized"));
    let asked = AtomicU32::new(0);
    let silent = RawServer::start(move |request| {
        if asked.fetch_add(1, Ordering::Relaxed) < 60 {
            tickets(request, "401 Unauthorized")
        } else {
            Reply::Silence
        }
    });
    let begun = Instant::now();
    let urls = [sound.url(), silent.url()];
    let timeout = Duration::from_millis(500);
    let report = check(TICKETS, [&urls[0], &urls[1]], &config(KEY), timeout).await;
    assert_eq!(findings(&report), BTreeSet::new());
    assert_eq!(report.exit(), Exit::Incomplete);
    assert!(
        gaps(&report)
            .iter()
            .any(|gap| gap.contains("core answers no more"))
    );
    // Not the time limit for each of hundreds of tokens.
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_is_locked_out_and_a_429_is_waited_out() {
    let text = TICKETS.replace(
        "{ clerk: { username: eve, password: \"0042\" } }",
        "{ a: { username: a, password: x }, b: { username: b, password: x }, c: { username: c, password: x } }",
    );
    let logins = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&logins);
    let strict = RawServer::start(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Reply::of("401 Unauthorized", "text/plain", "no")
    });
    let url = strict.url();
    let report = check(&text, [&url, &url], &config(KEY), Duration::from_secs(5)).await;
    assert_eq!(report.exit(), Exit::Incomplete);
    // Two a side, whatever is asked for.
    assert_eq!(logins.load(Ordering::Relaxed), 4);

    let busy = AtomicU32::new(0);
    let busy = RawServer::start(move |request| {
        if request.path() == "/session" && busy.fetch_add(1, Ordering::Relaxed) < 1 {
            Reply::with("429 Too Many Requests", "retry-after: 1\r\n", "")
        } else {
            tickets(request, "401 Unauthorized")
        }
    });
    let url = busy.url();
    let only = JwtConfig {
        only: vec!["interchange".to_owned()],
        ..config(KEY)
    };
    let report = check(TICKETS, [&url, &url], &only, Duration::from_secs(5)).await;
    assert_eq!(report.exit(), Exit::Green);
    let notes = &report.outcomes.notes;
    assert!(notes.iter().any(|note| note.contains("429")), "{notes:?}");
}

#[test]
fn the_secret_is_refused_on_the_command_line_and_never_shown() {
    for secret in [&["--secret", "tell-nobody"][..], &["--secret=tell-nobody"]] {
        let output = verifier()
            .args([
                "jwt",
                "--legacy",
                "http://127.0.0.1:9",
                "--core",
                "http://127.0.0.1:9",
            ])
            .args(secret)
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains("--secret-file") && !error.contains("tell-nobody"),
            "{error}"
        );
    }
}
