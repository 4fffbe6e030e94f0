//! Weights of an `HTTPRoute`.

use serde_json::{Value, json};
use verifier::gate::actuator::kubernetes::GatewayApi;
use verifier::gate::actuator::{Act, ActuateError, Actuator, LegacyPart};
use verifier::gate::config::GatewayApiConfig;
use verifier::jwt::cell::Side;

use super::{SPACE, Site, act, mark, percent};

async fn site(backends: Value) -> Site {
    let site = Site::new().await;
    site.cluster
        .put(
            "kubectl",
            json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                "metadata": { "name": "api", "namespace": SPACE },
                "spec": {
                    "parentRefs": [{ "name": "public" }],
                    "rules": [{ "matches": [{ "path": { "value": "/api/v1" } }], "backendRefs": backends }],
                },
            }),
        )
        .expect("a good route");
    site
}

fn router(site: &Site) -> GatewayApi {
    GatewayApi::new(&GatewayApiConfig {
        cluster: site.config(),
        route: "api".to_owned(),
        legacy_service: "api-legacy".to_owned(),
        core_service: "api-core".to_owned(),
        legacy_deployment: "api-legacy".to_owned(),
        core_deployment: "api-core".to_owned(),
    })
}

fn legacy_alone() -> Value {
    json!([{ "name": "api-legacy", "port": 8081 }])
}

#[tokio::test]
async fn both_weights_change_in_one_patch_and_the_switch_leaves_core_alone() {
    let site = site(legacy_alone()).await;
    let mut router = router(&site);
    let checks = router.preflight().await.expect("a look");
    assert_eq!(checks.iter().find_map(|check| check.fault.clone()), None);
    let share = || {
        site.cluster
            .route_split(SPACE, "api")
            .expect("answered")
            .share("api-core")
    };
    for (seq, weight) in [(1, 10), (2, 30), (3, 100)] {
        let before = site.cluster.writes().len();
        let reading = act(
            &mut router,
            Act::SetWeight {
                weight: percent(weight),
            },
            seq,
        )
        .await;
        assert_eq!(
            (reading.weight, reading.canary, reading.taken),
            (percent(weight), true, true)
        );
        assert_eq!(site.cluster.writes().len(), before + 1);
        assert!((share() - f64::from(weight) / 100.0).abs() < 1e-9);
    }
    let reading = act(&mut router, Act::SwitchMain { to: Side::Core }, 4).await;
    assert_eq!(
        (reading.main, reading.exposure()),
        (Side::Core, percent(100))
    );
    assert_eq!(reading.legacy_references, Vec::<String>::new());
    // There is no split to take away any more.
    let before = site.cluster.writes().len();
    act(&mut router, Act::RemoveCanary, 5).await;
    assert_eq!(site.cluster.writes().len(), before);

    let reading = act(&mut router, Act::SwitchMain { to: Side::Legacy }, 6).await;
    assert_eq!((reading.exposure(), reading.canary), (percent(0), true));
    let reading = act(&mut router, Act::RemoveCanary, 7).await;
    assert_eq!((reading.canary, reading.main), (false, Side::Legacy));
    let remove = Act::RemoveLegacy {
        part: LegacyPart::Service,
    };
    let refused = router.apply(remove, &reading.version, &mark(8)).await;
    assert!(
        matches!(refused, Err(ActuateError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_route_that_no_gateway_took_or_that_splits_otherwise_is_told() {
    let zero = json!([{ "name": "api-legacy", "weight": 0 }, { "name": "api-core", "weight": 0 }]);
    let third = json!([{ "name": "api-legacy", "weight": 9 }, { "name": "other", "weight": 1 }]);
    for (backends, words) in [(zero, "every weight"), (third, "`other` takes a share")] {
        let site = site(backends).await;
        let reading = router(&site).read().await.expect("a reading");
        assert!(
            reading.surprises.join("").contains(words),
            "{:?}",
            reading.surprises
        );
    }
    let site = site(legacy_alone()).await;
    site.cluster.remove("services", SPACE, "api-legacy");
    let reading = router(&site).read().await.expect("a reading");
    assert!(!reading.taken, "its backend is gone");
    let checks = router(&site).preflight().await.expect("a look");
    let faults: Vec<_> = checks
        .iter()
        .filter(|check| check.fault.is_some())
        .map(|check| &*check.name)
        .collect();
    assert_eq!(faults, ["router.accepted", "router.legacy_service"]);
}
