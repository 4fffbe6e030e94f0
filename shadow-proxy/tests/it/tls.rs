//! TLS on either side, with the certificates of `tests/tls`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use shadow_proxy::config::TlsConfig;
use shadow_proxy::counters::Reason;
use shadow_proxy::{Config, Proxy};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::upstream::Upstream;
use crate::wire::Wire;
use crate::{config, lost, settled};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

/// Listens on a free port and gives each connection to `relay`, until the test's process ends.
fn relay<F>(relay: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            tell.send(listener.local_addr().expect("bound"))
                .expect("the test waits");
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that fails concerns its test, which sees it.
                let _failed = tokio::spawn(relay(stream));
            }
        });
    });
    told.recv().expect("the relay listens")
}

/// Puts TLS before a service; returns its `https://` address.
fn behind_tls(service: &Upstream) -> String {
    let chain = CertificateDer::pem_file_iter(file("server.pem"))
        .and_then(Iterator::collect)
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let service = service.address;
    let address = relay(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut client = acceptor.accept(stream).await?;
            copy_bidirectional(&mut client, &mut TcpStream::connect(service).await?).await?;
            Ok(())
        }
    });
    format!("https://localhost:{}", address.port())
}

/// A port in clear that leads into TLS at `address`.
fn into_tls(address: SocketAddr) -> SocketAddr {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("ca.pem")).expect("a certificate"))
        .expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    relay(move |mut stream| {
        let connector = connector.clone();
        async move {
            let name = ServerName::try_from("localhost").expect("a name");
            let server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut stream, &mut connector.connect(name, server).await?).await?;
            Ok(())
        }
    })
}

fn over_tls(legacy: &Upstream, core: &Upstream) -> Config {
    let mut config = config(legacy, core);
    config.legacy = Some(behind_tls(legacy));
    config.core = Some(behind_tls(core));
    config.legacy_link.ca_file = Some(file("ca.pem"));
    config.core_link.ca_file = Some(file("ca.pem"));
    config
}

#[test]
fn both_services_are_reached_over_tls_with_an_authority_of_their_own() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = Proxy::start(&over_tls(&legacy, &core)).expect("a good configuration");
    let mut client = crate::client(&proxy);
    for number in 1..=3 {
        assert_eq!(client.get("/").text(), "{}");
        // One after another, so that core's connection is free again.
        assert_eq!(settled(&proxy, number).equal, number);
    }
    assert_eq!(
        (legacy.seen.connections(), core.seen.connections()),
        (1, 1),
        "kept between requests"
    );
}

#[test]
fn a_service_that_cannot_prove_its_name_is_not_spoken_to() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let mut config = over_tls(&legacy, &core);
    config.core_link.server_name = Some("core.example".to_owned());
    let proxy = Proxy::start(&config).expect("a good configuration");
    assert_eq!(crate::client(&proxy).get("/").status(), 200);
    assert_eq!(lost(&settled(&proxy, 1), Reason::CoreUnreachable), 1);
    config.legacy_link.server_name = Some("legacy.example".to_owned());
    let proxy = Proxy::start(&config).expect("a good configuration");
    assert_eq!(crate::client(&proxy).get("/").status(), 502);
    assert_eq!(
        (legacy.seen.requests().len(), core.seen.requests().len()),
        (1, 0)
    );
}

#[test]
fn clients_are_served_over_tls_and_a_bad_new_certificate_does_not_replace_the_good_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::copy(file("server.pem"), &certificate).expect("a copy");
    std::fs::copy(file("server.key"), &key).expect("a copy");
    let mut config = config(&Upstream::saying("{}"), &Upstream::saying("{}"));
    config.tls = Some(TlsConfig {
        certificate_file: certificate.clone(),
        key_file: key,
    });
    let proxy = Proxy::start(&config).expect("a good configuration");
    let port = into_tls(proxy.listen());
    assert_eq!(Wire::connect(port).get("/").text(), "{}");
    std::fs::write(&certificate, "nonsense").expect("a file");
    let error = proxy.reload().expect_err("not a certificate").to_string();
    assert!(error.contains("c.pem"), "{error}");
    assert_eq!(Wire::connect(port).get("/").text(), "{}");
    std::fs::copy(file("server.pem"), &certificate).expect("a copy");
    proxy.reload().expect("good again");
    assert_eq!(Wire::connect(port).get("/").text(), "{}");
    // A client that speaks in clear gets nothing, and stops nobody.
    let mut clear = Wire::connect(proxy.listen());
    clear.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        clear
            .message(false)
            .is_ok_and(|message| message.is_none_or(|m| m.status() == 0))
    );
    assert_eq!(Wire::connect(port).get("/").text(), "{}");
}
