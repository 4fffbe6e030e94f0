//! `verifier minimise`: the smallest request that still shows a difference of live traffic.

mod ask;
mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail, ensure};

use super::Exit;
use super::output::OutputFormat;
use super::target::{block_on, client_config};
use super::terminal::{Progress, to_stdout};
use crate::catalogue::Catalogue;
use crate::causes::minimise::minimise;
use crate::causes::parts;
use crate::client::{ClientConfig, Target};
use crate::cutover::Policy;
use crate::evidence::record::{Evidence, Group, Sample, StoredRequest};
use crate::evidence::{adopt, store};
use crate::golden::request::RunId;
use crate::golden::run::{RunConfig, Runner};
use crate::ids::IdMap;
use crate::report::live::curl::is_of_the_request;
use crate::report::live::statuses_text;
use crate::rules::Rules;
use crate::verdict::Kind;
use ask::{Services, Stop};
use show::{Found, Missed};

/// Look for the smallest request that still shows a difference of live traffic.
///
/// Sends the group's stored example to both services again and again, each time with less of it: header
/// fields, query parameters and members of a JSON body are left away, values shortened, as long as the
/// same difference is there. Exits with 0 and the request as two `curl` commands and as a case of the
/// catalogue; with 3 when the difference does not show, comes and goes, or the bound was reached first.
///
/// Evidence hides what is secret or personal. Give such values in environment variables (`--value-env`,
/// `--account`); the others are made up, hidden header fields left away. None is ever printed.
#[derive(Debug, clap::Args)]
pub struct MinimiseArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// The group, as `verifier report` shows it, or the beginning of its id.
    #[arg(long, value_name = "ID")]
    group: String,
    /// Base address of legacy.
    #[arg(long, value_name = "URL")]
    legacy: String,
    /// Base address of core.
    #[arg(long, value_name = "URL")]
    core: String,
    /// The catalogue whose rules hold, as the proxy had it.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Log in to both services as this account of the catalogue and send its tokens.
    #[arg(long, value_name = "NAME", requires = "catalog")]
    account: Option<String>,
    /// A hidden value: `header:authorization=VAR` sends what the environment variable VAR holds; also
    /// `query:NAME=VAR`, `path:N=VAR` (segment N from 1), `/pointer/into/body=VAR`. May be repeated.
    #[arg(long, value_name = "PLACE=VAR")]
    value_env: Vec<Given>,
    /// The same for core alone, where it needs another.
    #[arg(long, value_name = "PLACE=VAR")]
    core_value_env: Vec<Given>,
    /// Most requests to each service.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(5..=100_000))]
    max_requests: u32,
    /// Also send a request that writes, many times. Only where both services are disposable, each with a
    /// database of its own.
    #[arg(long)]
    allow_writes: bool,
    /// Seconds one answer may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Longest answer that is read, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 8 * 1024 * 1024)]
    max_body: usize,
    /// Certificates to trust besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

/// A place of the request and the environment variable with its value.
#[derive(Clone, Debug)]
struct Given {
    place: String,
    variable: String,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A parameter's name may hold `=`, a variable's cannot.
        match text.rsplit_once('=') {
            Some((place, variable)) if !place.is_empty() && !variable.is_empty() => Ok(Self {
                place: place.to_owned(),
                variable: variable.to_owned(),
            }),
            _ => Err("write `PLACE=VAR`, such as `header:authorization=TOKEN`".to_owned()),
        }
    }
}

/// Values by place.
type Values = BTreeMap<String, String>;

impl MinimiseArgs {
    /// Sends the requests and writes what came of them.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = store::read(&self.evidence)?;
        let (id, group) = adopt::find(&evidence.ledger.groups, &self.group)?;
        let sample = group.samples.first().ok_or(adopt::AdoptError::NoExample)?;
        ensure!(
            group.key.kind != Kind::IdConflict,
            "an id conflict tells of objects that were met before, not of one request: look at both answers"
        );
        let catalogue = match &self.catalog {
            Some(path) => {
                let text = Catalogue::read_text(path)?;
                let today = jiff::ZonedDateTime::now().date();
                Some(std::sync::Arc::new(Catalogue::parse(path, &text, today)?))
            }
            None => None,
        };
        let endpoint = catalogue.as_ref().and_then(|catalogue| {
            let mut all = catalogue.endpoints.iter();
            all.find(|endpoint| endpoint.id == group.key.endpoint)
        });
        let reads = sample.request.is_safe()
            || endpoint.is_some_and(|endpoint| endpoint.shadow == Some(Policy::Read));
        if !reads && !self.allow_writes {
            bail!(
                "the example is a {}, which may write, and would be sent up to {} times to each service: \
                 add `--allow-writes` if both are disposable and have databases of their own",
                sample.request.method,
                self.max_requests
            );
        }
        let inferred = group.key.endpoint.split_once(' ').map(|(_, path)| path);
        let template = endpoint
            .map(|endpoint| endpoint.path.as_str())
            .or(inferred)
            .unwrap_or_default()
            .to_owned();

        let legacy = Target::new(&self.legacy, self.client(None))?;
        let core = Target::new(&self.core, self.client(Some(legacy.host())))?;
        let mut values = [self.values(&[])?, self.values(&self.core_value_env)?];
        let offered = self.request(sample)?;
        if let (Some(account), Some(catalogue)) = (&self.account, &catalogue) {
            for (values, base) in values.iter_mut().zip([&self.legacy, &self.core]) {
                let token = block_on(self.login(catalogue, base, account))??;
                values.insert("header:authorization".to_owned(), token);
            }
        }
        let (request, unsupplied) = without_unsupplied(offered, &values);
        for place in values.iter().flat_map(BTreeMap::keys) {
            let known = parts::hidden(&sample.request);
            ensure!(
                known.iter().any(|(hidden, _)| hidden == place),
                "nothing is hidden at `{place}` of the example: {}",
                places_told(&known)
            );
        }
        let progress = Progress::new(self.max_requests as usize, "minimise");
        let mut services = Services {
            legacy,
            core,
            values,
            endpoint: group.key.endpoint.clone(),
            ids: id_map(&evidence),
            template,
            rules: catalogue
                .as_ref()
                .map_or_else(Rules::default, |c| c.rules.clone()),
            wanted: group.key.clone(),
            asked: 0,
            // The last one looks whether what was found still holds.
            bound: self.max_requests - 1,
            stopped: None,
            progress: &progress,
        };
        let outcome = block_on(reduced(&mut services, &request, reads))?;
        progress.finish();
        let requests = services.asked;
        match outcome {
            Err(stop) => {
                let missed = Missed {
                    id,
                    group,
                    requests,
                    stop,
                    unsupplied: &unsupplied,
                };
                to_stdout(|out| match self.format {
                    OutputFormat::Text => missed.text(out),
                    OutputFormat::Json => missed.json(out),
                })?;
                Ok(Exit::Incomplete)
            }
            Ok(minimised) => {
                let smaller = Sample {
                    request: minimised.request.clone(),
                    ..sample.clone()
                };
                let case_of = endpoint.map(|endpoint| endpoint.path.as_str());
                let case = adopt::case_lines(id, group, &smaller, case_of);
                let found = Found {
                    id,
                    group,
                    requests,
                    stopped: services.stopped.as_ref(),
                    bases: [&self.legacy, &self.core],
                    supply: parts::hidden(&minimised.request),
                    minimised: &minimised,
                    in_endpoint: case_of.map(|_| group.key.endpoint.as_str()),
                    case,
                };
                to_stdout(|out| match self.format {
                    OutputFormat::Text => found.text(out),
                    OutputFormat::Json => found.json(out),
                })?;
                Ok(found.exit())
            }
        }
    }

    fn client(&self, host: Option<&str>) -> ClientConfig {
        client_config(self.timeout, self.max_body, self.ca_file.as_deref(), host)
    }

    /// What the environment holds for both, with what it holds for core alone.
    fn values(&self, own: &[Given]) -> anyhow::Result<Values> {
        let mut values = Values::new();
        for given in self.value_env.iter().chain(own) {
            let value = std::env::var(&given.variable).map_err(|_| {
                anyhow!(
                    "the environment has no text in `{}`: set it to the value of `{}`",
                    given.variable,
                    given.place
                )
            })?;
            values.insert(given.place.clone(), value);
        }
        Ok(values)
    }

    /// The example's request without what every client adds by itself.
    fn request(&self, sample: &Sample) -> anyhow::Result<StoredRequest> {
        let mut request = sample.request.clone();
        let length = |(name, value): &(String, String)| {
            (name == "content-length" && value != "0") || name == "transfer-encoding"
        };
        ensure!(
            request.body.is_some() || !request.headers.iter().any(length),
            "{}: the example's body is not kept (it was too long): write the request by hand",
            self.evidence.display()
        );
        request.headers.retain(|(name, _)| is_of_the_request(name));
        Ok(request)
    }

    async fn login(
        &self,
        catalogue: &std::sync::Arc<Catalogue>,
        base: &str,
        account: &str,
    ) -> anyhow::Result<String> {
        let config = RunConfig {
            allow_writes: false,
            jobs: 1,
            run: RunId::now(),
            today: jiff::ZonedDateTime::now().date(),
            shuffle: None,
        };
        let target = Target::new(base, self.client(None))?;
        let runner = Runner::new(std::sync::Arc::clone(catalogue), target, config);
        let token = runner.access_token(account).await;
        token
            .map_err(|why| anyhow!(why))
            .with_context(|| base.to_owned())
    }
}

/// Leaves hidden header fields away that nobody gave a value for: a made-up token is worse than none. With
/// it all hidden values that are not given.
fn without_unsupplied(
    mut request: StoredRequest,
    values: &[Values; 2],
) -> (StoredRequest, Vec<(String, String)>) {
    let mut hidden = parts::hidden(&request);
    hidden.retain(|(place, _)| !values.iter().any(|values| values.contains_key(place)));
    request.headers.retain(|(name, _)| {
        let place = format!("header:{name}");
        !hidden.iter().any(|(hidden, _)| *hidden == place)
    });
    (request, hidden)
}

fn places_told(hidden: &[(String, String)]) -> String {
    let places: Vec<String> = hidden
        .iter()
        .map(|(place, class)| format!("`{place}` ({class})"))
        .collect();
    if places.is_empty() {
        "nothing is".to_owned()
    } else {
        format!("hidden are {}", places.join(", "))
    }
}

fn id_map(evidence: &Evidence) -> IdMap {
    let mut map = IdMap::default();
    let pairs = evidence.ledger.ids.values();
    map.restore(pairs.map(|pair| {
        let (legacy, core) = (pair.legacy.as_str(), pair.core.as_str());
        (pair.kind.as_str(), legacy, core, pair.seen, pair.born)
    }));
    map
}

/// Requests in a row to which legacy may give no answer before it is left in peace.
const UNANSWERED: u32 = 2;

/// Looks first whether the difference is there every time, and whether legacy differs from itself so.
async fn reduced(
    services: &mut Services<'_>,
    request: &StoredRequest,
    reads: bool,
) -> Result<crate::causes::minimise::Minimised, Stop> {
    let first = services.shows(request).await?;
    let second = services.shows(request).await?;
    match (first, second) {
        (true, true) => {}
        (false, false) => return Err(services.not_shown()),
        _ => return Err(Stop::ComesAndGoes),
    }
    if reads && services.legacy_differs_from_itself(request).await? {
        return Err(Stop::Noise);
    }
    let (mut ended, mut unanswered) = (None, 0);
    let found = minimise(request, async |request: &StoredRequest| {
        match services.shows(request).await {
            Ok(shown) => {
                unanswered = 0;
                Some(shown)
            }
            // A request without its parts may be one that legacy breaks over.
            Err(Stop::NoAnswer(_)) if unanswered < UNANSWERED => {
                unanswered += 1;
                Some(false)
            }
            Err(stop) => {
                ended = Some(stop);
                None
            }
        }
    })
    .await;
    // What was found is told only once it was seen again.
    services.bound = services.bound.saturating_add(1);
    let again = services.shows(&found.request).await?;
    services.stopped = ended;
    if again {
        Ok(found)
    } else {
        Err(Stop::ComesAndGoes)
    }
}

/// The group's line in every form.
fn title(id: &str, group: &Group) -> String {
    let key = &group.key;
    let relation = key.relation.as_ref();
    let relation = relation.map_or_else(String::new, |relation| format!(": {}", relation.text));
    format!(
        "[{id}] {} {} {}{relation}, status {}",
        key.endpoint,
        key.place,
        key.kind,
        statuses_text(key.statuses)
    )
}
