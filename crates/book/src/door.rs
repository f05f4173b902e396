//! Answers requests: with a file of the book, or with the lines of what a page has asked to run.
//!
//! Anybody can send a request to a port of this machine: another site's page through the reader's
//! browser, a name that is made to mean 127.0.0.1, another user. So something is run only for a `POST`
//! whose `Host` is this address, whose `Origin` is a page of this server, and which carries the token
//! that stands in the pages. A page that is asked for under another name, or by another user of this
//! machine, has no token. No request says what is run otherwise than by a name that the book has.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, IF_MODIFIED_SINCE, LAST_MODIFIED, ORIGIN, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::service::TowerToHyperService;
use tokio::sync::mpsc;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_status::SetStatus;

use crate::peer::is_own_user;
use crate::run::{Place, Task};

/// The header that carries the token.
const TOKEN: HeaderName = HeaderName::from_static("x-book-token");

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// What stands between requests and the book.
pub struct Door {
    files: TowerToHyperService<ServeDir<SetStatus<ServeFile>>>,
    place: Place,
    address: SocketAddr,
    hosts: [String; 2],
    token: String,
}

impl Door {
    /// A door to the files below `pages`, and to what `place` runs.
    ///
    /// # Errors
    ///
    /// If the system has no random number for the token.
    pub fn new(pages: &Path, place: Place, address: SocketAddr) -> Result<Self> {
        let mut random = [0; 32];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut random))
            .context("read /dev/urandom")?;
        let port = address.port();
        let files = ServeDir::new(pages).not_found_service(ServeFile::new(pages.join("404.html")));
        Ok(Self {
            files: TowerToHyperService::new(files),
            place,
            address,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// How long an answer can take that tells of a run.
    pub fn longest(&self) -> Duration {
        self.place.longest()
    }

    /// Answers one request of `peer`; `runs` is set if that can take long.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        runs: &AtomicBool,
    ) -> Result<Answer, Infallible> {
        let path = request.uri().path().trim_start_matches('/');
        let answer = match path.starts_with("run/") || path.starts_with("break/") {
            true => self.run(&request, path, peer, runs).await,
            false => self.file(request, peer).await,
        };
        Ok(answer)
    }

    async fn run(
        &self,
        request: &Request<Incoming>,
        path: &str,
        peer: SocketAddr,
        runs: &AtomicBool,
    ) -> Answer {
        let header = |name: &HeaderName| {
            let mut values = request.headers().get_all(name).iter();
            let value = values.next().and_then(|value| value.to_str().ok());
            value.filter(|_| values.next().is_none()).unwrap_or_default()
        };
        if request.method() != Method::POST {
            return says(StatusCode::METHOD_NOT_ALLOWED, "Only POST runs something.");
        }
        let host = header(&HOST);
        if !self.is_own(host) {
            return says(StatusCode::FORBIDDEN, "The Host is not this server's address.");
        }
        if header(&ORIGIN) != format!("http://{host}") {
            return says(StatusCode::FORBIDDEN, "The Origin is not a page of this server.");
        }
        if !same(header(&TOKEN), &self.token) {
            return says(
                StatusCode::FORBIDDEN,
                "The page is not of this run of the server. Load it again.",
            );
        }
        if !is_own_user(peer, self.address) {
            return says(StatusCode::FORBIDDEN, "The book is served for another user.");
        }
        let Some(task) = Task::named(path, self.place.recorded()) else {
            return says(StatusCode::NOT_FOUND, "The book has nothing of that name to run.");
        };
        let Some(permit) = self.place.take().await else {
            return says(StatusCode::CONFLICT, "Something else is being run. One at a time.");
        };
        runs.store(true, Ordering::Relaxed);
        let events = Events(self.place.start(task, permit));
        let body = events.map_err(|never| match never {}).boxed_unsync();
        with_type("application/x-ndjson", Response::new(body))
    }

    async fn file(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Answer {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let own = host.is_some_and(|host| self.is_own(host));
        let head = request.method() == Method::HEAD;
        // A page holds the token of this run of the server, so it is sent anew and whole.
        for name in [IF_MODIFIED_SINCE, RANGE] {
            request.headers_mut().remove(name);
        }
        let answer = self.files.call(request).await;
        let (mut parts, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        // A book that was built again is not hidden by what the browser remembers.
        parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // No other site shows a page of ours in its own, and has its buttons pressed there.
        let alone = HeaderValue::from_static("frame-ancestors 'self'");
        parts.headers.insert(CONTENT_SECURITY_POLICY, alone);
        let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let page = !head && kind.starts_with(b"text/html");
        if !page || !own || !is_own_user(peer, self.address) {
            return Response::from_parts(parts, body.boxed_unsync());
        }
        let Ok(page) = body.collect().await else {
            return says(StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be read.");
        };
        let page = String::from_utf8_lossy(&page.to_bytes()).replacen(
            "</head>",
            &format!("<meta name=\"book-token\" content=\"{}\">\n</head>", self.token),
            1,
        );
        parts.headers.remove(LAST_MODIFIED);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
        Response::from_parts(parts, whole(page))
    }

    fn is_own(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == host)
    }
}

/// Whether two texts are the same, in a time that does not say how much of them is.
fn same(a: &str, b: &str) -> bool {
    let differing = a.bytes().zip(b.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    a.len() == b.len() && differing == 0
}

fn whole(text: String) -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// An answer of one sentence.
fn says(status: StatusCode, sentence: &str) -> Answer {
    let mut answer = Response::new(whole(sentence.to_owned()));
    *answer.status_mut() = status;
    with_type("text/plain; charset=utf-8", answer)
}

fn with_type(kind: &'static str, mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Lines that are sent as they come. The connection drops them when its reader goes.
struct Events(mpsc::Receiver<String>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let line = self.0.poll_recv(context);
        line.map(|line| line.map(|line| Ok(Frame::data(Bytes::from(line)))))
    }
}
