//! Routers that may be configured.
#![deny(clippy::disallowed_methods)]

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::half_a_minute;
use crate::gate::span::Span;

/// The router, one of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouterConfig {
    /// A file that plays a router.
    DryRun(DryRunConfig),
    /// Canary annotations of ingress-nginx.
    IngressNginx(IngressNginxConfig),
    /// Weights of an `HTTPRoute` of the Gateway API.
    GatewayApi(GatewayApiConfig),
    /// nginx with `split_clients` in an included file.
    Nginx(NginxConfig),
    /// Any other router, by a program.
    Exec(ExecConfig),
}

/// A file that plays a router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DryRunConfig {
    /// The file; in the state's folder unless named.
    pub file: Option<PathBuf>,
}

/// Where objects of Kubernetes are, and how to get there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// The kubeconfig; the usual places, then the pod's own account, unless named.
    pub kubeconfig: Option<PathBuf>,
    /// Its context; the current one unless named.
    pub context: Option<String>,
    /// The namespace; the context's unless named.
    pub namespace: Option<String>,
}

/// Canary annotations of ingress-nginx.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngressNginxConfig {
    /// The cluster.
    #[serde(default)]
    pub cluster: ClusterConfig,
    /// The Ingress that serves everyone.
    pub main: String,
    /// The Ingress with the canary annotations.
    pub canary: String,
    /// Legacy's Service.
    pub legacy_service: String,
    /// Core's Service.
    pub core_service: String,
    /// Legacy's Deployment.
    pub legacy_deployment: String,
    /// Core's Deployment.
    pub core_deployment: String,
}

/// Weights of an `HTTPRoute`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayApiConfig {
    /// The cluster.
    #[serde(default)]
    pub cluster: ClusterConfig,
    /// The route.
    pub route: String,
    /// Legacy's Service.
    pub legacy_service: String,
    /// Core's Service.
    pub core_service: String,
    /// Legacy's Deployment.
    pub legacy_deployment: String,
    /// Core's Deployment.
    pub core_deployment: String,
}

/// nginx with an included file that the gate writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NginxConfig {
    /// The included file, which the gate owns.
    pub include: PathBuf,
    /// Name of the `upstream` that is legacy.
    pub legacy_upstream: String,
    /// Name of the `upstream` that is core.
    pub core_upstream: String,
    /// The variable that `proxy_pass` uses, without `$`.
    #[serde(default = "backend_variable")]
    pub variable: String,
    /// What decides the side: `${remote_addr}` keeps a client on one side.
    #[serde(default = "split_key")]
    pub key: String,
    /// Checks the configuration; a program and its arguments.
    #[serde(default = "nginx_test")]
    pub test: Vec<String>,
    /// Has it taken over; a program and its arguments.
    #[serde(default = "nginx_reload")]
    pub reload: Vec<String>,
    /// An address that answers with the split in use (`return 200 …`), to read it back from the running
    /// router.
    pub live_url: Option<String>,
}

fn backend_variable() -> String {
    "cutover_backend".to_owned()
}

fn split_key() -> String {
    "${request_id}".to_owned()
}

fn nginx_test() -> Vec<String> {
    ["nginx", "-t"].map(str::to_owned).to_vec()
}

fn nginx_reload() -> Vec<String> {
    ["nginx", "-s", "reload"].map(str::to_owned).to_vec()
}

/// Any other router, by a program that is called with `get` and `set N`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The program and its first arguments.
    pub command: Vec<String>,
    /// Longest time one call may take.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
}
