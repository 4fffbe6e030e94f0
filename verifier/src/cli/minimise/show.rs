//! What was found, for people and for programs. Only what the evidence shows in clear is printed.

use std::io;

use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::ask::Stop;
use super::title;
use crate::causes::minimise::Minimised;
use crate::evidence::adopt::AdoptError;
use crate::evidence::record::Group;
use crate::report::Exit;
use crate::report::live::curl::command;
use crate::report::table::printable;

const SCHEMA: &str = "verifier-minimise/1";

/// A smaller request.
pub(super) struct Found<'f> {
    pub(super) id: &'f str,
    pub(super) group: &'f Group,
    pub(super) requests: u32,
    /// Why it is not the smallest, if so.
    pub(super) stopped: Option<&'f Stop>,
    /// Legacy's address, core's.
    pub(super) bases: [&'f str; 2],
    /// Hidden values that it needs: place and class.
    pub(super) supply: Vec<(String, String)>,
    pub(super) minimised: &'f Minimised,
    /// The endpoint of the catalogue that the case belongs to.
    pub(super) in_endpoint: Option<&'f str>,
    pub(super) case: Result<Vec<String>, AdoptError>,
}

impl Found<'_> {
    pub(super) fn exit(&self) -> Exit {
        if self.minimised.is_minimal {
            Exit::Green
        } else {
            Exit::Incomplete
        }
    }

    fn commands(&self) -> [String; 2] {
        self.bases
            .map(|base| command(base, &self.minimised.request))
    }

    pub(super) fn text(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let bold = Style::new().bold();
        let Minimised {
            needed,
            left_away,
            shortened,
            is_minimal,
            ..
        } = self.minimised;
        writeln!(
            out,
            "{}",
            printable(&title(self.id, self.group)).style(bold)
        )?;
        let of = needed.len() + left_away.len();
        let minimal = match (is_minimal, self.stopped) {
            (true, _) => "no single one can go".to_owned(),
            (false, Some(stop)) => stop.to_string(),
            (false, None) => Stop::Bound.to_string(),
        };
        let requests = self.requests;
        writeln!(
            out,
            "  {} of {of} parts needed after {requests} requests to legacy: {minimal}",
            needed.len()
        )?;
        for (word, places) in [
            ("needed", needed),
            ("shortened", shortened),
            ("left away", left_away),
        ] {
            if !places.is_empty() {
                writeln!(out, "  {word:<10} {}", printable(&places.join(", ")))?;
            }
        }
        for (place, class) in &self.supply {
            writeln!(
                out,
                "  {:<10} <{}> at {}: hidden in the evidence",
                "fill in",
                printable(class),
                printable(place)
            )?;
        }
        writeln!(out)?;
        for line in self.commands() {
            writeln!(out, "{}", printable(&line))?;
        }
        writeln!(out)?;
        match &self.case {
            Ok(lines) => {
                match self.in_endpoint {
                    Some(endpoint) => {
                        writeln!(out, "As a case of `{}`:", printable(endpoint))?;
                    }
                    None => writeln!(out, "As an endpoint of the catalogue:")?,
                }
                for line in lines {
                    writeln!(out, "  {}", printable(line))?;
                }
                Ok(())
            }
            Err(why) => writeln!(out, "It becomes no case by itself: {why}"),
        }
    }

    pub(super) fn json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let [legacy, core] = self.commands();
        let supply = self.supply.iter();
        let supply: Vec<Value> = supply
            .map(|(place, class)| json!({"place": place, "class": class}))
            .collect();
        let value = json!({
            "schema": SCHEMA,
            "exit_code": self.exit() as u8,
            "group": self.id,
            "key": self.group.key,
            "shown": true,
            "minimal": self.minimised.is_minimal,
            "reason": self.stopped.map(ToString::to_string),
            "requests": self.requests,
            "needed": self.minimised.needed,
            "left_away": self.minimised.left_away,
            "shortened": self.minimised.shortened,
            "request": self.minimised.request,
            "curl": {"legacy": legacy, "core": core},
            "supply": supply,
            "case_of": self.in_endpoint,
            "case": self.case.as_ref().ok().map(|lines| lines.join("\n")),
        });
        serde_json::to_writer_pretty(&mut *out, &value)?;
        out.write_all(b"\n")
    }
}

/// Nothing smaller.
pub(super) struct Missed<'f> {
    pub(super) id: &'f str,
    pub(super) group: &'f Group,
    pub(super) requests: u32,
    pub(super) stop: Stop,
    /// Hidden values that nobody gave: place and class.
    pub(super) unsupplied: &'f [(String, String)],
}

impl Missed<'_> {
    pub(super) fn text(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let bold = Style::new().bold();
        writeln!(
            out,
            "{}",
            printable(&title(self.id, self.group)).style(bold)
        )?;
        writeln!(out, "  {}", printable(&self.stop.to_string()).yellow())?;
        if matches!(self.stop, Stop::NotShown(_)) {
            for (place, class) in self.unsupplied {
                let (place, class) = (printable(place), printable(class));
                let what = match place.strip_prefix("header:") {
                    Some(_) => "left away",
                    None => "made up",
                };
                writeln!(
                    out,
                    "  {place} ({class}) is hidden in the evidence and was {what}: give it with `--value-env \
                     '{place}=VAR'`{}",
                    if place == "header:authorization" {
                        " or log in with `--account`"
                    } else {
                        ""
                    }
                )?;
            }
        }
        Ok(())
    }

    pub(super) fn json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let unsupplied = self.unsupplied.iter();
        let unsupplied: Vec<Value> = unsupplied
            .map(|(place, class)| json!({"place": place, "class": class}))
            .collect();
        let value = json!({
            "schema": SCHEMA,
            "exit_code": Exit::Incomplete as u8,
            "group": self.id,
            "key": self.group.key,
            "shown": false,
            "reason": self.stop.to_string(),
            "requests": self.requests,
            "unsupplied": unsupplied,
        });
        serde_json::to_writer_pretty(&mut *out, &value)?;
        out.write_all(b"\n")
    }
}
