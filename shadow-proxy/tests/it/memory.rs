//! R4: what core sends costs the proxy a bounded amount of memory, however much it unfolds to.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::stopping::Program;
use crate::upstream::Upstream;
use crate::wire::Wire;

const MIB: usize = 1 << 20;

/// `count` times `piece`, in gzip.
fn bomb(piece: &[u8], count: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let many = piece.repeat(MIB / piece.len());
    for _ in 0..count * piece.len() / many.len() {
        encoder.write_all(&many).expect("into memory");
    }
    encoder.finish().expect("into memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

/// Most memory that a process ever held, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("a running process");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok());
    kib.expect("a number")
}

#[test]
fn r4_a_bomb_in_gzip_costs_no_more_than_its_cap() {
    let zeros = bomb(&[0], 512 * MIB);
    let bombs = [
        ("512 MiB of NUL", "gzip", zeros.clone()),
        ("a bomb in a bomb", "gzip, gzip", gzip(&zeros)),
        ("15 MiB of numbers", "gzip", bomb(b"[1,", 15 * MIB)),
        ("15 MiB of brackets", "gzip", bomb(b"[", 15 * MIB)),
        (
            "15 MiB of strings",
            "gzip",
            gzip(format!("[{}1]", "\"\",".repeat(5 * MIB)).as_bytes()),
        ),
    ];
    for (name, coding, body) in bombs {
        assert!(
            body.len() < 2 * MIB,
            "{name}: {} bytes pass the cap",
            body.len()
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), &body].concat();
        let core = Upstream::answering(move |_| answer.clone());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("live.db");
        let program = Program::start(
            &Upstream::saying("{}"),
            &core,
            &["--evidence", file.to_str().expect("plain")],
        );
        let mut wire = Wire::connect(program.listen);
        assert_eq!(wire.get("/").status(), 200);
        let before = peak_kib(program.pid());
        for _ in 0..3 {
            assert_eq!(wire.get("/rooms").status(), 200);
        }
        program.settled();
        let most = peak_kib(program.pid());
        assert!(
            most < before + (64 << 10),
            "{name}: {before} KiB, then {most} KiB"
        );
        let counted = "shadow_proxy_not_compared_total{reason=\"core_too_large\"} 4";
        assert!(
            program.metrics().contains(counted),
            "{name}: {}",
            program.metrics()
        );
        program.signal("-KILL");
        let _killed = program.end();
    }
}
