//! What the proxy itself adds to a request: the strict look at its bytes, the check of its head, the
//! endpoint's name; and all of it together, as one round trip through the proxy with both services
//! on this machine, against the same round trip without it.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Method, Request};
use shadow_proxy::framing::{Framing, Limits};
use shadow_proxy::{Config, Proxy, request_check, route};

const HEAD: &[u8] = b"GET /api/v1/rooms?page=0&size=15&sort=number,asc HTTP/1.1\r\n\
Host: rms.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36\r\n\
Accept: application/json, text/plain, */*\r\n\
Accept-Language: ko-KR,ko;q=0.9,en;q=0.8\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIiwiZXhwIjoxNzAwMDAwMDAwfQ.c2lnbmF0dXJl\r\n\
Referer: https://rms.example.com/rooms\r\n\
Connection: keep-alive\r\n\r\n";

const LIMITS: Limits = Limits {
    max_target_bytes: 16 << 10,
    max_head_bytes: 64 << 10,
    max_fields: 100,
    max_body_bytes: 1 << 30,
};

fn steps(criterion: &mut Criterion) {
    criterion.bench_function("framing of a head", |bencher| {
        let mut framing = Framing::new(LIMITS);
        bencher.iter(|| framing.advance(black_box(HEAD)));
    });
    criterion.bench_function("check of a head", |bencher| {
        let mut request = Request::builder().uri("/api/v1/rooms?page=0&size=15&sort=number,asc");
        let text = std::str::from_utf8(HEAD).expect("text");
        for (name, value) in text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
        {
            request = request.header(name, value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        // The copy that is checked is made, and dropped, outside the measured time.
        bencher.iter_batched_ref(
            || parts.clone(),
            |parts| request_check::check(parts, "shadow-proxy-0123456789abcdef"),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("name of an endpoint", |bencher| {
        let mut name = String::new();
        bencher.iter(|| {
            route::template(
                &Method::GET,
                black_box("/api/v1/rooms/12/histories"),
                &mut name,
            );
        });
    });
}

/// Answers every head with the same 4 KB, and keeps the connection.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let body = "x".repeat(4096);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || serve(stream, answer.as_bytes()));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &[u8]) {
    let mut held = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        held.extend_from_slice(&piece[..count]);
        if held.ends_with(b"\r\n\r\n") {
            held.clear();
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// Whether a head and 4 KB of body have come.
fn whole(answer: &[u8]) -> bool {
    let end = answer
        .windows(4)
        .take(512)
        .position(|four| four == b"\r\n\r\n");
    end.is_some_and(|end| answer.len() >= end + 4 + 4096)
}

fn round_trip(criterion: &mut Criterion) {
    let (legacy, core) = (service(), service());
    let proxy = Proxy::start(&Config {
        legacy: Some(format!("http://{legacy}")),
        core: Some(format!("http://{core}")),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    })
    .expect("a good configuration");
    for (name, address) in [
        ("without proxy", legacy),
        ("through the proxy", proxy.listen()),
    ] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let (mut piece, mut held) = (vec![0; 16 << 10], Vec::new());
        criterion.bench_function(&format!("round trip {name}"), |bencher| {
            bencher.iter(|| {
                stream.write_all(HEAD).expect("it takes the request");
                held.clear();
                while !whole(&held) {
                    let count = stream.read(&mut piece).expect("an answer");
                    held.extend_from_slice(&piece[..count]);
                }
            });
        });
    }
}

criterion_group!(benches, steps, round_trip);
criterion_main!(benches);
