//! How sessions begin, go on and end, and what a token must open: the `auth` block.

use jiff::civil::Date;

use super::{Account, Login, RequestTemplate};
use crate::place::Place;

/// The `auth` block, checked. A check exists only for what is configured.
#[derive(Debug, Default)]
pub struct Auth {
    /// How a refresh token becomes new tokens.
    pub refresh: Option<Login>,
    /// How a session is ended; sent with the access token as bearer. `{token}` and `{refresh}` are
    /// filled in.
    pub logout: Option<RequestTemplate>,
    /// Requests that show what a token opens.
    pub probes: Vec<Probe>,
    /// One account a role, in the order written.
    pub accounts: Vec<RoleAccount>,
    /// Seconds by which a service may take a token too early or too late.
    pub leeway_s: u32,
    /// What may differ between the two services' tokens.
    pub may_differ: Vec<MayDiffer>,
    /// Weaknesses that both services share and somebody answers for.
    pub known: Vec<Known>,
    /// How to change an account under a live token.
    pub revocation: Option<Revocation>,
    /// How careful to be with the login.
    pub lockout: Lockout,
}

/// The account that stands for a role.
#[derive(Debug)]
pub struct RoleAccount {
    /// The role, as reports spell it.
    pub role: String,
    /// Its account.
    pub account: Account,
}

/// A request sent with a token, and who may.
#[derive(Debug)]
pub struct Probe {
    /// Name in reports; `GET /path` unless given.
    pub id: String,
    /// What is sent, without its `Authorization`.
    pub request: RequestTemplate,
    /// What an answer must hold to count as letting in, for services that answer 200 to everything.
    pub opens: Option<Place>,
    /// Roles that try it, and whether it lets them in.
    pub roles: Vec<(String, bool)>,
}

impl Probe {
    /// Whether the probe lets a role in; `None` when that role does not try it.
    pub fn allows(&self, role: &str) -> Option<bool> {
        self.roles
            .iter()
            .find(|(name, _)| name == role)
            .map(|&(_, allowed)| allowed)
    }
}

/// A header field, claim or field of the login answer that may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MayDiffer {
    /// `NAME` for a claim of either token, `access.NAME`, `refresh.NAME`, `header.NAME`, `answer.PLACE`,
    /// or `life.access` and `life.refresh`.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// An accepted weakness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Name of the hostile token or of the check.
    pub probe: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it is.
    pub expires: Option<Date>,
}

impl Known {
    /// Whether it still holds on `today`.
    pub fn holds_on(&self, today: Date) -> bool {
        self.expires.is_none_or(|last| today <= last)
    }
}

impl Known {
    /// For a sentence: who accepted it, and until when.
    pub fn until(&self) -> String {
        let day = self.expires.map(|day| format!(" until {day}"));
        format!("; accepted by {}{}", self.owner, day.unwrap_or_default())
    }
}

/// How to make an account and then change it while its tokens are in use.
#[derive(Debug)]
pub struct Revocation {
    /// Role whose account makes the changes.
    pub by: String,
    /// Makes an account; `{username}`, `{password}`, `{role}` and `{run}` are filled in.
    pub create: RequestTemplate,
    /// Where the answer holds the new account's id, for `{id}`.
    pub id: Option<Place>,
    /// The new account's role.
    pub role: String,
    /// Changes by name (`demoted`, `deactivated`, `deleted`, `password`), each on an account of its own;
    /// `{id}`, `{username}` and `{new_password}` are filled in.
    pub changes: Vec<(String, RequestTemplate)>,
}

/// Limits that keep this tool from locking accounts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Failed logins after which no further one is sent to a service.
    pub max_failures: u32,
    /// Longest time to wait after a 429, in seconds.
    pub wait_s: u64,
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            max_failures: 2,
            wait_s: 1_800,
        }
    }
}
