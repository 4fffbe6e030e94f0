//! The gate's routers against the systems they speak to.

mod api_server;
mod gateway_api;
mod ingress_nginx;
mod programs;

use fixtures::kubernetes::{Cluster, Options, start};
use serde_json::{Value, json};
use tempfile::TempDir;
use verifier::gate::actuator::{Act, Actuator, Mark, Reading};
use verifier::gate::config::ClusterConfig;
use verifier::gate::weight::Weight;

const SPACE: &str = "rms";
const HOST: &str = "rms.example";
const PATH: &str = "/api/v1";

/// A cluster that serves from legacy, and the way there.
struct Site {
    cluster: Cluster,
    folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        let cluster = start(Options {
            token: Some("token-of-the-gate".to_owned()),
            ..Options::default()
        })
        .await
        .expect("the API server starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("kubeconfig"), cluster.kubeconfig(SPACE))
            .expect("the kubeconfig is written");
        for (name, port) in [("api-legacy", 8081), ("api-core", 8080)] {
            let labels = json!({ "app": name });
            for object in [
                json!({
                    "apiVersion": "v1", "kind": "Service",
                    "metadata": { "name": name, "namespace": SPACE },
                    "spec": { "selector": labels, "ports": [{ "name": "http", "port": port }] },
                }),
                json!({
                    "apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": { "name": name, "namespace": SPACE },
                    "spec": {
                        "replicas": 2,
                        "selector": { "matchLabels": labels },
                        "template": {
                            "metadata": { "labels": labels },
                            "spec": { "containers": [{ "name": "api", "image": format!("registry.example/{name}:v1") }] },
                        },
                    },
                }),
            ] {
                cluster.put("kubectl", object).expect("a good object");
            }
        }
        Self { cluster, folder }
    }

    fn config(&self) -> ClusterConfig {
        ClusterConfig {
            kubeconfig: Some(self.folder.path().join("kubeconfig")),
            ..ClusterConfig::default()
        }
    }

    fn merge(&self, plural: &str, name: &str, patch: &Value) {
        self.cluster
            .merge("kubectl", plural, SPACE, name, patch)
            .expect("a good patch");
    }
}

fn percent(percent: u8) -> Weight {
    Weight::from_percent(percent).expect("a weight")
}

fn mark(seq: u64) -> Mark {
    Mark {
        run_id: "run-1".to_owned(),
        seq,
        evidence: "e5".to_owned(),
    }
}

/// Reads, writes, reads back.
async fn act(router: &mut dyn Actuator, act: Act, seq: u64) -> Reading {
    let before = router.read().await.expect("a reading");
    let version = router
        .apply(act, &before.version, &mark(seq))
        .await
        .expect("the change is made");
    let after = router.read().await.expect("a reading");
    assert_eq!(after.version, version, "{act}");
    after
}
