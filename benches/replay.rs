//! How long it takes to hold a core against all golden files: 40 endpoints over loopback, reads
//! eight at a time, journeys in their order.

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use fixtures::rms::{self, Options, Side};
use jiff::ZonedDateTime;
use tokio::runtime::Runtime;
use verifier::catalogue::Catalogue;
use verifier::client::{ClientConfig, Target};
use verifier::golden::files::GoldenDir;
use verifier::golden::replay::{Replay, ReplayConfig};
use verifier::golden::request::RunId;
use verifier::golden::run::{RunConfig, Runner};
use verifier::report::Exit;

fn replay(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a place for the database");
    let options = Options::new(Side::Core, folder.path().join("rms.sqlite"));
    let core = runtime
        .block_on(rms::start(options))
        .expect("core starts on a new file");

    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let file = golden.join("endpoints.yaml");
    let text = std::fs::read_to_string(&file).expect("the catalogue is committed");
    let today = ZonedDateTime::now().date();
    let catalogue = Catalogue::parse(&file, &text, today).expect("it reads");
    let catalogue = Arc::new(catalogue);
    let goldens = GoldenDir::new(&golden, None);
    let target = Target::new(&core.url(), ClientConfig::default()).expect("an address");

    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    for (name, allow_writes) in [("40 endpoints", true), ("reads only", false)] {
        // What needs a write is not asked for where none is allowed, so that all is judged.
        let selected: Vec<usize> = (0..catalogue.cases.len())
            .filter(|&at| {
                let in_journey = catalogue
                    .journeys
                    .iter()
                    .any(|j| j.steps().any(|step| step == at));
                allow_writes || !(in_journey || catalogue.cases[at].writes)
            })
            .collect();
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let config = RunConfig {
                    allow_writes,
                    jobs: 8,
                    run: RunId::now(),
                    today,
                    shuffle: None,
                };
                let runner = Runner::new(Arc::clone(&catalogue), target.clone(), config);
                let replay = Replay {
                    catalogue: &catalogue,
                    goldens: &goldens,
                    config: ReplayConfig {
                        pending: false,
                        legacy_goldens_only: true,
                        strict_rules: false,
                    },
                };
                let report = runtime.block_on(replay.run(Arc::new(runner), &selected, |_| {}));
                // A run that failed early would look fast.
                assert_eq!(report.exit(), Exit::Green);
            });
        });
    }
    group.finish();
    runtime.block_on(core.stop());
}

criterion_group!(benches, replay);
criterion_main!(benches);
