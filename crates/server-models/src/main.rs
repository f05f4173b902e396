//! `cargo run -p server-models`: one service, six shapes of a server.

lab::on_linux!(lab::main(&server_models::PACKAGE));
