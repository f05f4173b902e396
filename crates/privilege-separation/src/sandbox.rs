//! Layers around the plug-in's process, each tried by attacks that succeed without it.

use anyhow::Result;
use lab::{Evidence, Experiment, Lab, say};

use crate::attack::Attack;
use crate::host::{Trial, outcome};
use crate::layer::Layer;

pub const EXPERIMENT: Experiment = Experiment {
    name: "sandbox",
    question: "Which layer stops which attack?",
    claims: &["isolation-gives-security"],
    run,
};

const ATTACKS: [Attack; 5] =
    [Attack::Memory, Attack::Descriptor, Attack::File, Attack::Signal, Attack::SetUid];

// ANCHOR: rows
const ROWS: [(&str, &[Layer]); 6] = [
    ("nothing", &[]),
    ("another user", &[Layer::OtherUser]),
    ("no_new_privs", &[Layer::NoNewPrivs]),
    ("+ seccomp", &[Layer::NoNewPrivs, Layer::Seccomp]),
    ("+ Landlock", &[Layer::NoNewPrivs, Layer::Landlock]),
    ("all three", &[Layer::NoNewPrivs, Layer::Landlock, Layer::Seccomp]),
];
// ANCHOR_END: rows

fn run(_: &Lab) -> Result<Evidence> {
    let mut evidence = tell("sandbox", &ATTACKS, &ROWS)?;
    // Each layer against the row that differs from it by this layer alone.
    let layers = [
        ("another user", "nothing"),
        ("no_new_privs", "nothing"),
        ("+ seccomp", "no_new_privs"),
        ("+ Landlock", "no_new_privs"),
    ];
    let mut allowed = Vec::new();
    for (row, before) in layers {
        let layer = row.trim_start_matches("+ ");
        let fact = format!("{layer} stops");
        let cell = |row: &str, attack: Attack| {
            evidence.text(&format!("sandbox: {row}: {}", attack.name())).unwrap_or("-").to_owned()
        };
        if cell(row, Attack::Memory) == "-" {
            evidence = evidence.missing(&fact, "this layer is not allowed here");
            continue;
        }
        allowed.push(layer);
        let tried = ATTACKS.into_iter().filter(|attack| cell(before, *attack) == "yes");
        let stopped = tried.filter(|attack| !["yes", "-"].contains(&&*cell(row, *attack)));
        let stopped: Vec<&str> = stopped.map(Attack::name).collect();
        let and = if before == "nothing" { "" } else { " besides" };
        evidence = match (stopped.is_empty(), cell(before, Attack::SetUid) == "-") {
            (true, true) => {
                say!("host", "{layer} was not put to the test: only root can try set-uid");
                evidence.missing(&fact, "only root can make a set-user-ID program")
            }
            (true, false) => {
                say!("host", "{layer} stops nothing{and}");
                evidence.fact(&fact, "nothing")
            }
            (false, _) => {
                let stopped = stopped.join(", ");
                say!("host", "{layer} stops{and}: {stopped}");
                evidence.fact(&fact, stopped)
            }
        };
    }
    let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    say!("host", "allowed here: {allowed}");
    Ok(evidence.fact("layers that are allowed here", allowed))
}

/// Tries all attacks in each row's surroundings, and prints a table: does the attack succeed?
pub fn tell(experiment: &str, attacks: &[Attack], rows: &[(&str, &[Layer])]) -> Result<Evidence> {
    // Some of the attacks lead through it, and what is not there stops nobody.
    lab::proc::must_be_shown()?;
    let line = |cells: &[String]| -> String {
        let padded = attacks.iter().zip(cells).map(|(attack, cell)| {
            let width = attack.name().len().max(6);
            format!(" {cell:<width$}")
        });
        padded.collect::<String>().trim_end().to_owned()
    };
    let names: Vec<String> = attacks.iter().map(|attack| attack.name().to_owned()).collect();
    say!("host", "{:<12}{}", "around it", line(&names));
    let mut evidence = Evidence::new();
    for (row, layers) in rows {
        let trial = Trial { dumpable: true, layers, attacks };
        let found = outcome(&trial)?;
        match &found {
            Ok(found) => say!("host", "{row:<12}{}", line(&found.answers)),
            Err(why) => {
                say!("host", "{row:<12} not here:");
                for piece in lab::wrapped(why, 58).lines() {
                    say!("host", "{piece}");
                }
            }
        }
        for (index, attack) in attacks.iter().enumerate() {
            let name = format!("{experiment}: {row}: {}", attack.name());
            evidence = match &found {
                Ok(found) if found.answers[index] == "-" => {
                    evidence.missing(&name, "chown: only root can make a set-user-ID program")
                }
                Ok(found) => evidence.fact(&name, found.answers[index].as_str()),
                Err(why) => evidence.missing(&name, why.as_str()),
            };
        }
    }
    Ok(evidence)
}
