//! Starting and stopping: listeners, lanes, the comparing thread and the admin port.

use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::header::HeaderName;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use verifier::rules::Rules;

use crate::admin::{self, AdminState};
use crate::capture::Budget;
use crate::compare::{Comparer, Findings};
use crate::config::{
    Config, ConfigError, LinkConfig, TlsConfig, limits, parse_address, patience, ready,
};
use crate::counters::Counters;
use crate::evidence::{EvidenceError, EvidenceWriter};
use crate::ids::Ids;
use crate::lane::{Lane, Settings};
use crate::listen;
use crate::route::Routes;
use crate::sample::Share;
use crate::sink::{self, DepthReader, QueueLimits, Sink};
use crate::tls::{self, Acceptor};
use crate::upstream::{Address, LinkLimits};
use crate::versions::Versions;
use crate::writes::Writes;

/// Most that may pass between the request to stop and the end, whatever core or clients do (R7).
const HARD_STOP: Duration = Duration::from_millis(14_500);

/// Why the proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Evidence cannot be kept where it should.
    #[error("evidence cannot be kept")]
    Evidence(#[from] EvidenceError),
    /// The system gives no thread or event queue.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
}

/// A proxy that is serving.
#[derive(Debug)]
pub struct Proxy {
    listen: SocketAddr,
    admin: SocketAddr,
    counters: Arc<Counters>,
    findings: Arc<Findings>,
    queued: DepthReader,
    stop: watch::Sender<bool>,
    lanes: Vec<JoinHandle<()>>,
    comparer: JoinHandle<()>,
    tls: Option<TlsConfig>,
    acceptor: Option<Acceptor>,
    notices: Vec<String>,
}

impl Proxy {
    /// Starts all threads; when it returns, clients are served.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let (config, catalogue) = &ready(config)?;
        let (routes, rules) = match catalogue {
            Some(catalogue) => {
                for warning in &catalogue.warnings {
                    tracing::warn!("{warning}");
                }
                (catalogue.routes(), catalogue.rules.clone())
            }
            None => (Routes::default(), Rules::default()),
        };
        let (ids, remembered) = Ids::new(config, catalogue.as_ref());
        let settings = Arc::new(settings(config, Arc::new(routes), ids)?);
        let listener = bind(config.listen)?;
        let admin_listener = bind(config.admin)?;
        let (listen, admin) = (listener.local_addr()?, admin_listener.local_addr()?);

        let counters = Counters::new(settings.routes.names());
        let findings = Arc::new(Findings::default());
        let budget = Budget::new(config.shadow.max_held_bytes);
        let limits = QueueLimits {
            pairs: config.shadow.max_queued_pairs,
            bytes: config.shadow.max_held_bytes,
        };
        let (evidence, mut notices) = EvidenceWriter::open(
            config,
            catalogue.as_ref(),
            &counters,
            settings.versions.clone(),
        )?;
        notices.extend(remembered);
        let comparer = Comparer::new(rules, &settings, Arc::clone(&findings), evidence);
        let (sink, comparer) = sink::start(limits, comparer)?;
        let acceptor = settings.tls.clone();
        let queued = sink.depth_reader();
        let (stop, stopping) = watch::channel(false);

        let state = AdminState::new(config, &settings, &counters, &findings, &budget, &sink)?;
        admin::start(admin_listener, state, stopping.clone())?;
        let mut lanes = Vec::with_capacity(config.threads);
        for number in 0..config.threads {
            let listener = listener.try_clone()?;
            let lane = (
                Arc::clone(&settings),
                Arc::clone(&counters),
                Arc::clone(&budget),
                sink.clone(),
            );
            let stopping = stopping.clone();
            let thread = thread::Builder::new().name(format!("lane-{number}"));
            lanes.push(thread.spawn(move || serve(lane, listener, stopping))?);
        }
        Ok(Self {
            listen,
            admin,
            counters,
            findings,
            queued,
            stop,
            lanes,
            comparer,
            tls: config.tls.clone(),
            acceptor,
            notices,
        })
    }

    /// Where clients connect.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where the admin port is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What an operator should read once clients are served.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The counts so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Exchanges of which both answers are there and the verdict is not: the comparing thread comes by some
    /// times a second.
    pub fn queued(&self) -> usize {
        self.queued.depth()
    }

    /// What was found different so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Reads the certificate and key for clients again; connections under way keep theirs.
    pub fn reload(&self) -> Result<(), ConfigError> {
        if let (Some(config), Some(acceptor)) = (&self.tls, &self.acceptor) {
            acceptor.set(tls::acceptor(config)?);
        }
        Ok(())
    }

    /// Takes no more connections, answers what was accepted, compares what was answered and ends. At
    /// most some 14 seconds; `false` when something had to be cut short.
    pub fn stop(self) -> bool {
        let deadline = Instant::now() + HARD_STOP;
        // Fails only when nobody listens any more, and then there is nothing to stop.
        let _nobody = self.stop.send(true);
        let mut whole = true;
        for thread in self.lanes.into_iter().chain([self.comparer]) {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            whole &= thread.is_finished() && thread.join().is_ok();
        }
        whole
    }
}

type LaneParts = (Arc<Settings>, Arc<Counters>, Arc<Budget>, Sink);

fn serve(
    (settings, counters, budget, sink): LaneParts,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a thread cannot serve");
            return;
        }
    };
    runtime.block_on(async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let lane = Lane::new(settings, counters, budget, sink);
                listen::run(lane, listener, stop).await;
            }
            Err(error) => tracing::error!(%error, "a thread cannot listen"),
        }
    });
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|source| StartError::Listen { address, source })
}

fn settings(
    config: &Config,
    routes: Arc<Routes>,
    ids: Option<Arc<Ids>>,
) -> Result<Settings, ConfigError> {
    let legacy = address("legacy", config.legacy.as_deref(), &config.legacy_link)?;
    let core = address("core", config.core.as_deref(), &config.core_link)?;
    // Keyed by the system's randomness, so that no two processes share a name.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let pseudonym = format!("shadow-proxy-{random:016x}");
    let request_via = HeaderValue::try_from(format!("1.1 {pseudonym}")).map_err(|_never| {
        verifier::cutover::ConfigError::Range {
            key: "via",
            range: "a field value",
        }
    })?;
    let sample_header = config.sample.by_header.as_ref();
    let sampled = Share::from_percent(config.noise.sample_percent);
    let legacy = Arc::new(legacy);
    let twin = match config.noise.legacy_twin.as_deref() {
        Some(twin) => {
            let twin = address("noise.legacy_twin", Some(twin), &config.legacy_link)?;
            Some((Arc::new(twin), Share::ALL))
        }
        None if config.noise.is_on() => sampled.map(|share| (Arc::clone(&legacy), share)),
        None => None,
    };
    let self_check = config.self_check.share * 100.0;
    Ok(Settings {
        self_check: Share::from_percent(self_check).unwrap_or(Share::NONE),
        pseudonym,
        request_via,
        answer_via: HeaderValue::from_static("1.1 shadow-proxy"),
        sample: Share::from_percent(config.sample.percent).unwrap_or(Share::ALL),
        sample_header: sample_header.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()),
        writes: Writes::new(config.writes.clone()),
        write_clock: Arc::default(),
        routes,
        shadow: config.shadow.clone(),
        tolerance: config.confidence.tolerance(),
        shadow_per_lane: (config.shadow.max_in_flight / config.threads).max(1),
        limits: limits(&config.client),
        patience: patience(&config.client),
        connections_per_lane: (config.client.max_connections / config.threads).max(1),
        legacy,
        legacy_links: link_limits(&config.legacy_link),
        core: Arc::new(core),
        core_links: link_limits(&config.core_link),
        twin,
        ids,
        tls: config
            .tls
            .as_ref()
            .map(tls::acceptor)
            .transpose()?
            .map(Acceptor::new),
        evidence: config.evidence.file.is_some(),
        role_claim: config.evidence.role_claim.clone(),
        // Only evidence names them.
        versions: config
            .evidence
            .version_endpoint
            .clone()
            .filter(|_| config.evidence.file.is_some())
            .map(Versions::new),
        drain: Duration::from_millis(config.drain_ms),
    })
}

fn address(
    side: &'static str,
    address: Option<&str>,
    link: &LinkConfig,
) -> Result<Address, ConfigError> {
    let (tls, host, port) = parse_address(side, address)?;
    let tls = if tls {
        Some(tls::connector(link, &host)?)
    } else {
        None
    };
    Ok(Address { host, port, tls })
}

fn link_limits(link: &LinkConfig) -> LinkLimits {
    LinkLimits {
        connect: Duration::from_millis(link.connect_timeout_ms),
        stall: Duration::from_millis(link.stall_timeout_ms),
        keep: Duration::from_millis(link.keep_unused_ms),
        max_unused: link.max_unused,
    }
}
