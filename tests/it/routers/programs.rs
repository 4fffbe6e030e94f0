//! Any other router, by a program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use verifier::gate::actuator::{Act, ActuateError, Actuator, Exec, LegacyPart};
use verifier::gate::config::ExecConfig;
use verifier::gate::span::Span;
use verifier::jwt::cell::Side;

use super::{act, mark, percent};

fn script(folder: &Path, text: &str) -> Exec {
    let path: PathBuf = folder.join("router.sh");
    std::fs::write(
        &path,
        format!("#!/bin/sh\ncd '{}'\n{text}", folder.display()),
    )
    .expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("executable");
    Exec::new(&ExecConfig {
        command: vec![path.display().to_string()],
        timeout: Span::from_secs(10),
    })
}

#[tokio::test]
async fn a_program_with_get_and_set_is_a_router_and_is_read_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut router = script(
        folder.path(),
        "case $1 in get) cat weight 2>/dev/null || echo 0;; set) echo $2 > weight;; *) exit 64;; esac\n",
    );
    for (seq, share) in [(1, 10), (2, 100), (3, 0)] {
        let reading = act(
            &mut router,
            Act::SetWeight {
                weight: percent(share),
            },
            seq,
        )
        .await;
        assert_eq!(
            (reading.weight, reading.canary),
            (percent(share), share > 0)
        );
    }
    let now = router.read().await.expect("a reading");
    for impossible in [
        Act::SwitchMain { to: Side::Core },
        Act::RemoveLegacy {
            part: LegacyPart::Workload,
        },
    ] {
        let told = router.apply(impossible, &now.version, &mark(4)).await;
        assert!(
            matches!(told, Err(ActuateError::Unsupported { .. })),
            "{told:?}"
        );
    }
    std::fs::write(folder.path().join("weight"), "70").expect("written");
    let stale = router
        .apply(
            Act::SetWeight {
                weight: percent(10),
            },
            &now.version,
            &mark(5),
        )
        .await;
    assert!(
        matches!(stale, Err(ActuateError::Conflict { .. })),
        "{stale:?}"
    );
}

#[tokio::test]
async fn a_program_that_tells_more_can_switch_and_keeps_the_mark() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut router = script(
        folder.path(),
        r#"[ -f main ] || { echo legacy > main; echo 0 > weight; echo '"run_id":"","seq":0,"evidence":""' > mark; }
case $1 in
get) echo "{\"weight\": $(cat weight), \"main\": \"$(cat main)\", \"mark\": {$(cat mark)}}";;
set) echo $2 > weight;;
main) echo $2 > main;;
esac
[ "$1" = get ] || echo "\"run_id\":\"$GATE_RUN_ID\",\"seq\":$GATE_SEQ,\"evidence\":\"$GATE_EVIDENCE\"" > mark
"#,
    );
    act(
        &mut router,
        Act::SetWeight {
            weight: percent(100),
        },
        1,
    )
    .await;
    let reading = act(&mut router, Act::SwitchMain { to: Side::Core }, 2).await;
    assert_eq!((reading.main, reading.mark), (Side::Core, Some(mark(2))));
}

#[tokio::test]
async fn a_program_that_fails_hangs_or_talks_nonsense_is_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (text, words) in [
        ("exit 3\n", "ended with"),
        ("echo many\n", "must print 0 to 100"),
        ("echo 101\n", "must print"),
        ("echo '{\"weigth\": 3}'\n", "weigth"),
    ] {
        let error = script(folder.path(), text)
            .read()
            .await
            .expect_err(text)
            .to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let slow = Exec::new(&ExecConfig {
        command: ["sh", "-c", "sleep 30"].map(str::to_owned).to_vec(),
        timeout: Span::from_millis(50),
    })
    .read()
    .await;
    assert!(
        matches!(slow, Err(ActuateError::Unreachable { .. })),
        "{slow:?}"
    );
}
