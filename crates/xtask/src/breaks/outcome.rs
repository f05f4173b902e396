//! What a break changed, against what it must change.

use breaks::Break;
use lab::{Absent, Evidence, Fact, NoEvidence, Value, Verdict};

use super::scratch::Refusal;
use super::seen::{Judged, Run, Seen};

/// A break that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The package.
    pub package: String,
    /// The break.
    pub one: Break,
    /// The experiment without it.
    pub before: Seen,
    /// What became of it.
    pub outcome: Outcome,
    /// What further runs of it told, where they were asked for.
    pub stories: Vec<Vec<String>>,
}

/// What became of a break.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It changed what it must, and nothing else; or the compiler refused it, as it must.
    AsExpected(Shown),
    /// This machine cannot show it, for this reason.
    NotHere(String),
    /// It did otherwise.
    Otherwise {
        /// In a sentence each.
        faults: Vec<String>,
        /// What was seen of it, if it ran.
        shown: Option<Shown>,
    },
}

/// What was seen of a break.
#[derive(Clone, Debug)]
pub enum Shown {
    /// It ran.
    Ran {
        /// The experiment with the break.
        after: Seen,
        /// Facts that the break names or that changed, before and after.
        facts: Vec<(String, String, String)>,
        /// Verdicts that changed, before and after.
        verdicts: Vec<(Judged, Judged)>,
    },
    /// What the compiler said.
    Refused(String),
}

/// Facts of `before` and `after` that are counts, truths or words, differ, and are not named.
pub fn unnamed_changes(one: &Break, before: &Evidence, after: &Evidence) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for fact in before.facts().iter().chain(after.facts()) {
        let value = |evidence: &Evidence| evidence.value(&fact.name).ok().cloned();
        if !is_measured(fact)
            && !one.expect.facts.contains_key(&fact.name)
            && value(before) != value(after)
            && !names.contains(&fact.name.as_str())
        {
            names.push(&fact.name);
        }
    }
    names.into_iter().map(str::to_owned).collect()
}

/// A figure, which comes out otherwise in every run.
fn is_measured(fact: &Fact) -> bool {
    let fraction = matches!(fact.value, Value::Number(number) if number.fract() != 0.0);
    fact.samples.is_some() || !fact.unit.is_empty() || fraction
}

/// Judges a break by what was seen without it and with it. `varies` tells of a fact whether it
/// comes out otherwise without a break, too.
pub fn judge(one: &Break, before: &Run, after: &Run, varies: &dyn Fn(&str) -> bool) -> Outcome {
    let (Some(was), Some(is)) =
        (before.experiment(&one.experiment), after.experiment(&one.experiment))
    else {
        let faults = vec![format!("the experiment '{}' did not run", one.experiment)];
        return Outcome::Otherwise { faults, shown: None };
    };
    let (mut faults, mut not_here) = (Vec::new(), None);
    let may_fail = one.expect.verdicts.values().any(|words| words == Verdict::Failed.words());
    let none = Evidence::new();
    let then = was.evidence.as_ref().unwrap_or(&none);
    let now = is.evidence.as_ref().unwrap_or(&none);
    match &was.evidence {
        Err(NoEvidence::Unavailable(why)) => not_here = Some(why.clone()),
        Err(NoEvidence::Failed(why)) => faults.push(format!("it fails without the break: {why}")),
        Ok(_) => {}
    }
    match &is.evidence {
        Err(NoEvidence::Unavailable(why)) => not_here = Some(why.clone()),
        Err(NoEvidence::Failed(why)) if !may_fail => {
            faults.push(format!("the experiment failed: {why}"))
        }
        _ => {}
    }
    let busy = then.busy().or(now.busy()).map(str::to_owned);
    let measured = |name: &str| {
        now.facts().iter().chain(then.facts()).any(|fact| fact.name == name && is_measured(fact))
    };
    for (name, expected) in &one.expect.facts {
        // What others took a part of is no figure of this experiment's.
        if let (Ok(value), true, Some(busy)) = (now.value(name), measured(name), &busy) {
            let is_so = |value: &Value| expected.fits(value);
            if !is_so(value) || then.value(name).is_ok_and(is_so) {
                not_here = Some(busy.clone());
                continue;
            }
        }
        match now.value(name) {
            Ok(value) if !expected.fits(value) => {
                faults.push(format!("`{name}` is {value}, not {expected}"));
            }
            Ok(_) if then.value(name).is_ok_and(|value| expected.fits(value)) => {
                faults.push(format!("`{name}` is {expected} without the break, too"));
            }
            Ok(_) => {}
            Err(Absent::Declared { why, .. }) => not_here = Some(why),
            Err(Absent::Undeclared(_)) if may_fail => {}
            Err(Absent::Undeclared(why)) => faults.push(why),
        }
    }
    let inconclusive = Verdict::Inconclusive.words();
    let mut verdicts = Vec::new();
    for turned in &after.claims {
        let Some(straight) = before.claims.iter().find(|claim| claim.id == turned.id) else {
            continue;
        };
        match one.expect.verdicts.get(&turned.id) {
            Some(words) if turned.verdict != *words => {
                let fault = format!(
                    "the verdict of {} is '{}', not '{words}': {}",
                    turned.id, turned.verdict, turned.because
                );
                // An inconclusive verdict has its reason in this machine, unless the break made it.
                let here = straight.verdict == inconclusive || turned.because.contains("busy");
                match turned.verdict == inconclusive && here {
                    true => not_here = Some(turned.because.clone()),
                    false => faults.push(fault),
                }
            }
            Some(words) if straight.verdict == *words => {
                faults.push(format!("{} is '{words}' without the break, too", turned.id));
            }
            None if turned.verdict != straight.verdict
                && ![&turned.verdict, &straight.verdict].contains(&&inconclusive.to_owned()) =>
            {
                faults.push(format!(
                    "something else changed: the verdict of {} from '{}' to '{}'",
                    turned.id, straight.verdict, turned.verdict
                ));
            }
            _ => {}
        }
        if turned.verdict != straight.verdict {
            verdicts.push((straight.clone(), turned.clone()));
        }
    }
    for id in one.expect.verdicts.keys() {
        if !after.claims.iter().any(|claim| claim.id == *id) {
            faults.push(format!("the claim {id} was not judged"));
        }
    }
    let (told, tells) = (folded(&was.story), folded(&is.story));
    for phrase in &one.expect.lines {
        let words = folded(std::slice::from_ref(phrase));
        if !tells.contains(&words) {
            faults.push(format!("no line says \"{phrase}\""));
        } else if told.contains(&words) {
            faults.push(format!("a line says \"{phrase}\" without the break, too"));
        }
    }
    let changed = match is.evidence.is_ok() {
        true => unnamed_changes(one, then, now),
        false => Vec::new(),
    };
    let value = |evidence: &Evidence, name: &str| {
        let fact = evidence.facts().iter().find(|fact| fact.name == name);
        fact.map_or_else(
            || "none".to_owned(),
            |fact| format!("{} {}", fact.value, fact.unit).trim_end().to_owned(),
        )
    };
    let mut facts = Vec::new();
    for name in one.expect.facts.keys() {
        facts.push((name.clone(), value(then, name), value(now, name)));
    }
    for name in changed.into_iter().filter(|name| !varies(name)) {
        let (was, is) = (value(then, &name), value(now, &name));
        faults.push(format!("something else changed: `{name}` from {was} to {is}"));
        facts.push((name, was, is));
    }
    let shown = Shown::Ran { after: is.clone(), facts, verdicts };
    match (faults.is_empty(), not_here) {
        (_, Some(why)) => Outcome::NotHere(why),
        (true, None) => Outcome::AsExpected(shown),
        (false, None) => Outcome::Otherwise { faults, shown: Some(shown) },
    }
}

/// Judges a break that must not compile by what the compiler said.
pub fn judge_refusal(one: &Break, code: &str, refusals: &[&Refusal]) -> Outcome {
    let otherwise = |fault: String| Outcome::Otherwise { faults: vec![fault], shown: None };
    match refusals {
        [] => otherwise("it compiles".to_owned()),
        refusals if !refusals.iter().any(|refusal| refusal.code.as_deref() == Some(code)) => {
            otherwise(format!("the compiler says something else: {}", refusals[0].text))
        }
        refusals => match refusals.iter().find(|r| r.file.as_deref() != Some(&one.file)) {
            Some(elsewhere) => otherwise(format!("it breaks another file: {}", elsewhere.text)),
            None => {
                let of_code = |r: &&&Refusal| r.code.as_deref() == Some(code);
                let said = refusals.iter().find(of_code).map_or("", |r| r.text.as_str());
                let more = match refusals.len() - 1 {
                    0 => String::new(),
                    1 => "\n\nand one more error".to_owned(),
                    more => format!("\n\nand {more} more errors"),
                };
                Outcome::AsExpected(Shown::Refused(format!("{said}{more}")))
            }
        },
    }
}

/// The words of all lines, so that a phrase is found also where a line was broken.
fn folded(lines: &[String]) -> String {
    lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(expect: &str) -> Break {
        let text = format!(
            "[[break]]\nname = \"x\"\nfile = \"src/x.rs\"\nexperiment = \"x\"\nfind = \"a\"\n\
             replace = \"b\"\nasks = \"What?\"\nbecause = \"So.\"\n[break.expect]\n{expect}"
        );
        breaks::parse(&text).unwrap().remove(0)
    }

    fn run(evidence: Evidence, verdict: &str) -> Run {
        let judged = Judged {
            id: "c".into(),
            claim: "C.".into(),
            verdict: verdict.into(),
            expected: "holds".into(),
            because: String::new(),
            cannot_turn: None,
        };
        let story = vec!["x: Why?".into(), format!("[main 1] it {verdict}")];
        let seen = Seen { name: "x".into(), story, evidence: Ok(evidence) };
        Run { experiments: vec![seen], claims: vec![judged] }
    }

    fn faults(expect: &str, before: &Run, after: &Run) -> String {
        match judge(&one(expect), before, after, &|_| false) {
            Outcome::AsExpected(_) => String::new(),
            Outcome::NotHere(why) => format!("not here: {why}"),
            Outcome::Otherwise { faults, .. } => faults.join("; "),
        }
    }

    #[test]
    fn a_break_must_change_what_it_says_and_nothing_else() {
        let whole = run(Evidence::new().fact("kept", true).fact("count", 3), "holds");
        let broken = run(Evidence::new().fact("kept", false).fact("count", 3), "does not hold");
        let all = "facts = { kept = false }\nverdicts = { c = \"does not hold\" }\n\
                   lines = [\"it does not hold\"]";
        assert_eq!(faults(all, &whole, &broken), "");
        assert!(faults(all, &whole, &whole).contains("`kept` is yes, not no"));
        assert!(faults(all, &broken, &broken).contains("without the break, too"));
        let more = run(Evidence::new().fact("kept", false).fact("count", 4), "does not hold");
        assert!(faults(all, &whole, &more).contains("`count` from 3 to 4"));
        let silent = faults("facts = { kept = false }", &whole, &broken);
        assert!(silent.contains("something else changed: the verdict of c"), "{silent}");
        assert!(faults("lines = [\"nobody\"]", &whole, &whole).contains("no line says"));
    }

    #[test]
    fn measured_figures_may_change_and_varying_facts_too() {
        let with = |figure: f64, count: u32| {
            run(
                Evidence::new()
                    .fact("kept", count > 3)
                    .measured("t", figure, "ns")
                    .fact("n", count),
                "holds",
            )
        };
        let (whole, broken) = (with(1.5, 3), with(2.0, 4));
        let one = one("facts = { kept = true }");
        assert!(matches!(judge(&one, &whole, &broken, &|n| n == "n"), Outcome::AsExpected(_)));
        assert!(matches!(judge(&one, &whole, &broken, &|_| false), Outcome::Otherwise { .. }));
    }

    #[test]
    fn a_figure_that_is_wrong_on_a_busy_machine_is_no_fault() {
        let with = |figure: f64, busy: Option<&str>| {
            let mut evidence = Evidence::new().measured("share", figure, "%");
            evidence.while_busy(busy.map(str::to_owned));
            run(evidence, "holds")
        };
        let expect = "facts = { share = \"> 40\" }";
        assert_eq!(faults(expect, &with(8.5, None), &with(70.5, None)), "");
        assert_ne!(faults(expect, &with(60.5, None), &with(70.5, None)), "");
        let busy = faults(expect, &with(60.5, Some("others took it")), &with(70.5, None));
        assert_eq!(busy, "not here: others took it");
        assert_eq!(faults(expect, &with(8.5, Some("others took it")), &with(70.5, None)), "");
    }

    #[test]
    fn what_the_machine_cannot_show_is_no_fault() {
        let whole = run(Evidence::new().fact("kept", true), "holds");
        let hidden = run(Evidence::new().missing("kept", "one CPU"), "holds");
        assert_eq!(faults("facts = { kept = false }", &whole, &hidden), "not here: one CPU");
        let unshown = run(Evidence::new().fact("kept", true), "inconclusive here");
        let expect = "verdicts = { c = \"does not hold\" }";
        assert!(faults(expect, &unshown, &unshown).starts_with("not here"));
    }
}
