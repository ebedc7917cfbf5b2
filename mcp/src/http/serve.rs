//! Binds the address, puts the layers together and serves until it is told to stop. Refuses an address that others can
//! reach unless tokens are asked for and the names it may be reached by are given.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any_service, get};
use axum::serve::ListenerExt as _;
use quarry_lifecycle::Config;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::bearer::{self, Bearer};
use super::in_flight::InFlight;
use super::rate_limit::RateLimit;
use super::{metadata, session, too_much};
use crate::Options;
use crate::options::HttpOptions;
use crate::server::Server;

/// Arguments of tools are short: a request above this is a mistake or an attack.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// Where clients find the server.
const PATH: &str = "/mcp";

/// A server that has its address and is ready to serve.
pub struct HttpServer {
    listener: TcpListener,
    router: Router,
    address: SocketAddr,
    stop: CancellationToken,
}

/// Takes the address and prepares the server, without waiting for Postgres.
///
/// # Errors
/// When the address cannot be bound, or is one that others reach and the options do not protect it.
pub async fn bind(config: Config, options: Options, stop: CancellationToken) -> Result<HttpServer> {
    let http = options.http.clone();
    let asked = http.listen.context("no address to listen on")?;
    check_exposure(asked, &http)?;
    let static_token = http.static_token()?;
    let listener = TcpListener::bind(asked)
        .await
        .with_context(|| format!("listen on {asked}"))?;
    let address = listener.local_addr().context("read the address")?;
    let must_have_token = http.require_token || static_token.is_some() || !address.ip().is_loopback();
    let server = Server::new(config, options);
    let router = router(server, &http, must_have_token, static_token, address, stop.clone());
    Ok(HttpServer {
        listener,
        router,
        address,
        stop,
    })
}

fn check_exposure(address: SocketAddr, http: &HttpOptions) -> Result<()> {
    if address.ip().is_loopback() || !http.hosts.is_empty() {
        return Ok(());
    }
    bail!(
        "{address} can be reached by others: name the hosts that clients may use for it with --allow-host, and give them \
         tokens (`quarry token create`)"
    )
}

impl HttpServer {
    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// The address that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the token given to [`bind`] fires; what is under way gets to its end.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self) -> Result<()> {
        let app = self.router.into_make_service_with_connect_info::<SocketAddr>();
        // An answer of several small writes would wait for acknowledgements between them.
        let listener = self.listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        axum::serve(listener, app)
            .with_graceful_shutdown(self.stop.cancelled_owned())
            .await
            .context("serve MCP over HTTP")
    }
}

fn router(
    server: Server,
    http: &HttpOptions,
    must_have_token: bool,
    static_token: Option<String>,
    address: SocketAddr,
    stop: CancellationToken,
) -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(allowed_hosts(http, address))
        .with_allowed_origins(allowed_origins(http, address))
        .enforce_origin_validation()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_BODY_BYTES)
        .with_cancellation_token(stop);
    let bearer = Arc::new(Bearer::new(server.clone(), static_token, must_have_token));
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let mcp = Router::new()
        .route(PATH, any_service(service))
        .layer(from_fn_with_state(Arc::new(InFlight::default()), session::follow))
        .layer(from_fn_with_state(bearer, bearer::check))
        .layer(from_fn_with_state(Arc::new(RateLimit::default()), too_much::refuse));
    Router::new()
        .merge(mcp)
        .route("/health", get(|| async { "ok\n" }))
        .route("/.well-known/oauth-protected-resource", get(metadata::describe))
        .route("/.well-known/oauth-protected-resource/mcp", get(metadata::describe))
        .fallback(|| async { (StatusCode::NOT_FOUND, "the MCP server is at /mcp\n") })
        .layer(from_fn(too_much::limit_body))
}

/// The names in a Host header: loopback's always, for a page that a browser was tricked into loading has another.
fn allowed_hosts(http: &HttpOptions, address: SocketAddr) -> Vec<String> {
    let mut hosts = http.hosts.clone();
    if address.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        hosts.push(address.ip().to_string());
    }
    hosts
}

/// Web pages that may call: those that were named, and on loopback one that this very server would serve.
fn allowed_origins(http: &HttpOptions, address: SocketAddr) -> Vec<String> {
    let mut origins = http.origins.clone();
    if address.ip().is_loopback() {
        let port = address.port();
        origins.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("http://{host}:{port}")));
    }
    origins
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_the_names_of_its_hosts() {
        let open = "0.0.0.0:0".parse().unwrap();
        let refused = check_exposure(open, &HttpOptions::default()).unwrap_err().to_string();
        assert!(
            refused.contains("--allow-host") && refused.contains("quarry token create"),
            "{refused}"
        );
        let named = HttpOptions {
            hosts: vec!["code.example".to_owned()],
            ..HttpOptions::default()
        };
        assert!(check_exposure(open, &named).is_ok());
        assert!(check_exposure("127.0.0.1:0".parse().unwrap(), &HttpOptions::default()).is_ok());
    }
}
