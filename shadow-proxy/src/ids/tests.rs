use std::task::{Context, Poll, Waker};
use std::{pin::pin, thread};

use verifier::exchange::Observation;

use super::*;

fn ids() -> Arc<Ids> {
    let mut config = Config::default();
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    let (ids, _nothing_earlier) = Ids::new(&config, None);
    ids.expect("core has a database of its own")
}

#[test]
fn no_write_overtakes_another_and_nobody_else_waits_for_ever() {
    let ids = ids();
    let (read, write) = (ids.turn(false), ids.turn(true));
    let (later_read, later_write) = (ids.turn(false), ids.turn(true));
    for (turn, patient, blocked) in [
        (&read, true, false),
        (&write, true, true),
        (&write, false, false),
        (&later_read, true, true),
        (&later_read, false, false),
        (&later_write, true, true),
        (&later_write, false, true),
    ] {
        assert_eq!(ids.is_blocked(turn, patient), blocked, "{turn:?} {patient}");
    }
    drop(write);
    assert!(!ids.is_blocked(&later_read, true));
    assert!(!ids.is_blocked(&later_write, false));
    drop(read);
    assert!(ids.is_blocked(&later_write, true), "a read is before it");
}

#[test]
fn a_lane_gives_its_thread_back_while_the_comparing_thread_reads() {
    let ids = ids();
    let head = Head::default();
    let reading = ids.known.try_lock().expect("nobody else has it");
    let mut cx = Context::from_waker(Waker::noop());
    let mut asked = pin!(ids.head("GET /rooms", &head));
    assert!(asked.as_mut().poll(&mut cx).is_pending());
    let mut body = pin!(ids.body("POST /rooms", b"{\"id\":1}"));
    assert!(body.as_mut().poll(&mut cx).is_pending());
    drop(reading);
    assert!(matches!(asked.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    assert!(matches!(body.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
}

#[test]
fn reading_answers_and_rewriting_requests_never_wait_for_each_other_for_good() {
    let ids = ids();
    let answer = |id: u32| Observation {
        answer: Ok(Answer {
            status: 201,
            headers: Vec::new(),
            body: format!(r#"{{"id":{id},"accessToken":"t{id}"}}"#).into(),
        }),
        origin: None,
        tokens: verifier::exchange::Tokens::default(),
        latency: Duration::ZERO,
    };
    let reader = thread::spawn({
        let ids = Arc::clone(&ids);
        move || {
            for id in 0..2_000 {
                let mut exchange = Exchange {
                    endpoint: "POST /rooms".to_owned(),
                    case: String::new(),
                    method: "POST".to_owned(),
                    path: "/rooms".to_owned(),
                    reference: answer(id),
                    candidate: answer(id + 10_000),
                };
                ids.read(&mut exchange);
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for _ in 0..2_000 {
            let body = ids.body("POST /rooms", br#"{"name":"x"}"#).await;
            assert!(body.is_ok());
        }
    });
    reader.join().expect("the reader ends");
}
