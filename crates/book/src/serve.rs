//! Serves the pages on the loopback address, until Ctrl-C.

use std::fs::File;
use std::path::{Component, Path};

use anyhow::{Result, anyhow};
use tiny_http::{Header, Request, Response, Server};

/// Answers requests for the files below `pages`.
pub fn serve(pages: &Path, port: u16) -> Result<()> {
    let server = Server::http(("127.0.0.1", port))
        .map_err(|error| anyhow!("port {port}: {error}; --port chooses another"))?;
    println!("The book is at http://{}/ until Ctrl-C.", server.server_addr());
    for request in server.incoming_requests() {
        // A reader that went away in the middle of an answer costs that answer alone.
        let _ = answer(pages, request);
    }
    Ok(())
}

fn answer(pages: &Path, request: Request) -> std::io::Result<()> {
    let url = request.url().split(['?', '#']).next().unwrap_or("/").trim_start_matches('/');
    let mut path = pages.join(url);
    if path.is_dir() {
        path.push("index.html");
    }
    let inside = Path::new(url).components().all(|part| matches!(part, Component::Normal(_)));
    match File::open(&path) {
        Ok(file) if inside => {
            request.respond(Response::from_file(file).with_header(content_type(&path)))
        }
        _ => request.respond(Response::from_string("There is no such page.").with_status_code(404)),
    }
}

fn content_type(path: &Path) -> Header {
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    Header::from_bytes("Content-Type", kind).expect("the header is ASCII")
}
