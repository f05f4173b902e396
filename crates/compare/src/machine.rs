//! A machine's description, as `--json` has it, in words.

use serde_json::Value as Json;

/// What each setting is called and what is said of it, in the order of the description. A setting
/// that nobody named here is said as it is.
pub fn in_words(machine: &Json) -> Vec<(String, String)> {
    let settings = machine.as_object().into_iter().flatten();
    settings.map(|(name, value)| (named(name), said(name, value))).collect()
}

/// The first words about it.
pub fn in_short(machine: &Json) -> String {
    format!("Linux {}, {}", plainly(&machine["kernel"]), plainly(&machine["model"]))
}

fn named(name: &str) -> String {
    match name {
        "kernel" => "Kernel",
        "architecture" => "Architecture",
        "cpus_allowed" => "CPUs that may be used",
        "model" => "CPU",
        "smt" => "Several threads per core (SMT)",
        "huge_pages" => "Transparent huge pages",
        "autogroup" => "Scheduler's autogroups",
        "ptrace_scope" => "Who may trace whom (Yama)",
        "uid" => "User",
        "virtual" => "Virtual machine",
        "mitigations" => "Against speculation",
        "seccomp" => "Filter of system calls",
        "cgroup" => "Limits of the cgroup",
        "load" => "Load average",
        "libc" => "C library",
        "profile" => "Programs were built",
        "page_size" => "Page size",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

fn said(name: &str, value: &Json) -> String {
    match (name, value) {
        ("cpus_allowed", Json::Array(cpus)) => {
            let cpus: Vec<String> = cpus.iter().map(plainly).collect();
            format!("{} (CPU {})", cpus.len(), cpus.join(", "))
        }
        ("kernel", Json::String(release)) => format!("Linux {release}"),
        ("smt" | "autogroup", Json::Bool(on)) => if *on { "on" } else { "off" }.to_owned(),
        ("huge_pages", Json::String(when)) => match when.as_str() {
            "always" => "always given".to_owned(),
            "madvise" => "given to programs that ask (madvise)".to_owned(),
            "never" => "never given".to_owned(),
            other => other.to_owned(),
        },
        ("ptrace_scope", Json::Number(scope)) => match scope.as_u64() {
            Some(0) => "a process may trace all of its user (0)".to_owned(),
            Some(1) => "a process may trace its descendants (1)".to_owned(),
            Some(2) => "only who has CAP_SYS_PTRACE may trace (2)".to_owned(),
            _ => "nobody may trace (3)".to_owned(),
        },
        ("uid", Json::Number(uid)) => match uid.as_u64() {
            Some(0) => "root".to_owned(),
            _ => format!("without special rights (uid {uid})"),
        },
        ("virtual", Json::Bool(there)) => {
            if *there { "yes" } else { "no hypervisor was seen" }.to_owned()
        }
        ("seccomp", Json::String(mode)) if mode == "none" => "none".to_owned(),
        ("page_size", Json::Number(bytes)) => format!("{bytes} bytes"),
        ("load", Json::Number(load)) => load.to_string(),
        ("cgroup", Json::Object(limits)) => {
            let limits: Vec<String> = limits
                .iter()
                .filter(|(_, limit)| !limit.is_null())
                .map(|(name, limit)| format!("{name} {}", plainly(limit)))
                .collect();
            if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
        }
        (_, value) => plainly(value),
    }
}

fn plainly(value: &Json) -> String {
    match value {
        Json::Null => "not said by this machine".to_owned(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Array(values) => values.iter().map(plainly).collect::<Vec<_>>().join(", "),
        Json::Object(values) => {
            let known = values.iter().filter(|(_, value)| !value.is_null());
            let pairs = known
                .map(|(name, value)| format!("{}: {}", name.replace('_', " "), plainly(value)));
            pairs.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_in_words() {
        let described = in_words(&lab::machine::describe());
        for (name, said) in &described {
            assert!(!name.contains('_') && !said.is_empty(), "{name}: {said}");
            assert!(
                !["null", "[", "{", "true", "false"].iter().any(|raw| said.contains(raw)),
                "{said}"
            );
        }
        let cpus = serde_json::json!({ "cpus_allowed": [0, 3], "cgroup": { "memory.max": null } });
        let written = in_words(&cpus);
        assert!(written.iter().any(|(_, said)| said == "2 (CPU 0, 3)"), "{written:?}");
        assert!(written.iter().any(|(_, said)| said == "none"), "{written:?}");
    }
}
