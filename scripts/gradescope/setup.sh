#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image: Rust, the grader, and what it compiles with.
set -euo pipefail
export CARGO_HOME=/opt/cargo RUSTUP_HOME=/opt/rustup PATH="/opt/cargo/bin:$PATH"
apt-get update
apt-get install --yes --no-install-recommends build-essential ca-certificates curl
curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
cd /autograder/source
cargo grade prepare        # builds the grader and all that it needs, or ends here
cargo grade doctor || true # which isolation is in force here
