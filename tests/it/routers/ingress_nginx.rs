//! Canary annotations of ingress-nginx.

use serde_json::json;
use verifier::gate::actuator::kubernetes::IngressNginx;
use verifier::gate::actuator::{Act, ActuateError, Actuator, Lease, LegacyPart};
use verifier::gate::config::IngressNginxConfig;
use verifier::jwt::cell::Side;

use super::{HOST, PATH, SPACE, Site, act, mark, percent};
use fixtures::kubernetes::{Fault, SplitError};

const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

async fn site() -> Site {
    let site = Site::new().await;
    site.cluster
        .put("kubectl", ingress("api", "api-legacy", 8081, &json!({})))
        .expect("a good ingress");
    site
}

fn ingress(
    name: &str,
    service: &str,
    port: u16,
    annotations: &serde_json::Value,
) -> serde_json::Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": name, "namespace": SPACE, "annotations": annotations },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{ "host": HOST, "http": { "paths": [
                { "path": PATH, "pathType": "Prefix",
                  "backend": { "service": { "name": service, "port": { "number": port } } } },
                { "path": "/", "pathType": "Prefix",
                  "backend": { "service": { "name": "web", "port": { "number": 80 } } } },
            ] } }],
        },
    })
}

fn router(site: &Site) -> IngressNginx {
    IngressNginx::new(&IngressNginxConfig {
        cluster: site.config(),
        main: "api".to_owned(),
        canary: "api-canary".to_owned(),
        legacy_service: "api-legacy".to_owned(),
        core_service: "api-core".to_owned(),
        legacy_deployment: "api-legacy".to_owned(),
        core_deployment: "api-core".to_owned(),
    })
}

fn core_share(site: &Site) -> f64 {
    let split = site.cluster.ingress_split(SPACE, HOST, "/api/v1/rooms");
    split.expect("requests are answered").share("api-core")
}

#[tokio::test]
async fn each_step_of_a_cut_over_shows_in_the_split_and_the_way_back_is_one_of_three_recipes() {
    let site = site().await;
    let mut router = router(&site);
    let start = router.read().await.expect("a reading");
    assert_eq!(
        (start.weight, start.canary, start.main),
        (percent(0), false, Side::Legacy)
    );
    assert_eq!(start.surprises, Vec::<String>::new());
    assert_eq!(start.core.expect("core runs").ready, 2);
    let digest = &start.core_identities[0];
    assert!(
        digest.starts_with("sha256:") && start.core_identities.len() == 2,
        "{digest}"
    );
    let fault = |checks: Vec<verifier::gate::actuator::Preflight>| {
        checks.into_iter().find_map(|check| check.fault)
    };
    assert_eq!(fault(router.preflight().await.expect("a look")), None);

    for (seq, share) in [(1, 10), (2, 30), (3, 50), (4, 100)] {
        let reading = act(
            &mut router,
            Act::SetWeight {
                weight: percent(share),
            },
            seq,
        )
        .await;
        assert_eq!(reading.weight, percent(share));
        assert_eq!(reading.mark, Some(mark(seq)));
        assert!((core_share(&site) - f64::from(share) / 100.0).abs() < 1e-9);
    }
    let canary = site
        .cluster
        .get("ingresses", SPACE, "api-canary")
        .expect("it was made");
    let paths = canary.pointer("/spec/rules/0/http/paths").expect("paths");
    assert_eq!(
        paths.as_array().map(Vec::len),
        Some(1),
        "only what leads to legacy has a canary"
    );
    assert_eq!(
        paths.pointer("/0/backend/service/port/number"),
        Some(&json!(8080)),
        "core's own port"
    );

    let reading = act(&mut router, Act::SwitchMain { to: Side::Core }, 5).await;
    assert_eq!(
        (reading.main, reading.exposure()),
        (Side::Core, percent(100))
    );
    // After the switch a weight of 0 succeeds and changes nothing.
    let reading = act(&mut router, Act::SetWeight { weight: percent(0) }, 6).await;
    assert_eq!(reading.exposure(), percent(100));
    assert!(
        (core_share(&site) - 1.0).abs() < 1e-9,
        "a weight does nothing here"
    );
    let reading = act(&mut router, Act::RemoveCanary, 7).await;
    assert!(
        !reading.canary && reading.mark == Some(mark(7)),
        "the mark outlives the canary"
    );

    // Back: the main route, with legacy's own port.
    let reading = act(&mut router, Act::SwitchMain { to: Side::Legacy }, 8).await;
    assert_eq!(reading.exposure(), percent(0));
    assert!(core_share(&site).abs() < 1e-9);
    let main = site
        .cluster
        .get("ingresses", SPACE, "api")
        .expect("it is there");
    assert_eq!(
        main.pointer("/spec/rules/0/http/paths/0/backend/service/port/number"),
        Some(&json!(8081))
    );
    assert_eq!(
        main.pointer("/spec/rules/0/http/paths/1/backend/service/name"),
        Some(&json!("web")),
        "what is neither side's stays"
    );
}

#[tokio::test]
async fn legacy_without_pods_takes_everything_down_so_it_is_scaled_first_and_removed_last() {
    let site = site().await;
    let mut router = router(&site);
    act(
        &mut router,
        Act::SetWeight {
            weight: percent(100),
        },
        1,
    )
    .await;
    act(&mut router, Act::ScaleLegacy { replicas: 0 }, 2).await;
    assert_eq!(
        site.cluster.ingress_split(SPACE, HOST, PATH),
        Err(SplitError::NoEndpoints("api-legacy".to_owned())),
        "a primary without pods takes no canary"
    );
    let reading = act(&mut router, Act::ScaleLegacy { replicas: 3 }, 3).await;
    assert_eq!(reading.legacy.expect("it runs").ready, 3);
    let remove = Act::RemoveLegacy {
        part: LegacyPart::Workload,
    };
    let refused = router.apply(remove, &reading.version, &mark(4)).await;
    assert!(
        matches!(&refused, Err(ActuateError::Refused { reason, .. }) if reason.contains("ingresses/api")),
        "{refused:?}"
    );
    act(&mut router, Act::SwitchMain { to: Side::Core }, 5).await;
    act(&mut router, Act::RemoveCanary, 6).await;
    for part in [LegacyPart::Workload, LegacyPart::Service] {
        act(&mut router, Act::RemoveLegacy { part }, 7).await;
    }
    assert!(site.cluster.get("services", SPACE, "api-legacy").is_none());
    assert!((core_share(&site) - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn s10_a_canary_that_is_silently_dropped_or_leads_elsewhere_is_told() {
    let canary = |annotations: serde_json::Value| {
        let mut all = json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": "10",
        });
        for (key, value) in annotations.as_object().into_iter().flatten() {
            all[format!("nginx.ingress.kubernetes.io/{key}")] = value.clone();
        }
        ingress("api-canary", "api-core", 8080, &all)
    };
    let elsewhere = |key: &str, value: serde_json::Value| {
        let mut object = canary(json!({}));
        object["spec"]["rules"][0]["http"]["paths"] = json!([{
            "path": "/api/v1", "pathType": "Prefix",
            "backend": { "service": { "name": "api-core", "port": { "number": 8080 } } },
        }]);
        object["spec"]["rules"][0]["http"]["paths"][0][key] = value;
        object
    };
    for (object, words) in [
        (
            canary(json!({ "canary-by-header": "X-Core" })),
            "looked at before the weight",
        ),
        (
            canary(json!({ "canary-by-cookie": "core" })),
            "looked at before the weight",
        ),
        (
            canary(json!({ "canary-weight-total": "50" })),
            "canary-weight-total",
        ),
        (
            canary(json!({ "canary-weight": "ten" })),
            "is no percentage",
        ),
        (elsewhere("pathType", json!("Exact")), "has no twin"),
        (elsewhere("path", json!("/api")), "has no twin"),
    ] {
        let site = site().await;
        site.cluster
            .put("kubectl", object)
            .expect("the API server takes it");
        let mut router = router(&site);
        let reading = router.read().await.expect("a reading");
        let told = reading.surprises.join("\n");
        assert!(told.contains(words), "{words}: {told}");
        let checks = router.preflight().await.expect("a look");
        let fault = checks.iter().find_map(|check| check.fault.as_deref());
        assert!(
            fault.is_some_and(|fault| fault.contains(words)),
            "{words}: {fault:?}"
        );
    }
    // Core is another Ingress's primary at the same place.
    let site = site().await;
    site.cluster
        .put("kubectl", ingress("preview", "api-core", 8080, &json!({})))
        .expect("a good ingress");
    let checks = router(&site).preflight().await.expect("a look");
    let fault = checks.iter().find_map(|check| check.fault.as_deref());
    assert!(
        fault.is_some_and(|fault| fault.contains("drop the canary")),
        "{fault:?}"
    );
}

#[tokio::test]
async fn a_foreign_write_is_a_conflict_and_a_manifest_applied_again_is_seen_with_its_writer() {
    let site = site().await;
    let mut router = router(&site);
    let reading = act(
        &mut router,
        Act::SetWeight {
            weight: percent(30),
        },
        1,
    )
    .await;
    assert_eq!(reading.surprises, Vec::<String>::new());
    let patch = json!({ "metadata": { "annotations": { WEIGHT: "10" } } });
    site.merge("ingresses", "api-canary", &patch);
    let next = Act::SetWeight {
        weight: percent(50),
    };
    let stale = router.apply(next, &reading.version, &mark(2)).await;
    assert!(
        matches!(stale, Err(ActuateError::Conflict { .. })),
        "{stale:?}"
    );
    let seen = router.read().await.expect("a reading");
    assert_eq!(seen.weight, percent(10));
    assert!(
        seen.written_by
            .expect("a writer")
            .starts_with("kubectl at ")
    );
    assert!(
        seen.surprises.join("").contains("`kubectl`"),
        "{:?}",
        seen.surprises
    );
    let reading = act(&mut router, next, 3).await;
    assert_eq!(
        reading.surprises,
        Vec::<String>::new(),
        "the gate owns it again"
    );
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_mark_tells_afterwards_what_became_of_it() {
    for (fault, arrived) in [
        (Fault::LostAnswer, true),
        (Fault::LostRequest, false),
        (Fault::Unavailable, false),
    ] {
        let site = site().await;
        let mut router = router(&site);
        let before = act(
            &mut router,
            Act::SetWeight {
                weight: percent(10),
            },
            1,
        )
        .await;
        site.cluster.fail([fault]);
        let next = Act::SetWeight {
            weight: percent(30),
        };
        let lost = router.apply(next, &before.version, &mark(2)).await;
        assert!(
            matches!(lost, Err(ActuateError::Unreachable { .. })),
            "{fault:?}: {lost:?}"
        );
        let after = router.read().await.expect("a reading");
        assert_eq!(
            after.mark,
            Some(mark(if arrived { 2 } else { 1 })),
            "{fault:?}"
        );
        assert_eq!(after.version == before.version, !arrived, "{fault:?}");
        let tried = site.cluster.writes().len();
        assert_eq!(tried, 2, "{fault:?}: nothing is sent twice by itself");
    }
}

#[tokio::test]
async fn one_gate_at_a_time_holds_the_lease() {
    let site = site().await;
    let (mut ours, mut theirs) = (router(&site), router(&site));
    assert_eq!(ours.lease("a", false).await, Ok(Lease::Held));
    assert_eq!(ours.lease("a", false).await, Ok(Lease::Held), "renewed");
    let foreign = Lease::Foreign {
        holder: "a".to_owned(),
    };
    assert_eq!(theirs.lease("b", false).await, Ok(foreign.clone()));
    assert_eq!(
        theirs.lease("b", true).await,
        Ok(Lease::Held),
        "taken by force"
    );
    assert_eq!(
        ours.lease("a", false).await,
        Ok(Lease::Foreign {
            holder: "b".to_owned()
        })
    );
    theirs.release("b").await.expect("given back");
    assert_eq!(ours.lease("a", false).await, Ok(Lease::Held));
}

#[tokio::test]
async fn an_account_without_rights_is_told_so_and_the_token_is_in_no_message() {
    let site = site().await;
    let text = site
        .cluster
        .kubeconfig(SPACE)
        .replace("token-of-the-gate", "another-secret");
    std::fs::write(site.folder.path().join("kubeconfig"), text).expect("written");
    let error = router(&site).read().await.expect_err("401");
    let told = error.to_string();
    assert!(told.contains("401") && told.contains("right"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}
