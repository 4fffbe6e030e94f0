//! What live traffic shows of each switch of the reference pair alone, and of core as it was shipped:
//! into how many causes the report sorts it, and whether each of them is the work of one switch.
//!
//! A program of its own: it keeps the machine busy for minutes, and the other tests shall not wait for it.

#[expect(dead_code, reason = "the other test programs use the rest of it")]
#[path = "../it/harness.rs"]
mod harness;
mod tape;
mod truth;

use std::collections::BTreeMap;
use std::sync::Arc;

use fixtures::rms::defects::{Defect, DefectSet};
use fixtures::rms::{Options, Side};
use fixtures::web_client::{Traffic, drive};
use shadow_proxy::Proxy;
use tokio::task::JoinSet;
use verifier::cutover::{Database, Policy};
use verifier::evidence::record::Group;
use verifier::evidence::store;
use verifier::report::live::{LiveReport, LiveTotals};

use self::tape::{Recorder, Tape, play, send_every_case};
use self::truth::Truth;
use crate::harness::{Service, proxy_before, serve};

/// Switches that live traffic does not show, and why.
const UNSEEN: &[(Defect, &str)] = &[
    (Defect::H68, "another form of the same number is a note"),
    (Defect::H71, "another way to escape the same text is a note"),
    (Defect::H77, "how a body is framed is no part of the answer"),
    (
        Defect::L26,
        "legacy's 429 says that it is overloaded, so nothing is held against it",
    ),
];

/// Switches that are several faults, each with what they are: as many causes.
const SEVERAL: &[(Defect, usize, &str)] = &[
    (Defect::H04, 2, "a route that is missing, for two methods"),
    (
        Defect::H07,
        2,
        "a password that core ignores, a status that legacy ignores",
    ),
    (
        Defect::H10,
        2,
        "an account that is made, one that is changed",
    ),
    (Defect::H12, 2, "the deposit, and the fee"),
    (
        Defect::H51,
        2,
        "a member too many everywhere, one too few after a write",
    ),
    (Defect::H52, 2, "the rooms of a group, and who changed it"),
    (Defect::H53, 2, "the rooms of a group, and who changed it"),
    (
        Defect::H54,
        2,
        "who changed a group, and the order of its rooms",
    ),
    (
        Defect::H57,
        3,
        "a filter that is empty, members of it that are, and one under another name",
    ),
    (Defect::H60, 2, "a member too many, and one too few"),
    (
        Defect::H69,
        2,
        "numbers too large for legacy, and those too large for core",
    ),
    (
        Defect::H82,
        3,
        "a preflight, a foreign origin, another media type",
    ),
    (Defect::L66, 2, "when something was changed, and by whom"),
    (
        Defect::L67,
        3,
        "a fraction cut off, and times that were rounded when they were made or changed",
    ),
];

/// Switches that make more causes than they are faults, how many at most, and why.
const SPLIT: &[(Defect, usize, &str)] = &[
    (Defect::H01, 7, THROUGH_DATA),
    (Defect::H02, 2, THROUGH_DATA),
    (Defect::H03, 2, THROUGH_DATA),
    (Defect::H08, 3, THROUGH_DATA),
    (Defect::H11, 7, APART),
    (Defect::H17, 3, THROUGH_DATA),
    (Defect::H19, 5, APART),
    (
        Defect::H59,
        9,
        "rows without an id of their own, in another order, are paired anyhow",
    ),
    (Defect::H72, 2, THROUGH_DATA),
    (Defect::H73, 2, THROUGH_DATA),
    (
        Defect::H94,
        2,
        "rows in another order, and the page that they leave",
    ),
    (Defect::L17, 2, THROUGH_DATA),
    (Defect::L19, 4, APART),
    (Defect::L20, 6, THROUGH_DATA),
    (Defect::L22, 3, THROUGH_DATA),
    (Defect::L28, 5, THROUGH_DATA),
];

const THROUGH_DATA: &str =
    "what a write left behind shows in other objects, or in more of them than examples are kept";
const APART: &str = "several members, each in exchanges of its own or in a way of its own";

/// What live traffic showed.
pub(crate) struct Shown {
    /// The groups that are findings, by id.
    pub(crate) groups: BTreeMap<String, Group>,
    /// The causes: what happens where, and the ids of its groups.
    pub(crate) causes: Vec<(String, Vec<String>)>,
    totals: LiveTotals,
}

impl Shown {
    fn of(report: &LiveReport) -> Self {
        let groups = report.groups();
        let causes = report.causes().into_iter().map(|cause| {
            let signature = &cause.signature;
            let name = format!("{} at {}", signature.what(), signature.place);
            (name, cause.groups)
        });
        Self {
            causes: causes.collect(),
            totals: report.totals(),
            groups: groups
                .into_iter()
                .map(|(id, group)| (id.to_owned(), group.clone()))
                .collect(),
        }
    }

    /// For whoever reads why the test failed.
    fn lines(&self) -> String {
        let causes = self.causes.iter();
        causes.fold(String::new(), |text, (name, groups)| {
            text + &format!("\n    {name} ({} groups)", groups.len())
        })
    }
}

/// One side of the pair, with ids of its own and a clock that stands still, at a fraction of a second.
async fn service(side: Side, defects: DefectSet) -> Service {
    let now = "2026-01-12T03:04:05.678901Z";
    serve(side, |options| Options {
        defects,
        now: Some(now.parse().expect("a timestamp")),
        id_offset: if side == Side::Core { 700 } else { 0 },
        ..options
    })
    .await
}

/// Requests for each set of switches.
const REQUESTS: u64 = 500;
/// The share of groups in the cause of their own switch, at least.
const PURITY: f64 = 0.95;
/// Switches that are exactly one cause, at least.
const LEAST_ONE: usize = 63;

/// Of many exchanges those are kept whose rank under this key is least, so with one key it is the same ones.
const KEY: &str = "the same key for each play, so that each run keeps the same exchanges";

/// What clients ask: every case of the catalogue once, and then who uses the web client.
async fn record() -> Tape {
    let legacy = service(Side::Legacy, DefectSet::NONE).await;
    let recorder = Recorder::before(&legacy.url());
    send_every_case(&recorder.url()).await;
    let catalogue = recorder.tape().len() as u64;
    assert!(catalogue > 200, "{catalogue} requests of the catalogue");
    let traffic = Traffic {
        people: 1,
        ..Traffic::new(REQUESTS - catalogue)
    };
    let sent = drive(recorder.addr, &traffic, |_| {}).await;
    sent.expect("every request is answered");
    recorder.tape()
}

/// The tape through a proxy before the pair with these switches, each service with its own database.
async fn live(defects: DefectSet, tape: Arc<Tape>) -> Shown {
    let legacy = service(Side::Legacy, defects).await;
    let core = service(Side::Core, defects).await;
    let folder = tempfile::tempdir().expect("a place for test files");
    let (kept, key) = (folder.path().join("evidence"), folder.path().join("key"));
    std::fs::create_dir(&kept).expect("a new folder");
    std::fs::write(&key, KEY).expect("a new file");
    let file = kept.join("e.db");
    let mut config = proxy_before(&legacy.url(), &core.url());
    config.evidence.file = Some(file.clone());
    config.evidence.redaction_key_file = Some(key);
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    // However busy the machine is, core's answer is waited for.
    config.shadow.timeout_ms = 30_000;
    let played = tokio::task::spawn_blocking(move || {
        let proxy = Proxy::start(&config).expect("a good configuration");
        play(&tape, &proxy);
        assert!(proxy.stop(), "nothing is cut short");
        let evidence = store::read(&file).expect("evidence");
        Shown::of(&LiveReport {
            path: file,
            evidence,
            ..LiveReport::default()
        })
    });
    let shown = played.await.expect("no panic");
    drop((legacy, core, folder));
    shown
}

/// Some switches show in one request only, which a machine that is too busy may not get compared: what should
/// show and does not is asked again.
async fn shown_of(set: DefectSet, tape: Arc<Tape>) -> Shown {
    const TIMES: usize = 3;
    let hidden = |defect| UNSEEN.iter().any(|(of, _)| *of == defect);
    let mut shown = live(set, Arc::clone(&tape)).await;
    for _ in 1..TIMES {
        if !shown.causes.is_empty() || set.iter().all(hidden) {
            break;
        }
        shown = live(set, Arc::clone(&tape)).await;
    }
    shown
}

/// What each of these sets of switches shows, several at once.
async fn live_each(sets: Vec<DefectSet>) -> (u64, BTreeMap<String, Shown>) {
    const AT_ONCE: usize = 8;
    let tape = Arc::new(record().await);
    let mut waiting = sets.into_iter();
    let (mut running, mut each) = (JoinSet::new(), BTreeMap::new());
    loop {
        while running.len() < AT_ONCE {
            let Some(set) = waiting.next() else { break };
            let tape = Arc::clone(&tape);
            running.spawn(async move { (set.to_string(), shown_of(set, tape).await) });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (name, shown) = done.expect("no panic");
        each.insert(name, shown);
    }
    (tape.len() as u64, each)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_switch_alone_is_one_cause_and_of_core_as_shipped_each_cause_is_one_switch() {
    let shipped = DefectSet::as_shipped();
    let alone = Defect::ALL.iter().map(|&defect| defect.into());
    let sets = [DefectSet::NONE, shipped].into_iter().chain(alone);
    let (requests, each) = live_each(sets.collect()).await;
    let mut wrong = Vec::new();

    let clean = &each[""];
    assert_eq!(clean.causes.len(), 0, "a clean pair:{}", clean.lines());
    let compared = clean.totals.compared;
    assert!(compared * 100 >= requests * 99, "{:?}", clean.totals);

    // A busy machine may not get one exchange compared, and so a figure may move by one from run to run.
    let (mut found, mut one, mut as_many) = (0, 0, 0);
    let mut split = Vec::new();
    for &defect in Defect::ALL {
        let shown = &each[defect.id()];
        let count = shown.causes.len();
        found += usize::from(count > 0);
        let unseen = UNSEEN.iter().any(|(of, _)| *of == defect);
        if unseen == (count > 0) {
            wrong.push(format!("{defect}: {count} causes, unseen: {unseen}"));
        }
        let faults = SEVERAL.iter().find(|(of, ..)| *of == defect);
        let listed = SPLIT.iter().find(|(of, ..)| *of == defect);
        let most = match (faults, listed) {
            (Some((_, faults, _)), _) => *faults,
            (None, Some((_, most, _))) => most + 1,
            (None, None) => 1,
        };
        one += usize::from(count == 1);
        as_many += usize::from(faults.is_some_and(|(_, faults, _)| *faults == count));
        if faults.is_none() && count > 1 {
            println!("{defect} is split:{}", shown.lines());
            split.push(format!("{defect} {count}"));
        }
        if count > most {
            wrong.push(format!(
                "{defect}: {count} causes where {most} are known{}",
                shown.lines()
            ));
        }
    }
    if one < LEAST_ONE {
        wrong.push(format!("{one} as exactly one cause, of {LEAST_ONE}"));
    }
    if as_many < SEVERAL.len() - 2 {
        wrong.push(format!("{as_many} as many causes as faults"));
    }
    let truth = Truth::new(&each, shipped);
    let weighed = truth.weigh(&each[&shipped.to_string()]);
    println!("{requests} requests for each, {compared} of them compared with no switch on");
    println!(
        "alone: {found} of {} found, {one} as exactly one cause, {as_many} of {} that are several faults as many causes, \
         split: {}",
        Defect::ALL.len(),
        SEVERAL.len(),
        split.join(", ")
    );
    println!("as shipped: {weighed}");
    for line in &weighed.mixed {
        println!("  mixed: {line}");
    }
    for line in &weighed.unknown {
        println!("  of no switch alone: {line}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(weighed.purity >= PURITY, "{weighed}");
    assert!(weighed.covered >= 40, "{weighed}");
    assert!(weighed.unknown.len() <= 20, "{weighed}");
}
