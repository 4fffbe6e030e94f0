use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::gate::actuator::{DryRun, Reading};
use crate::gate::clock::{Clock, Moment, Pending};
use crate::gate::config::{AttestationConfig, GateConfig};
use crate::gate::journal::entry::{Entry, Route};
use crate::gate::journal::{Contents, DiskPen, Journal, Pen};
use crate::gate::proof::{Context, load, samples};
use crate::gate::record::{EvidenceKind, EvidenceRecord};
use crate::gate::run::{Gate, GateError, Look, Parts, Setup};
use crate::gate::signal::{
    Ask, Counts, Memory, Probed, Sight, Sighting, Signal, Trouble, TroubleKind,
};
use crate::gate::span::Day;
use crate::gate::state::State;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

pub(super) const START_MS: i64 = samples::NOW;
pub(super) use crate::gate::proof::samples::BUILD;

/// Time that passes only when somebody sleeps.
#[derive(Debug, Default)]
pub(super) struct TestClock {
    ms: AtomicI64,
    /// What the wall clock is ahead.
    pub(super) wall_ahead_ms: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let ms = self.ms.load(Ordering::SeqCst);
        Moment {
            wall_ms: START_MS + ms + self.wall_ahead_ms.load(Ordering::SeqCst),
            monotonic: Duration::from_hours(24 * 365) + Duration::from_millis(ms.unsigned_abs()),
        }
    }

    fn sleep(&self, span: Duration) -> Pending<'_, ()> {
        let ms = i64::try_from(span.as_millis()).expect("short");
        self.ms.fetch_add(ms.max(1), Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// Live traffic as it is.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) per_second: f64,
    pub(super) core_error: f64,
    pub(super) legacy_error: f64,
    pub(super) core_slow: f64,
    /// Core gets nothing, whatever the router says.
    pub(super) core_silent: bool,
    /// What core gets, whatever the router says.
    pub(super) core_share: Option<f64>,
    /// Parts of errors that core still owes: rates come out exactly over many looks.
    pub(super) owed: f64,
    pub(super) trouble: Option<TroubleKind>,
    pub(super) probe: Option<Result<bool, TroubleKind>>,
    pub(super) restarts: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            per_second: 50.0,
            core_error: 0.0,
            legacy_error: 0.0,
            core_slow: 0.0,
            core_silent: false,
            core_share: None,
            owed: 0.0,
            trouble: None,
            probe: None,
            restarts: 0,
        }
    }
}

struct Watch {
    world: Arc<Mutex<World>>,
    router: DryRun,
}

fn share_of(n: u64, rate: f64) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of a test
    let count = (n as f64 * rate).round() as u64;
    count
}

impl Signal for Watch {
    fn name(&self) -> String {
        "world".to_owned()
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        vec!["look at the world".to_owned()]
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        let world = lock(&self.world).clone();
        let exposure = self
            .router
            .state()
            .map_or(0.0, |state| state.reading.exposure().share());
        let seconds = (ask.to_ms - ask.from_ms) as f64 / 1000.0;
        let all = share_of(1, world.per_second * seconds);
        let core = if world.core_silent {
            0
        } else {
            share_of(all, world.core_share.unwrap_or(exposure))
        };
        let due = core as f64 * world.core_error + world.owed;
        let mut core_counts = Counts {
            requests: core,
            errors: 0,
            client_errors: 0,
            slow: vec![share_of(core, world.core_slow); 2],
        };
        // Whole errors only; the rest is owed.
        let whole = (due + 1e-9).floor();
        core_counts.errors = share_of(1, whole);
        lock(&self.world).owed = (due - whole).max(0.0);
        let counts = |n, errors, slow| Counts {
            requests: n,
            errors: share_of(n, errors),
            client_errors: 0,
            slow: vec![share_of(n, slow), share_of(n, slow)],
        };
        let counts = [
            (Side::Core, core_counts),
            (Side::Legacy, counts(all - core, world.legacy_error, 0.0)),
        ];
        let sighting = |sight| Sighting {
            source: "world".to_owned(),
            query: Some("count".to_owned()),
            at_ms: ask.to_ms,
            sight,
        };
        let mut told: Vec<_> = counts
            .into_iter()
            .map(|(side, counts)| {
                let seen = match world.trouble {
                    Some(kind) => Err(Trouble::new(kind, "no answer")),
                    None => Ok(counts),
                };
                sighting(Sight::Counts { side, seen })
            })
            .collect();
        told.push(sighting(Sight::Memory {
            seen: Ok(Memory {
                daily_max_bytes: vec![1e8; 7],
                limit_bytes: 1e9,
            }),
        }));
        if let Some(probe) = world.probe {
            told.push(sighting(Sight::Probe {
                name: "login".to_owned(),
                side: None,
                seen: match probe {
                    Ok(holds) => Ok(Probed {
                        tried: 2,
                        held: if holds { 2 } else { 1 },
                        detail: "status 500".to_owned(),
                    }),
                    Err(kind) => Err(Trouble::new(kind, "no answer")),
                },
            }));
        }
        if world.restarts > 0 {
            lock(&self.world).restarts = 0;
            told.push(sighting(Sight::Restarts {
                seen: Ok(world.restarts),
            }));
        }
        Box::pin(std::future::ready(told))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine stops at a certain line: before it, or in the midst of it.
pub(super) struct StopPen {
    pub(super) lines_left: usize,
    pub(super) torn: bool,
    pub(super) stopped: Arc<Mutex<bool>>,
}

impl Pen for StopPen {
    fn append(&mut self, path: &Path, line: &[u8]) -> io::Result<()> {
        if self.lines_left == 0 {
            let before = std::mem::replace(&mut *lock(&self.stopped), true);
            if self.torn && !before {
                DiskPen.append(path, &line[..line.len() / 2])?;
            }
            return Err(io::Error::other("the machine stopped"));
        }
        self.lines_left -= 1;
        DiskPen.append(path, line)
    }
}

/// A cut-over with its world.
pub(super) struct Rig {
    pub(super) folder: tempfile::TempDir,
    pub(super) router: DryRun,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) clock: Arc<TestClock>,
    pub(super) config: GateConfig,
    /// Whether evidence is in files, as before core serves, or in the journal alone.
    files: bool,
}

pub(super) fn weight(percent: u8) -> Weight {
    Weight::from_percent(percent).expect("a weight")
}

pub(super) fn state(text: &str) -> State {
    text.parse().expect("a state")
}

/// The route that belongs to a state.
pub(super) fn route_in(state: State) -> Route {
    match state {
        State::Canary(weight) => Route {
            weight,
            canary: true,
            main: Side::Legacy,
        },
        State::Switched | State::Soak | State::Retired => Route {
            weight: Weight::NONE,
            canary: false,
            main: Side::Core,
        },
        _ => Route::START,
    }
}

fn record(kind: EvidenceKind) -> EvidenceRecord {
    EvidenceRecord {
        kind,
        core: vec![BUILD.to_owned()],
        legacy: Vec::new(),
        catalogue: "c".to_owned(),
        goldens: None,
        file: None,
        n: 10,
        k: 0,
        distinct: 10,
        excused: 0,
        from_ms: START_MS,
        to_ms: START_MS,
        expires_ms: START_MS + 86_400_000,
        attempt: 1,
        alpha: 0.05,
        ln_e: None,
        tool: "test".to_owned(),
        sha256: String::new(),
    }
    .sealed()
}

impl Rig {
    /// A cut-over that has reached `at`, approved as far as people must.
    pub(super) fn at(at: &str) -> Self {
        Self::begin(state(at), false)
    }

    /// As [`Self::at`], with files of evidence that hold.
    pub(super) fn with_files(at: &str) -> Self {
        Self::begin(state(at), true)
    }

    fn begin(at: State, files: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let router = DryRun::new(folder.path().join("router.json"));
        let route = route_in(at);
        let mut shown = router.state().expect("a fresh router");
        shown.reading = Reading {
            weight: route.weight,
            canary: route.canary,
            main: route.main,
            core_identities: vec![BUILD.to_owned()],
            ..shown.reading
        };
        router.store(&shown).expect("a file");
        let day = jiff::civil::date(2026, 2, 19);
        let attested = AttestationConfig {
            by: "Kim".to_owned(),
            on: Day(day),
            note: String::new(),
            days: 30,
        };
        let mut config = GateConfig {
            contacts: [("rollback".to_owned(), "Kim".to_owned())].into(),
            attestations: crate::gate::checks::ATTESTATIONS
                .map(|name| (name.to_owned(), attested.clone()))
                .into(),
            ..GateConfig::default()
        };
        if files {
            config.evidence.replay = vec![folder.path().join("replay.json")];
            config.evidence.jwt = Some(folder.path().join("jwt.json"));
        }
        let rig = Self {
            folder,
            router,
            world: Arc::default(),
            clock: Arc::default(),
            config,
            files,
        };
        let records = if files {
            rig.write_files()
        } else {
            [EvidenceKind::Replay, EvidenceKind::Jwt, EvidenceKind::Live]
                .map(record)
                .to_vec()
        };
        let mut journal = rig.journal(Box::new(DiskPen));
        let mut write = |entry| journal.write(entry, START_MS).expect("a disk");
        write(Entry::Begun {
            run_id: "run".to_owned(),
            attempt: 1,
            tool: "test".to_owned(),
        });
        if at == State::Draft && files {
            // Nothing was accepted yet.
            drop(journal);
            return rig;
        }
        let evidence = crate::gate::record::hash_of(&records);
        for record in records {
            write(Entry::Evidence { record });
        }
        write(Entry::Moved {
            from: State::Draft,
            to: at,
            evidence: evidence.clone(),
            reason: "the test begins here".to_owned(),
            before: Route::START,
            after: route,
        });
        let approved = match at {
            State::Ready => Some(State::Ready),
            _ => at.next(&rig.config.ladder),
        };
        if let Some(to) = approved {
            write(Entry::Approved {
                to,
                evidence,
                by: None,
            });
        }
        drop(journal);
        rig
    }

    fn live(&self) -> PathBuf {
        self.folder.path().join("live.db")
    }

    /// Writes evidence that holds; returns it as the gate accepts it.
    fn write_files(&self) -> Vec<EvidenceRecord> {
        let write = |name: &str, report: &serde_json::Value| {
            std::fs::write(self.folder.path().join(name), report.to_string()).expect("a file");
        };
        write("replay.json", &samples::replay_report());
        write("jwt.json", &samples::jwt_report());
        let evidence = samples::evidence(&samples::ENOUGH, |_| {});
        crate::evidence::store::write(&self.live(), &evidence).expect("a new file");
        let (catalogue, running) = (samples::catalogue(), samples::running());
        let context = Context {
            now_ms: START_MS,
            today: samples::today(),
            config: &self.config,
            catalogue: Some(&catalogue),
            running: &running,
            attempt: 1,
            accepted: &[],
        };
        let proofs = load::all(&context, Some(&self.live()));
        [proofs.replay, proofs.jwt, proofs.live]
            .map(|proof| proof.record.expect("it holds"))
            .to_vec()
    }

    pub(super) fn journal(&self, pen: Box<dyn Pen>) -> Journal {
        let now = self.clock.now().wall_ms;
        Journal::open(&self.folder.path().join("state"), "test", false, pen, now).expect("free")
    }

    pub(super) fn contents(&self) -> Contents {
        Journal::look(&self.folder.path().join("state")).expect("readable")
    }

    pub(super) fn reading(&self) -> Reading {
        self.router.state().expect("a router").reading
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Reading)) {
        let mut state = self.router.state().expect("a router");
        edit(&mut state.reading);
        state.version += 1;
        self.router.store(&state).expect("a file");
    }

    pub(super) fn world(&self, edit: impl FnOnce(&mut World)) {
        edit(&mut lock(&self.world));
    }

    pub(super) async fn open(&self, pen: Box<dyn Pen>) -> Result<Gate, GateError> {
        let setup = Setup {
            config: self.config.clone(),
            catalogue: self.files.then(samples::catalogue),
            live: self.files.then(|| self.live()),
            who: "test".to_owned(),
        };
        let parts = Parts {
            actuator: Box::new(self.router.clone()),
            signals: vec![Box::new(Watch {
                world: Arc::clone(&self.world),
                router: self.router.clone(),
            })],
            notify: None,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        };
        Gate::open(setup, parts, self.journal(pen), false).await
    }

    pub(super) async fn gate(&self) -> Gate {
        let mut gate = self
            .open(Box::new(DiskPen))
            .await
            .expect("the lock is free");
        gate.recover().await.expect("a router");
        gate
    }

    /// Steps until `done` holds of a look, at most `most` times.
    pub(super) async fn until(
        &self,
        gate: &mut Gate,
        most: usize,
        done: impl Fn(&Look) -> bool,
    ) -> Look {
        let mut last = None;
        for _ in 0..most {
            let look = gate.step().await.expect("a step");
            if done(&look) {
                return look;
            }
            last = Some(look);
            gate.pause().await;
        }
        panic!(
            "never came: {:#?}",
            last.map(|look| (look.reached, look.decision))
        );
    }
}

pub(super) fn verdict(look: &Look, name: &str) -> String {
    look.criteria
        .iter()
        .find(|result| result.name == name)
        .map_or_else(
            || "absent".to_owned(),
            |result| result.verdict.word().to_owned(),
        )
}
