//! Why an exchange was not compared, as a value and as a metric's label.

/// Why an exchange was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Reason {
    /// The user is outside the sample.
    SampledOut,
    /// A write, which core does not get.
    Write,
    /// A write that legacy took, under a policy that only shows core what legacy refused.
    WriteAccepted,
    /// Writes are not shadowed: the sentinel has yet to prove that the databases are apart, or has
    /// proved that they are not.
    WriteStopped,
    /// The client asked for another protocol.
    Upgrade,
    /// The request body is larger than the shadow side takes.
    RequestTooLarge,
    /// The request body broke off, or legacy answered before its end.
    RequestIncomplete,
    /// As many exchanges as allowed are waiting for core.
    TooManyInFlight,
    /// The shadow side holds as many bytes as it may.
    OutOfMemoryBudget,
    /// Legacy gave no answer.
    LegacyError,
    /// Legacy answered 429 or 503: it was not itself.
    LegacyOverloaded,
    /// Legacy's answer is larger than the shadow side takes.
    LegacyTooLarge,
    /// Legacy's answer broke off, or its client left.
    LegacyIncomplete,
    /// No connection to core.
    CoreUnreachable,
    /// Core gave no answer that HTTP knows.
    CoreError,
    /// Core's answer did not come in time.
    CoreTimeout,
    /// Core's answer is larger than the shadow side takes.
    CoreTooLarge,
    /// As many exchanges as allowed are waiting to be compared.
    CompareQueueFull,
    /// It is about an object whose id at core is unknown.
    UnmappedId,
    /// It differed while a write was under way, which may have come between the two answers, or core never got a
    /// write of such an object.
    WriteRace,
    /// No verdict was possible.
    Inconclusive,
    /// The proxy stopped first.
    Shutdown,
}

impl Reason {
    /// All reasons, in the order of their labels' first use.
    pub const ALL: [Self; 22] = [
        Self::SampledOut,
        Self::Write,
        Self::WriteAccepted,
        Self::WriteStopped,
        Self::Upgrade,
        Self::RequestTooLarge,
        Self::RequestIncomplete,
        Self::TooManyInFlight,
        Self::OutOfMemoryBudget,
        Self::LegacyError,
        Self::LegacyOverloaded,
        Self::LegacyTooLarge,
        Self::LegacyIncomplete,
        Self::CoreUnreachable,
        Self::CoreError,
        Self::CoreTimeout,
        Self::CoreTooLarge,
        Self::CompareQueueFull,
        Self::UnmappedId,
        Self::WriteRace,
        Self::Inconclusive,
        Self::Shutdown,
    ];

    /// The reason as a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SampledOut => "sampled_out",
            Self::Write => "write",
            Self::WriteAccepted => "write_accepted",
            Self::WriteStopped => "write_stopped",
            Self::Upgrade => "upgrade",
            Self::RequestTooLarge => "request_too_large",
            Self::RequestIncomplete => "request_incomplete",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::OutOfMemoryBudget => "memory_budget",
            Self::LegacyError => "legacy_error",
            Self::LegacyOverloaded => "legacy_overloaded",
            Self::LegacyTooLarge => "legacy_too_large",
            Self::LegacyIncomplete => "legacy_incomplete",
            Self::CoreUnreachable => "core_unreachable",
            Self::CoreError => "core_error",
            Self::CoreTimeout => "core_timeout",
            Self::CoreTooLarge => "core_too_large",
            Self::CompareQueueFull => "compare_queue_full",
            Self::UnmappedId => "unmapped_id",
            Self::WriteRace => "write_race",
            Self::Inconclusive => "inconclusive",
            Self::Shutdown => "shutdown",
        }
    }
}
