//! The API server of the tests answers as a real one does: otherwise everything tested against it would
//! prove nothing.

use serde_json::{Value, json};
use verifier::client::{ClientConfig, Outgoing, Target};

use super::{SPACE, Site};

const TOKEN: &str = "Bearer token-of-the-gate";

async fn call(site: &Site, method: &str, path: &str, media: &str, body: Value) -> (u16, Value) {
    let target = Target::new(&site.cluster.url(), ClientConfig::default()).expect("an address");
    let sent = target
        .send(&Outgoing {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![
                ("authorization".to_owned(), TOKEN.to_owned()),
                ("content-type".to_owned(), media.to_owned()),
            ],
            body: (!body.is_null()).then(|| body.to_string().into_bytes()),
        })
        .await;
    let answer = sent.observation.answer.expect("an answer");
    (
        answer.status,
        serde_json::from_slice(&answer.body).expect("JSON"),
    )
}

const MERGE: &str = "application/merge-patch+json";
const STEPS: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

#[tokio::test]
async fn every_refusal_has_the_code_and_reason_of_a_real_server() {
    let site = Site::new().await;
    let service = format!("/api/v1/namespaces/{SPACE}/services/api-core");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "gate", "annotations": { "owner": "a" } }, "spec": {},
    });
    let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases");
    let of_lease = format!("{leases}/gate");
    let (status, made) = call(&site, "POST", &leases, "application/json", lease.clone()).await;
    assert_eq!((status, &made["metadata"]["generation"]), (201, &json!(1)));
    let owner = |value: Value| json!({ "metadata": { "annotations": { "owner": value } } });
    let mut stale = owner(json!("b"));
    stale["metadata"]["resourceVersion"] = json!("1");
    let test = json!([{ "op": "test", "path": "/metadata/annotations/owner", "value": "z" }]);
    let mut applied = lease.clone();
    applied["metadata"]["annotations"]["owner"] = json!("c");
    let uid = json!({ "preconditions": { "uid": "another" } });
    for (method, path, media, body, code, reason) in [
        (
            "POST",
            &*leases,
            "application/json",
            lease,
            409,
            "AlreadyExists",
        ),
        ("PATCH", &of_lease, MERGE, stale, 409, "Conflict"),
        ("PATCH", &of_lease, STEPS, test, 422, "Invalid"),
        (
            "PATCH",
            &format!("{of_lease}?fieldManager=other"),
            APPLY,
            applied,
            409,
            "Conflict",
        ),
        ("PATCH", &of_lease, MERGE, owner(json!(10)), 422, "Invalid"),
        (
            "PATCH",
            &of_lease,
            "text/plain",
            owner(json!("b")),
            415,
            "UnsupportedMediaType",
        ),
        (
            "PATCH",
            &format!("{leases}/none"),
            MERGE,
            owner(json!("b")),
            404,
            "NotFound",
        ),
        (
            "DELETE",
            &of_lease,
            "application/json",
            uid,
            409,
            "Conflict",
        ),
        (
            "GET",
            "/apis/none/v1/namespaces/a/things",
            "",
            Value::Null,
            404,
            "NotFound",
        ),
    ] {
        let (status, answer) = call(&site, method, path, media, body).await;
        assert_eq!(
            (status, answer["reason"].as_str()),
            (code, Some(reason)),
            "{method} {path} {answer}"
        );
        if path.contains("fieldManager") {
            let cause = &answer["details"]["causes"][0];
            assert_eq!(cause["reason"], "FieldManagerConflict");
            assert_eq!(cause["field"], ".metadata.annotations.owner");
        }
    }
    let before = call(&site, "GET", &of_lease, "", Value::Null).await.1;
    assert_eq!(
        before["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    let dry = format!("{of_lease}?dryRun=All");
    let (status, answer) = call(&site, "PATCH", &dry, MERGE, owner(json!("b"))).await;
    assert_eq!(
        (status, &answer["metadata"]["resourceVersion"]),
        (200, &made["metadata"]["resourceVersion"])
    );
    let same = call(&site, "PATCH", &of_lease, MERGE, owner(json!("a")))
        .await
        .1;
    assert_eq!(
        same["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"],
        "no change, no version"
    );
    let changed = call(&site, "PATCH", &of_lease, MERGE, owner(json!("b")))
        .await
        .1;
    assert_ne!(
        changed["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    assert_eq!(
        changed["metadata"]["generation"],
        json!(1),
        "annotations are no new generation"
    );
    let (status, _) = call(
        &site,
        "PATCH",
        &service,
        MERGE,
        json!({ "spec": { "x": 1 } }),
    )
    .await;
    assert_eq!(status, 200);
    let seen = call(&site, "GET", &service, "", Value::Null).await.1;
    assert_eq!(seen["metadata"]["generation"], json!(2));
}
