//! The HTML report in a real browser: it can be looked at in both schemes, and nothing that a service
//! answers is more than text in it.

use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Package, RawServer, Received, Reply, verifier};

const CATALOGUE: &str = r#"
data: synthetic
endpoints:
  - { id: notes, path: /notes, description: "Notes <b>of</b> rooms", expected_status: 200 }
  - { id: page, path: /page, description: A page, expected_status: 200 }
  - { id: text, path: /text, description: Text, expected_status: 200 }
"#;

/// Whatever might run, load or hide something, with `LEAK` for an address that tells whether it did.
const HOSTILE: &str = concat!(
    "</code></pre></td></div></details></style></title></textarea>",
    "<script>document.title='owned';document.documentElement.id='owned';new Image().src='LEAK/script'</script>",
    "<img src='LEAK/img' onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\"><image href='LEAK/svg'/></svg>",
    "<iframe src='LEAK/frame' srcdoc=\"<script>top.document.title='owned'</script>\"></iframe>",
    "<link rel=stylesheet href='LEAK/css'><style>body{display:none;background:url(LEAK/url)}</style>",
    "<meta http-equiv=refresh content='0;url=LEAK/refresh'><base href='LEAK/base/'>",
    "<a href=\"javascript:document.title='owned'\" autofocus onfocus=\"document.title='owned'\">x</a>",
    "<object data='LEAK/object'></object><video src='LEAK/video' autoplay></video>",
    "\u{202e}\u{0}]]>--><!--",
);

/// Counts what a browser fetches.
struct Leak {
    server: RawServer,
    hits: Arc<AtomicUsize>,
}

impl Leak {
    fn start() -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hits);
        let server = RawServer::start(move |_: &Received| {
            counted.fetch_add(1, Ordering::SeqCst);
            Reply::json("{}")
        });
        Self { server, hits }
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

fn service(hostile: Option<String>) -> RawServer {
    RawServer::start(move |received: &Received| {
        let text = hostile.as_deref().unwrap_or("a friendly text");
        let json = serde_json::json!({"rows": [{"id": 1, "note": text}, {"id": 2, "note": "the same"}], text: 1});
        match received.path() {
            "/notes" => Reply::json(&json.to_string()),
            "/page" => Reply::of("200 OK", "text/html", text),
            _ => {
                let tag = if hostile.is_some() {
                    "\"><script>document.title='owned'</script>"
                } else {
                    "none"
                };
                Reply::with(
                    "200 OK",
                    &format!("Content-Type: text/plain\r\nX-Tag: {tag}\r\n"),
                    text,
                )
            }
        }
    })
}

/// Runs the browser without a window; what it printed.
fn chromium(folder: &Path, page: &Path, args: &[&str]) -> String {
    let output = Command::new("chromium")
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--window-size=1280,1800", "--virtual-time-budget=3000"])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(args)
        .arg(format!("file://{}", page.display()))
        .env("HOME", folder)
        .output()
        .expect("Debian's package `chromium` is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A picture of a page, as it looks to somebody.
struct Picture {
    size: (u32, u32),
    colours: usize,
    /// Mean of all channels, `0.0..=255.0`.
    light: f64,
}

fn picture(folder: &Path, page: &Path, scheme: &str) -> Picture {
    let path = folder.join("page.png");
    let shot = format!("--screenshot={}", path.display());
    let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
    chromium(folder, page, &[&shot, &scheme]);
    let file = BufReader::new(fs::File::open(&path).expect("a picture"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
    let frame = reader.next_frame(&mut bytes).expect("one frame");
    let pixel = bytes.len() / (frame.width as usize * frame.height as usize);
    let colours: std::collections::HashSet<&[u8]> = bytes.chunks_exact(pixel).collect();
    let sum: u64 = bytes
        .chunks_exact(pixel)
        .flat_map(|one| &one[..3])
        .map(|&c| u64::from(c))
        .sum();
    let light = sum as f64 / (3.0 * (bytes.len() / pixel) as f64);
    Picture {
        size: (frame.width, frame.height),
        colours: colours.len(),
        light,
    }
}

#[test]
fn a_report_on_hostile_answers_shows_in_a_browser_and_runs_and_loads_nothing() {
    let leak = Leak::start();
    let hostile = HOSTILE.replace("LEAK", &leak.server.url());
    let (legacy, core) = (service(None), service(Some(hostile.clone())));
    let package = Package::with_catalogue(CATALOGUE);
    let folder = package.path();
    let run = |args: &[&str]| {
        let output = verifier()
            .args(args)
            .current_dir(folder)
            .output()
            .expect("the program runs");
        output.status.code()
    };
    assert_eq!(
        run(&["record", "--legacy", &legacy.url(), "--accept"]),
        Some(0)
    );
    let replay = [
        "replay",
        "--candidate",
        &core.url(),
        "--report",
        "html=report.html",
    ];
    assert_eq!(run(&replay), Some(1), "the hostile service differs");
    let report = folder.join("report.html");
    let text = fs::read_to_string(&report).expect("a report");
    assert!(
        text.contains("document.title=&#39;owned&#39;"),
        "it shows what was answered"
    );

    let dom = chromium(folder, &report, &["--dump-dom"]);
    let title = |dom: &str| {
        let rest = dom.split_once("<title>").map_or("", |(_, rest)| rest);
        rest.split_once("</title>")
            .map_or("", |(title, _)| title)
            .to_owned()
    };
    assert!(title(&dom).starts_with("replay: "), "{}", title(&dom));
    assert!(!dom.contains("id=\"owned\""));
    for element in [
        "<script", "<img", "<iframe", "<svg", "<object", "<video", "<base", "<link",
    ] {
        assert!(!dom.contains(element), "{element} came alive");
    }
    let dark = picture(folder, &report, "0");
    let light = picture(folder, &report, "1");
    for picture in [&dark, &light] {
        assert_eq!(picture.size, (1280, 1800));
        assert!(
            picture.colours > 50,
            "{} colours: nothing is shown",
            picture.colours
        );
    }
    assert!(
        dark.light < 90.0 && light.light > 200.0,
        "dark {:.0}, light {:.0}",
        dark.light,
        light.light
    );
    assert_eq!(leak.hits(), 0, "the report loads something");

    // The same bodies as a page of their own are not harmless: the checks above can fail.
    let control = folder.join("control.html");
    fs::write(
        &control,
        format!("<title>replay: </title>{}", hostile.replace("<meta", "<m")),
    )
    .expect("a file");
    let dom = chromium(folder, &control, &["--dump-dom"]);
    assert!(title(&dom) == "owned" && dom.contains("<img"), "{dom}");
    assert!(leak.hits() > 0);
}
