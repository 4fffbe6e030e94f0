use super::latency::EDGES_US;
use super::*;

#[test]
fn reasons_are_listed_in_the_order_of_their_places_and_have_labels_of_their_own() {
    for (place, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, place);
    }
    let labels: std::collections::HashSet<_> = Reason::ALL.map(Reason::label).into();
    assert_eq!(labels.len(), Reason::ALL.len());
}

#[test]
fn every_ticket_ends_in_one_count() {
    let counters = Counters::new([]);
    let endpoints = Endpoints::new(&counters, &Arc::default());
    let ticket = || Ticket::new(endpoints.of(&Method::GET, "/a/1"));
    ticket().compared(true);
    ticket().compared(false);
    ticket().not_compared(Reason::Write);
    drop(ticket());
    let open = ticket();
    let total = counters.total();
    assert_eq!(
        (total.sent, total.equal, total.different, total.in_flight()),
        (5, 1, 1, 1)
    );
    assert_eq!(total.not_compared[Reason::Write as usize], 1);
    assert_eq!(total.not_compared[Reason::Shutdown as usize], 1);
    drop(open);
    assert_eq!(counters.total().in_flight(), 0);
    assert_eq!(counters.endpoints()[0].name(), "GET /a/{id}");
}

#[test]
fn latencies_fall_into_the_bucket_whose_edge_they_do_not_exceed() {
    let latency = Latency::default();
    for ms in [500, 501, 2_000, 2_001, 60_000] {
        latency.record(Duration::from_millis(ms));
    }
    let (counts, sum) = latency.read();
    let at = |edge: f64| {
        LATENCY_EDGES
            .iter()
            .position(|&known| known >= edge)
            .unwrap_or(13)
    };
    assert_eq!(
        (
            counts[at(0.5)],
            counts[at(1.0)],
            counts[at(2.0)],
            counts[at(5.0)]
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(counts[13], 1);
    assert!((sum - 65.002).abs() < 1e-9);
    assert!(
        EDGES_US
            .iter()
            .zip(LATENCY_EDGES)
            .all(|(&us, s)| (us as f64 / 1e6 - s).abs() < 1e-9)
    );
}

#[test]
fn walking_through_paths_does_not_grow_the_list_for_ever() {
    let counters = Counters::new([]);
    let endpoints = Endpoints::new(&counters, &Arc::default());
    for walk in 0..2_000 {
        let name: String = format!("{walk:04}")
            .chars()
            .map(|c| (c as u8 + 49) as char)
            .collect();
        Ticket::new(endpoints.of(&Method::GET, &format!("/{name}"))).compared(true);
    }
    assert_eq!(counters.endpoints().len(), MAX_INFERRED + 1);
    assert_eq!(counters.total().equal, 2_000);
}
