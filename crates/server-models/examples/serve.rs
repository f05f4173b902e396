//! One of the servers, alone, for a load generator of your choice:
//!
//! ```console
//! $ cargo run -q -p server-models --example serve -- pool
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    let names = server_models::PACKAGE.experiments.iter().map(|experiment| experiment.name);
    let names: Vec<&str> = names.collect();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name] = &arguments[..] else {
        eprintln!("serve: name one server: {}", names.join(", "));
        return ExitCode::from(2);
    };
    if !names.contains(&name.as_str()) {
        eprintln!("serve: there is no server {name:?}: {}", names.join(", "));
        return ExitCode::from(2);
    }
    match server_models::serve(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error:#}");
            ExitCode::FAILURE
        }
    }
}
