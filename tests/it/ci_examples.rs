//! The examples for CI as they stand: every shell line is run, in order, with stand-ins for the programs
//! that reach out of the machine, which write down what they were told.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Package, RawServer, Received, Reply, root};

/// One read behind a login, as a team that begins with the example may have.
const CATALOGUE: &str = r#"
data: synthetic
test_accounts:
  user: { username: user, password: { env: VERIFIER_PASSWORD } }
auth:
  login: { path: /login, body: { username: "{username}", password: "{password}" }, access: /token }
endpoints:
  - { id: seats, path: /seats, description: All, auth: true, account: user, expected_status: 200 }
"#;

fn example(name: &str) -> Value {
    let path = root().join("examples/ci").join(name);
    let text = fs::read_to_string(path).expect("it is committed");
    verifier::yaml::read(&text).expect("YAML without a key twice")
}

/// A service whose seats are `free`, for whoever logs in with the password of the example's secret.
fn service(free: u32) -> RawServer {
    RawServer::start(move |received: &Received| match received.path() {
        "/login" if received.body.contains("s3cret-of-ci") => Reply::json(r#"{"token":"t"}"#),
        "/seats" if received.head.contains("Bearer t") => {
            Reply::json(&format!(r#"{{"free":{free}}}"#))
        }
        _ => Reply::of("401 Unauthorized", "application/json", "{}"),
    })
}

/// A checkout with golden files of a service with three free seats, and a folder of programs.
struct Checkout {
    package: Package,
    programs: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        let package = Package::with_catalogue(CATALOGUE);
        let programs = tempfile::tempdir().expect("a place for test files");
        let verifier = env!("CARGO_BIN_EXE_verifier-under-test");
        symlink(verifier, programs.path().join("verifier")).expect("a new link");
        for name in ["cargo", "gh", "curl"] {
            let log = programs.path().join(format!("{name}.log"));
            let text = format!(
                "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done >> '{}'\n",
                log.display()
            );
            let path = programs.path().join(name);
            fs::write(&path, text).expect("a new file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .expect("a file of our own");
        }
        let checkout = Self { package, programs };
        let legacy = service(3);
        let record = format!("verifier record --legacy {} --accept", legacy.url());
        assert_eq!(checkout.run(&record, &[]), 0);
        checkout
    }

    /// Runs a script as the CI's shell does; its exit code.
    fn run(&self, script: &str, more: &[(&str, &str)]) -> i32 {
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            self.programs.path().display()
        );
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", script])
            .env_clear()
            .env("PATH", path)
            .env("VERIFIER_PASSWORD", "s3cret-of-ci")
            .envs(more.iter().copied())
            .current_dir(self.package.path())
            .output()
            .expect("bash is there, as for `tests/run`");
        output.status.code().expect("it ends by itself")
    }

    /// The words that a stand-in was called with, a line each.
    fn told(&self, program: &str) -> Vec<String> {
        let log = self.programs.path().join(format!("{program}.log"));
        let text = fs::read_to_string(log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.package.path().join(name)).unwrap_or_default()
    }
}

/// `cargo install --path DIR --locked` builds a program of this name from this repository.
fn assert_installs_the_program(words: &[String]) {
    let folder = words.get(2).map_or("", String::as_str);
    assert_eq!(words, ["install", "--path", folder, "--locked"]);
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml"));
    assert!(manifest.expect("a package").contains("name = \"verifier\""));
    assert!(root().join("Cargo.lock").exists());
}

/// The verdict that both examples leave behind, in all their reports.
fn assert_reports(checkout: &Checkout, exit: i32) {
    let report: Value = serde_json::from_str(&checkout.read("replay.json")).expect("a report");
    assert_eq!(report["exit_code"], exit);
    let wanted = if exit == 0 { "1/1" } else { "/free" };
    for name in ["replay.md", "replay.html"] {
        assert!(
            checkout.read(name).contains(wanted),
            "{name} does not say {wanted}"
        );
    }
    assert!(checkout.read("replay.xml").contains("<testsuite"));
    let pending = checkout.package.path().join("pending");
    let pending = fs::read_dir(pending).map_or(0, Iterator::count);
    assert_eq!(pending > 0, exit == 1, "{pending} pending files");
}

#[test]
fn every_line_of_the_github_example_runs_and_its_actions_are_pinned() {
    let workflow = example("github-workflow.yml");
    let job = &workflow["jobs"]["replay"];
    let steps = job["steps"].as_array().expect("steps");
    for uses in steps.iter().filter_map(|step| step["uses"].as_str()) {
        let (_, version) = uses.split_once('@').expect("an action with a version");
        let pinned = version.len() == 40 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(pinned, "{uses} can change under the same name");
    }
    for (free, exit) in [(3, 0), (2, 1)] {
        let checkout = Checkout::new();
        let core = service(free);
        let page = checkout.package.path().join("summary.md");
        let mut failed = false;
        for step in steps {
            let Some(run) = step["run"].as_str() else {
                continue;
            };
            let condition = step["if"].as_str().unwrap_or_default();
            if failed && !condition.contains("always()") {
                continue;
            }
            let script = run.replace("${{ github.event.pull_request.number }}", "17");
            assert!(
                !script.contains("${{"),
                "{script}: an expression in a script is an injection"
            );
            let more = [
                ("CANDIDATE_URL", core.url()),
                ("GITHUB_STEP_SUMMARY", page.display().to_string()),
                ("GH_TOKEN", "made-up".to_owned()),
            ];
            let more = more.each_ref().map(|(name, value)| (*name, value.as_str()));
            let code = checkout.run(&script, &more);
            if step["name"] == "replay" {
                assert_eq!(code, exit, "{script}");
            } else {
                assert_eq!(code, 0, "{script}");
            }
            failed |= code != 0;
        }
        assert_eq!(failed, exit != 0);
        assert_reports(&checkout, exit);
        assert_eq!(checkout.read("summary.md"), checkout.read("replay.md"));
        assert_installs_the_program(&checkout.told("cargo"));
        let told = checkout.told("gh").join(" ");
        assert_eq!(
            told,
            "pr comment 17 --body-file replay.md --edit-last --create-if-none"
        );
        let artifact = steps.iter().find(|step| !step["with"]["path"].is_null());
        let kept = artifact.expect("an upload")["with"]["path"]
            .as_str()
            .expect("paths");
        assert_kept(&checkout, kept.lines(), exit);
    }
}

/// Everything that the example keeps is there; pending files only where something differs.
fn assert_kept<'a>(checkout: &Checkout, kept: impl Iterator<Item = &'a str>, exit: i32) {
    for name in kept {
        let there =
            Path::new(name).components().count() > 0 && checkout.package.path().join(name).exists();
        assert!(
            there || (exit == 0 && name == "pending/"),
            "{name} is not there"
        );
    }
}

#[test]
fn every_line_of_the_gitlab_example_runs() {
    let job = example("gitlab-ci.yml")["replay"].clone();
    let lines = |key: &str| -> Vec<String> {
        let lines = job[key].as_array().expect("a list of lines").iter();
        lines
            .map(|line| line.as_str().expect("a line").to_owned())
            .collect()
    };
    for (free, exit) in [(3, 0), (2, 1)] {
        let checkout = Checkout::new();
        let core = service(free);
        let url = core.url();
        let of_request = [
            ("CANDIDATE_URL", url.as_str()),
            ("CI_MERGE_REQUEST_IID", "17"),
            ("COMMENT_TOKEN", "made-up"),
            ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
            ("CI_PROJECT_ID", "5"),
        ];
        assert_eq!(checkout.run(&lines("script").join("\n"), &of_request), exit);
        assert_eq!(
            checkout.run(&lines("after_script").join("\n"), &of_request),
            0
        );
        assert_reports(&checkout, exit);
        assert_installs_the_program(&checkout.told("cargo"));
        let told = checkout.told("curl");
        assert!(told.contains(&"body=<replay.md".to_owned()), "{told:?}");
        let address = "https://gitlab.example/api/v4/projects/5/merge_requests/17/notes";
        assert_eq!(told.last().map(String::as_str), Some(address));
        let paths = job["artifacts"]["paths"].as_array().expect("a list");
        let paths = paths.iter().chain([&job["artifacts"]["reports"]["junit"]]);
        assert_kept(
            &checkout,
            paths.map(|path| path.as_str().expect("a path")),
            exit,
        );
        // outside a merge request nobody is told
        let before = told.len();
        let outside = &of_request[..1];
        assert_eq!(checkout.run(&lines("after_script").join("\n"), outside), 0);
        assert_eq!(checkout.told("curl").len(), before);
    }
}
