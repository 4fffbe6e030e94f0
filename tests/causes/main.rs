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

/// Switches that make more causes than one, how many at most by the catalogue's requests and by all of the long
/// run, and why.
const SEVERAL: &[(Defect, [usize; 2], &str)] = &[
    (Defect::H01, [5, 8], THROUGH_DATA),
    (Defect::H02, [1, 3], THROUGH_DATA),
    (Defect::H03, [1, 3], THROUGH_DATA),
    (Defect::H04, [2, 2], STATUSES),
    (
        Defect::H05,
        [2, 2],
        "the filter that is echoed, and the rows",
    ),
    (Defect::H07, [2, 2], FIELDS),
    (
        Defect::H08,
        [2, 3],
        "the room's group, and the list of what changed",
    ),
    (Defect::H09, [3, 3], THROUGH_DATA),
    (Defect::H10, [2, 3], STATUSES),
    (Defect::H11, [6, 7], FIELDS),
    (Defect::H12, [2, 2], FIELDS),
    (Defect::H17, [1, 5], THROUGH_DATA),
    (Defect::H19, [5, 5], FIELDS),
    (Defect::H35, [2, 2], STATUSES),
    (Defect::H36, [2, 2], STATUSES),
    (Defect::H38, [2, 2], STATUSES),
    (Defect::H42, [2, 2], STATUSES),
    (Defect::H51, [2, 2], FIELDS),
    (Defect::H52, [2, 2], FIELDS),
    (Defect::H53, [2, 2], FIELDS),
    (
        Defect::H54,
        [2, 2],
        "the room's users, and the order of rooms",
    ),
    (Defect::H56, [2, 3], THROUGH_DATA),
    (Defect::H57, [3, 3], FIELDS),
    (
        Defect::H59,
        [8, 11],
        "the order, the times and the list of what changed",
    ),
    (Defect::H60, [2, 2], FIELDS),
    (Defect::H69, [2, 6], STATUSES),
    (Defect::H72, [1, 2], THROUGH_DATA),
    (Defect::H73, [1, 2], THROUGH_DATA),
    (Defect::H82, [3, 3], STATUSES),
    (
        Defect::H94,
        [1, 2],
        "rows in another order, and the page that they leave",
    ),
    (Defect::H95, [2, 3], TIES),
    (Defect::L17, [2, 2], THROUGH_DATA),
    (Defect::L19, [4, 4], FIELDS),
    (Defect::L20, [5, 6], THROUGH_DATA),
    (
        Defect::L22,
        [3, 3],
        "what fails, and what is missing elsewhere for it",
    ),
    (Defect::L28, [4, 5], THROUGH_DATA),
    (Defect::L66, [2, 2], FIELDS),
    (Defect::L67, [3, 3], FIELDS),
    (Defect::L95, [2, 3], TIES),
];

const THROUGH_DATA: &str = "what a write left behind shows again where it is read";
const STATUSES: &str = "other statuses at other requests, which nothing in them connects";
const FIELDS: &str = "several members, each in exchanges of its own or in a way of its own";
const TIES: &str = "an order among equal sort keys is told apart from another order";

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

/// Whether this is the long run.
fn is_long() -> bool {
    std::env::var_os("FULL").is_some()
}

/// What clients ask: every case of the catalogue once, and in the long run of `tests/run --full` also who uses
/// the web client, 500 requests in all.
async fn record() -> Tape {
    let legacy = service(Side::Legacy, DefectSet::NONE).await;
    let recorder = Recorder::before(&legacy.url());
    send_every_case(&recorder.url()).await;
    let catalogue = recorder.tape().len() as u64;
    assert!(catalogue > 200, "{catalogue} requests of the catalogue");
    if is_long() {
        let traffic = Traffic {
            people: 1,
            ..Traffic::new(500 - catalogue)
        };
        let sent = drive(recorder.addr, &traffic, |_| {}).await;
        sent.expect("every request is answered");
    }
    recorder.tape()
}

/// The tape through a proxy before the pair with these switches, each service with its own database.
async fn live(defects: DefectSet, tape: Arc<Tape>) -> Shown {
    let legacy = service(Side::Legacy, defects).await;
    let core = service(Side::Core, defects).await;
    let folder = tempfile::tempdir().expect("a place for test files");
    let file = folder.path().join("e.db");
    let mut config = proxy_before(&legacy.url(), &core.url());
    config.evidence.file = Some(file.clone());
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
    assert!(compared * 100 >= requests * 95, "{:?}", clean.totals);

    // Of many exchanges those are kept whose rank under the run's own key is least, and so a figure may move by
    // one from run to run.
    let (mut found, mut one) = (0, 0);
    let mut split = Vec::new();
    for &defect in Defect::ALL {
        let shown = &each[defect.id()];
        let count = shown.causes.len();
        found += usize::from(count > 0);
        one += usize::from(count == 1);
        let unseen = UNSEEN.iter().any(|(of, _)| *of == defect);
        if unseen == (count > 0) {
            wrong.push(format!("{defect}: {count} causes, unseen: {unseen}"));
        }
        let listed = SEVERAL.iter().find(|(of, ..)| *of == defect);
        let most = listed.map_or(1, |(_, most, _)| most[usize::from(is_long())]);
        let most = most + usize::from(most > 2 || (most > 1 && is_long()));
        if count > 1 {
            split.push(format!("{defect} {count}"));
        }
        if count > most {
            wrong.push(format!(
                "{defect}: {count} causes where {most} are known{}",
                shown.lines()
            ));
        }
    }
    let least = if is_long() { 50 } else { 57 };
    if one < least {
        wrong.push(format!("{one} as exactly one cause, of {least}"));
    }
    let truth = Truth::new(&each, shipped);
    let all = &each[&shipped.to_string()];
    let weighed = truth.weigh(all);
    println!("{requests} requests for each, {compared} of them compared with no switch on");
    println!(
        "alone: {found} of {} found, {one} as exactly one cause, split: {}",
        Defect::ALL.len(),
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
    assert!(weighed.purity >= 0.95, "{weighed}");
    assert!(weighed.covered >= 40, "{weighed}");
    assert!(weighed.unknown.len() <= 20, "{weighed}");
}
